import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fer_core.emotions import FER2013_LABELS
from train.data.photographs import Photograph
from train.evaluation import bootstrap
from train.evaluation.photograph_metrics import photograph_figures
from train.evaluation.predictions import PhotographPredictions, most_confident_mistakes

ANGRY, HAPPY, NEUTRAL = (FER2013_LABELS.index(name) for name in ("angry", "happy", "neutral"))


def answered(
    *rows: tuple[str, str | None, float],
    people: Sequence[str] = (),
    unsure: Sequence[int] = (),
    details: Sequence[dict[str, str]] = (),
) -> PhotographPredictions:
    """Answers from label, answer (None: no face) and confidence of each photograph."""
    probabilities = np.full((len(rows), 7), np.nan)
    for row, (_, answer, confidence) in zip(probabilities, rows, strict=True):
        if answer is not None:
            row[:] = (1 - confidence) / 6
            row[FER2013_LABELS.index(answer)] = confidence
    uncertain = np.isin(np.arange(len(rows)), unsure)
    photographs = [
        Photograph(
            Path(f"{index}.jpg"),
            label,
            people[index] if people else "",
            details[index] if details else {},
        )
        for index, (label, *_) in enumerate(rows)
    ]
    boxes = np.tile([10, 10, 40, 40], (len(rows), 1))
    reliable = np.ones(len(rows), bool)
    crops = np.zeros((len(rows), 48, 48), np.uint8)
    return PhotographPredictions(photographs, probabilities, uncertain, boxes, reliable, crops)


FIVE = (
    ("angry", "angry", 0.9),
    ("angry", None, 0.0),
    ("happy", "happy", 0.8),
    ("happy", "neutral", 0.7),
    ("happy", "happy", 0.6),
)


class TestByHand:
    @pytest.fixture
    def figures(self) -> dict:
        return photograph_figures(answered(*FIVE, people=("a", "a", "b", "b", "c"), unsure=[2]))

    def test_a_face_that_is_not_found_is_read_wrong(self, figures: dict) -> None:
        assert (figures["n"], figures["n_found"], figures["n_people"]) == (5, 4, 3)
        assert figures["found"] == 4 / 5
        assert figures["support"] == {"angry": 2, "happy": 3}
        assert figures["not_found"] == {"angry": 1, "happy": 0}
        assert figures["recall"] == pytest.approx({"angry": 1 / 2, "happy": 2 / 3})
        assert figures["mean_recall"] == pytest.approx((1 / 2 + 2 / 3) / 2)

    def test_confusion_counts_the_faces_found(self, figures: dict) -> None:
        expected = np.zeros((7, 7), int)
        expected[ANGRY, ANGRY], expected[HAPPY, HAPPY], expected[HAPPY, NEUTRAL] = 1, 2, 1
        assert figures["confusion"] == expected.tolist()

    def test_calibration_is_of_the_faces_found(self, figures: dict) -> None:
        assert figures["ece"] == pytest.approx((0.1 + 0.2 + 0.7 + 0.4) / 4)
        assert [row["accuracy"] for row in figures["reliability"]] == [1, 0, 1, 1]  # .6 to .9
        assert [row["share"] for row in figures["reliability"]] == [1 / 4] * 4

    def test_coverage_is_what_is_not_uncertain(self, figures: dict) -> None:
        assert (figures["answered"], figures["n_answered"]) == (3 / 4, 3)
        assert figures["accuracy_answered"] == pytest.approx(2 / 3)
        assert figures["accuracy_at_70%"] == pytest.approx(2 / 3)  # the surest three
        assert figures["accuracy_at_100%"] == pytest.approx(3 / 4)

    def test_all_of_it_is_strict_json(self, figures: dict) -> None:
        json.dumps(figures, allow_nan=False)


class TestIntervals:
    def test_over_photographs_where_nobody_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bootstrap, "RESAMPLES", 100)
        rows = [("happy", "happy" if index % 3 else None, 0.9) for index in range(9)]
        rows.append(("angry", "angry", 0.9))  # in two of three resamples
        figures = photograph_figures(answered(*rows))
        assert figures["resampled"] == "photographs"
        assert "n_people" not in figures
        labels = np.array([label for label, *_ in rows])
        right = np.array([answer is not None for _, answer, _ in rows])
        drawn = np.random.default_rng(bootstrap.SEED).integers(10, size=(100, 10))
        recalls = [
            {name: right[row][labels[row] == name].mean() for name in np.unique(labels[row])}
            for row in drawn
        ]
        means = [np.mean(list(recall.values())) for recall in recalls]
        assert figures["mean_recall_interval"] == pytest.approx(np.percentile(means, (2.5, 97.5)))
        happy = [recall["happy"] for recall in recalls if "happy" in recall]
        assert figures["recall_interval"]["happy"] == pytest.approx(
            np.percentile(happy, (2.5, 97.5))
        )
        assert figures["recall_interval"]["angry"] == [1.0, 1.0]

    def test_over_people_where_they_are(self) -> None:
        rows = [("happy", "happy" if person % 2 else "sad", 0.8) for person in range(40)] * 4
        by_photograph = photograph_figures(answered(*rows))
        by_person = photograph_figures(
            answered(*rows, people=[str(row % 40) for row in range(160)])
        )
        assert by_person["resampled"] == "people"
        assert by_person["n_people"] == 40
        for key in ("mean_recall", "accuracy_answered", "ece"):
            assert by_person[key] == by_photograph[key]
        for key in ("mean_recall_interval", "accuracy_answered_interval"):
            wider = np.ptp(by_person[key]) / np.ptp(by_photograph[key])
            assert wider == pytest.approx(2, rel=0.15)  # four photographs of each
        assert np.ptp(by_person["recall_interval"]["happy"]) == pytest.approx(0.31, abs=0.04)


class TestEdges:
    def test_no_face_at_all(self) -> None:
        figures = photograph_figures(answered(("happy", None, 0.0), ("sad", None, 0.0)))
        assert figures["recall"] == {"happy": 0.0, "sad": 0.0}
        assert figures["n_found"] == figures["n_answered"] == 0
        for key in ("ece", "ece_interval", "answered", "accuracy_answered", "accuracy_at_70%"):
            assert figures[key] is None
        assert figures["reliability"] == []
        assert not np.any(figures["confusion"])
        json.dumps(figures, allow_nan=False)

    def test_nothing_is_answered(self) -> None:
        figures = photograph_figures(answered(("happy", "happy", 0.3), unsure=[0]))
        assert figures["answered"] == 0.0
        assert figures["accuracy_answered"] is figures["accuracy_answered_interval"] is None

    def test_groups_only_where_there_are_columns(self) -> None:
        row = ("happy", "happy", 0.9)
        assert "groups" not in photograph_figures(answered(row, details=[{"kind": "crop"}]))
        assert "groups" in photograph_figures(answered(row, details=[{"gender": "female"}]))


def test_mistakes_are_wrong_not_unsure_and_the_surest_first() -> None:
    said = answered(
        ("happy", "sad", 0.6),
        ("happy", "sad", 0.99),
        ("happy", "happy", 0.95),
        ("happy", "sad", 0.9),
        ("happy", "sad", 0.97),
        ("happy", None, 0.0),
        unsure=[1],
    )
    assert most_confident_mistakes(said, 10).tolist() == [4, 3, 0]
    assert most_confident_mistakes(said, 2).tolist() == [4, 3]
