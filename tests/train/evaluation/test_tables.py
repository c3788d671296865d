from collections.abc import Iterator

import numpy as np
import pytest

from tests.train.evaluation.test_label_check import random_labels
from tests.train.evaluation.test_photograph_metrics import FIVE, answered
from train.evaluation.metrics import answer_figures
from train.evaluation.photograph_metrics import photograph_figures
from train.evaluation.predictions import PhotographPredictions
from train.evaluation.tables import class_sections, photograph_section, summary

WOMAN, MAN = {"gender": "female", "age": "20"}, {"gender": "male", "age": "40"}


@pytest.fixture
def said() -> PhotographPredictions:
    return answered(
        *FIVE, people=("a", "a", "b", "b", "c"), details=(WOMAN, WOMAN, MAN, MAN, WOMAN)
    )


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of all tables."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def cells(text: str, first: str) -> list[str]:
    """The cells of the row that begins with a title."""
    (row,) = (row for row in rows(text) if row[0] == first)
    return row


class TestPhotographs:
    def test_tables_say_what_was_measured(self, said: PhotographPredictions) -> None:
        text = photograph_section("press", photograph_figures(said))
        assert text.startswith("## Photographs: press\n\n5 photographs of 3 people.")
        assert cells(text, "face found") == ["face found", "0.800"]
        assert cells(text, "Angry")[1:3] == ["2", "1"]
        assert cells(text, "Angry")[4] == "no face (50%)"
        assert cells(text, "Happy")[3].startswith("0.667 [")
        assert cells(text, "Happy")[4] == "neutral (33%)"
        assert max(map(len, rows(text))) <= 6

    def test_groups_have_a_column_for_each_label_that_occurs(
        self, said: PhotographPredictions
    ) -> None:
        text = photograph_section("press", photograph_figures(said))
        assert cells(text, "group") == ["group", "people", "happy read as happy"]
        assert cells(text, "gender: male")[1:] == ["1", "1 of 2, 0.500 [0.000, 0.793]"]
        assert "- age: too few people to tell any but large differences (below 30)" in text

    def test_without_groups_nothing_is_said_of_them(self) -> None:
        assert "Groups" not in photograph_section("press", photograph_figures(answered(*FIVE)))

    def test_side_by_side_each_program_has_a_cell(self, said: PhotographPredictions) -> None:
        other = photograph_figures(answered(*[(label, "happy", 0.5) for label, *_ in FIVE]))
        figures = {
            "photos": {"press": photograph_figures(said)},
            "peers": {"fer": {"photos": {"press": other}}},
            "warnings": ["of something"],
        }
        text = summary(figures)
        titles = [row[0].removeprefix("press: ") for row in rows(text) if "press: " in row[0]]
        assert titles == [
            "images",
            "face found",
            "mean recall",
            "expected calibration error, faces found",
            *(f"accuracy of the most confident {n}0%, faces found" for n in (7, 8, 9)),
            "not “not sure”, faces found",
            "accuracy of these",
            "recall of angry (2)",
            "recall of happy (3)",
        ]
        assert cells(text, "photographs")[1:] == ["ours", "fer"]
        for title, expected in (
            ("images", ["5", "5"]),
            ("mean recall", ["0.583", "0.500"]),
            ("recall of angry (2)", ["0.500", "0.000"]),
            ("face found", ["0.800", "1.000"]),
        ):
            told = cells(text, f"press: {title}")[1:]
            assert [cell.split()[0] for cell in told] == expected
        assert cells(text, "gender: female")[1] == "2"
        assert text.endswith("WARNING: of something")


def test_classes_have_their_scores_and_what_they_are_mistaken_for() -> None:
    labels = random_labels(400)
    scores = np.eye(7)[np.where(np.arange(400) % 4, labels, 6)]  # every fourth is neutral
    figures = answer_figures(scores, labels, 0.5, np.zeros(400, bool))
    (text,) = class_sections({"answer": figures["answer"]})
    assert text.startswith("## Calibrated prediction on PrivateTest\n")
    scored, mistaken = (row for row in rows(text) if row[0] == "Angry")
    assert scored[1] == "1.000"  # precision
    assert scored[5] == f"{(labels == 0).sum()}"
    assert mistaken[1].startswith("neutral (")
    assert cells(text, "macro")[1] == f"{figures['answer']['macro_precision']:.3f}"
    assert max(map(len, rows(text))) <= 6
