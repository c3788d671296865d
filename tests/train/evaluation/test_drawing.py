from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.train.evaluation.test_photograph_metrics import FIVE, answered
from train.evaluation import drawing
from train.evaluation.drawing import draw_photographs
from train.evaluation.photograph_metrics import photograph_figures
from train.evaluation.predictions import PhotographPredictions
from train.reporting import plots
from train.reporting.contact_sheet import Tile


@pytest.fixture
def said() -> PhotographPredictions:
    return answered(*FIVE, people=("a", "a", "b", "b", "c"))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures by their files' names; drawing them takes a second each."""
    figures: dict[str, Figure] = {}

    def keep(figure: Figure, path: Path) -> Path:
        figures[path.stem] = figure
        return path

    monkeypatch.setattr(plots, "save", keep)
    return figures


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
            drawing,
            "draw_contact_sheet",
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
