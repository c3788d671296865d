from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from fer_core.calibration import reliability, risk_coverage, softmax
from fer_core.emotions import FER2013_LABELS
from tests.train.evaluation.test_report import HISTORY, assert_is_a_picture
from train.reporting import plots


@pytest.fixture(autouse=True)
def few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "DPI", 80)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, instead of files."""
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure) or path)
    return figures


class TestPlots:
    def test_confusion_in_per_cent_of_each_row(self, tmp_path: Path, drawn: list[Figure]) -> None:
        counts = [[3, 1, 0], [0, 0, 0], [1, 1, 998]]
        plots.confusion_matrix(counts, FER2013_LABELS[:3], tmp_path / "x.png", "x")
        axes = drawn[0].axes[0]
        cells = {(text.get_position()[::-1]): text.get_text() for text in axes.texts}
        assert cells == {(0, 0): "75", (0, 1): "25", (2, 2): "100"}  # (row, column)
        assert [label.get_text() for label in axes.get_yticklabels()] == [
            "Angry (4)",
            "Disgust (0)",
            "Fear (1,000)",
        ]

    def test_confusion_with_answers_that_are_no_labels(
        self, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        answers = (*FER2013_LABELS[:2], "no face")
        plots.confusion_matrix([[1, 2, 1]], ["disgust"], tmp_path / "x.png", "x", answers=answers)
        axes = drawn[0].axes[0]
        assert [label.get_text() for label in axes.get_xticklabels()] == [
            "Angry",
            "Disgust",
            "No face",
        ]
        bold = [text.get_text() for text in axes.texts if text.get_weight() == "bold"]
        assert bold == ["50"]

    def test_roc_curves_by_class(self, tmp_path: Path, drawn: list[Figure]) -> None:
        straight, corner = (np.array([0, 1]), np.array([0, 1])), (np.array([0, 0, 1]), [0, 1, 1])
        curves = {
            "FER2013": {"angry": straight, "macro": straight},
            "FER+": {"angry": corner, "contempt": corner, "macro": corner},
        }
        areas = {
            "FER2013": {"angry": 0.5, "macro": 0.5},
            "FER+": {"angry": 1.0, "contempt": 1.0, "macro": 1.0},
        }
        plots.roc(curves, areas, tmp_path / "x.png", "ROC")
        panels = {axes.get_title(): axes for axes in drawn[0].axes}
        assert list(panels) == ["Angry", "Contempt", "Mean"]
        words = [text.get_text() for text in panels["Angry"].texts]
        assert words == ["FER2013  0.500", "FER+  1.000"]
        assert [text.get_text() for text in panels["Contempt"].texts] == ["FER+  1.000"]
        assert panels["Angry"].lines[2].get_ydata() == pytest.approx([0, 1, 1])

    def test_reliability_stands_above_its_confidence(
        self, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        labels = np.arange(400) % 7
        scores = softmax(np.random.default_rng(0).normal(size=(400, 7)) + np.eye(7)[labels])
        bins = reliability(scores, labels)
        rows = [
            {"confidence": row.confidence, "accuracy": row.accuracy, "share": row.share}
            for row in bins
        ]
        plots.reliability_diagram(rows, tmp_path / "x.png", "x")
        upper, lower = drawn[0].axes
        assert upper.lines[1].get_xdata() == pytest.approx([row.confidence for row in bins])
        assert upper.lines[1].get_ydata() == pytest.approx([row.accuracy for row in bins])
        assert [bar.get_height() for bar in lower.patches] == pytest.approx(
            [row.share for row in bins]
        )

    def test_risk_and_coverage_mark_what_the_app_answers(
        self, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        curve = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, False]))
        plots.risk_coverage(curve, 0.75, 2 / 3, tmp_path / "x.png", "risk")
        axes = drawn[0].axes[0]
        line, app = axes.lines[1], axes.lines[2]
        assert line.get_xdata() == pytest.approx([0.25, 0.5, 0.75, 1])
        assert line.get_ydata() == pytest.approx([0, 0, 1 / 3, 1 / 2])
        assert (*app.get_xdata(), *app.get_ydata()) == pytest.approx((0.75, 1 / 3))

    def test_where_nothing_is_answered_nothing_is_marked(
        self, tmp_path: Path, drawn: list[Figure]
    ) -> None:
        curve = risk_coverage(np.array([0.5, 0.4]), np.array([True, True]))
        plots.risk_coverage(curve, 0.0, None, tmp_path / "x.png", "risk")
        assert len(drawn[0].axes[0].lines) == 2

    def test_learning_curves_mark_the_best_epoch(self, tmp_path: Path, drawn: list[Figure]) -> None:
        plots.learning_curves(HISTORY, 2, tmp_path / "x.png")
        left, right = drawn[0].axes
        assert left.lines[0].get_ydata() == pytest.approx([2.5, 2, 1.5])
        assert right.lines[0].get_ydata() == pytest.approx([0.45, 0.5, 0.55])
        assert right.lines[1].get_ydata() == pytest.approx([0.6, 0.7, 0.8])
        for axes in (left, right):
            assert list(axes.lines[-1].get_xdata()) == [2, 2]

    def test_one_epoch_is_a_curve_too(self, tmp_path: Path) -> None:
        assert_is_a_picture(plots.learning_curves(HISTORY[:1], 1, tmp_path / "x.png"))
