import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.train.evaluation.test_photograph_metrics import FIVE, answered
from train.evaluation.photograph_metrics import photograph_figures
from train.evaluation.photograph_report import (
    draw_photographs,
    group_texts,
    photo_rows,
    photo_section,
)
from train.evaluation.predictions import PhotographPredictions
from train.reporting import plots
from train.reporting.contact_sheet import Tile

WOMAN, MAN = {"gender": "female", "age": "20"}, {"gender": "male", "age": "40"}


@pytest.fixture
def said() -> PhotographPredictions:
    return answered(
        *FIVE, people=("a", "a", "b", "b", "c"), details=(WOMAN, WOMAN, MAN, MAN, WOMAN)
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures by their files' names; drawing them takes a second each."""
    figures: dict[str, Figure] = {}

    def keep(figure: Figure, path: Path) -> Path:
        figures[path.stem] = figure
        return path

    monkeypatch.setattr(plots, "save", keep)
    return figures


def cells(text: str, first: str) -> list[str]:
    """The cells of the table row that begins with a title."""
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_groups_have_a_table_and_notes(said: PhotographPredictions) -> None:
    (text,) = group_texts(photograph_figures(said))
    assert re.search(r"gender: female \| 2 \| 1 of 1, 1\.000 \[0\.\d+, 1\.000\]", text)
    assert "gender: too few people to tell" in text


class TestSection:
    def test_its_tables_say_what_was_measured(self, said: PhotographPredictions) -> None:
        text = photo_section("press", photograph_figures(said))
        assert text.startswith("## Photographs: press\n\n5 photographs of 3 people.")
        assert cells(text, "face found") == ["face found", "0.800"]
        assert cells(text, "Angry")[1:3] == ["2", "1"]
        assert cells(text, "Angry")[4] == "no face (50%)"
        assert cells(text, "Happy")[3].startswith("0.667 [")
        assert cells(text, "Happy")[4] == "neutral (33%)"

    def test_no_table_has_more_than_six_columns(self, said: PhotographPredictions) -> None:
        text = photo_section("press", photograph_figures(said))
        widths = [line.count("|") - 1 for line in text.splitlines() if line.startswith("|")]
        assert max(widths) <= 6

    def test_groups_have_a_column_for_each_label_that_occurs(
        self, said: PhotographPredictions
    ) -> None:
        text = photo_section("press", photograph_figures(said))
        assert cells(text, "group") == ["group", "people", "happy read as happy"]
        assert cells(text, "gender: male")[1:] == ["1", "1 of 2, 0.500 [0.000, 0.793]"]
        assert "- age: too few people to tell any but large differences (below 30)" in text

    def test_without_groups_nothing_is_said_of_them(self) -> None:
        assert "Groups" not in photo_section("press", photograph_figures(answered(*FIVE)))


def test_side_by_side_each_program_has_a_cell(said: PhotographPredictions) -> None:
    other = answered(*[(label, "happy", 0.5) for label, *_ in FIVE])
    rows = photo_rows("press", [photograph_figures(said), photograph_figures(other)])
    assert all(len(row) == 3 for row in rows)
    by_title = {title: tuple(cell.split()[0] for cell in row) for title, *row in rows}
    assert by_title["press: images"] == ("5", "5")
    assert by_title["press: mean recall"] == ("0.583", "0.500")
    assert by_title["press: recall of angry (2)"] == ("0.500", "0.000")
    assert by_title["press: face found"] == ("0.800", "1.000")


class TestPlots:
    @pytest.fixture
    def pictures(self, tmp_path: Path, said: PhotographPredictions) -> PhotographPredictions:
        """The answers with pictures of a grey shade each, and the faces' boxes at their edge."""
        saved = []
        for index, photograph in enumerate(said.photographs):
            path = tmp_path / f"{index}.png"
            Image.fromarray(np.full((80, 60, 3), 40 * index + 20, np.uint8)).save(path)
            saved.append(replace(photograph, path=path))
        return replace(said, photographs=saved)

    def test_each_is_told_with_a_title(
        self, pictures: PhotographPredictions, tmp_path: Path, drawn: dict[str, Figure]
    ) -> None:
        told = draw_photographs(tmp_path / "new", "press", photograph_figures(pictures), pictures)
        assert list(drawn) == ["confusion", "reliability", "risk_coverage"]
        assert [plot.path.stem for plot in told] == [*drawn, "mistakes"]
        assert all(plot.title and plot.text for plot in told)

    def test_confusion_shows_labels_that_occur_and_faces_not_found(
        self, pictures: PhotographPredictions, tmp_path: Path, drawn: dict[str, Figure]
    ) -> None:
        draw_photographs(tmp_path, "press", photograph_figures(pictures), pictures)
        axes = drawn["confusion"].axes[0]
        assert [text.get_text() for text in axes.get_yticklabels()] == ["Angry (2)", "Happy (3)"]
        assert axes.get_xticklabels()[-1].get_text() == "No face"
        shown = {text.get_position(): text.get_text() for text in axes.texts}
        assert shown == {(0, 0): "50", (7, 0): "50", (3, 1): "67", (6, 1): "33"}

    def test_mistakes_are_cropped_with_their_surroundings(
        self,
        pictures: PhotographPredictions,
        tmp_path: Path,
        drawn: dict[str, Figure],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        tiles: list[Tile] = []
        monkeypatch.setattr(
            "train.reporting.contact_sheet.draw_contact_sheet",
            lambda sections, path, **_: tiles.extend(*sections.values()),
        )
        draw_photographs(tmp_path, "press", photograph_figures(pictures), pictures)
        pictures.boxes[3] = 0, 40, 40, 80
        draw_photographs(tmp_path, "press", photograph_figures(pictures), pictures)
        inside, at_edge = tiles
        assert inside.caption == "Happy predicted as Neutral\n70%, 3.png"
        assert inside.image is not None
        assert inside.image.shape == (45, 45, 3)  # 1.5 times the box's 30 pixels
        assert (inside.image == 140).all()
        assert at_edge.image is not None
        assert at_edge.image.shape == (50, 50, 3)  # as far as the image goes

    def test_without_a_face_there_is_only_confusion(
        self, tmp_path: Path, drawn: dict[str, Figure]
    ) -> None:
        nobody = answered(("happy", None, 0.0))
        told = draw_photographs(tmp_path, "press", photograph_figures(nobody), nobody)
        assert [plot.title for plot in told] == ["Confusion"]
        assert list(drawn) == ["confusion"]
