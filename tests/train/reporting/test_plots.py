import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fer_core.calibration import reliability, risk_coverage, softmax
from fer_core.emotions import FER2013_LABELS
from train.data.dataset import Dataset
from train.evaluation.figures import all_figures
from train.evaluation.predictions import SplitPredictions
from train.evaluation.report import write_report
from train.reporting import plots

ORIGIN = {
    "model": "fer-test",
    "version": "1.2",
    "commit": "0123456789ab",
    "date": "2026-01-02",
    "command": "python -m train.evaluate --model m --data DIR",
}
HISTORY = [
    {
        "epoch": epoch,
        "loss": 3 - 0.5 * epoch,
        "public_ferplus": 0.5 + 0.1 * epoch,
        "public_fer2013": 0.4 + 0.05 * epoch,
        "score": score,
    }
    for epoch, score in ((1, 0.5), (2, 0.7), (3, 0.6))
]


@pytest.fixture(autouse=True)
def few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "DPI", 80)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, instead of files."""
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure) or path)
    return figures


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the drawing, which takes seconds, for tests of the text."""
    for name in ("confusion_matrix", "roc", "reliability_diagram", "risk_coverage"):
        monkeypatch.setattr(
            plots, name, lambda *given, **_: next(p for p in given if isinstance(p, Path))
        )


def made_up(count: int = 300, *, contempt: bool = True) -> Dataset:
    """Random pictures, seven or eight emotions by FER+."""
    rng = np.random.default_rng(0)
    labels = rng.integers(7, size=count)
    votes = 10 * np.eye(8, dtype=np.int64)[labels]
    if contempt:
        votes[:10] = 10 * np.eye(8, dtype=np.int64)[7]
    faces = rng.integers(256, size=(count, 48, 48)).astype(np.uint8)
    return Dataset(faces, labels, votes, np.zeros((count, 2), np.int64))


def made_up_answers(dataset: Dataset, noise: float = 1.0) -> SplitPredictions:
    rng = np.random.default_rng(1)

    def scores(labels: np.ndarray, classes: int) -> np.ndarray:
        logits = 3 * np.eye(classes)[labels]
        return softmax(logits + noise * rng.normal(size=logits.shape))

    ferplus = scores(np.where(dataset.reference < 0, 0, dataset.reference), 8)
    seven = ferplus[:, :7] / ferplus[:, :7].sum(axis=1, keepdims=True)
    copies = np.zeros(len(dataset), bool)
    return SplitPredictions(dataset, copies, None, scores(dataset.labels, 7), ferplus, seven)


def report(
    folder: Path, split: str, said: SplitPredictions, history: list[dict[str, float]] | None = None
) -> tuple[str, list[Path]]:
    figures = all_figures({split: said}, 0.5)
    written = write_report(
        folder, figures, {split: said}, photographs={}, origin=ORIGIN, history=history or []
    )
    return (folder / "report.md").read_text(encoding="utf-8"), written


def assert_is_a_picture(path: Path) -> None:
    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("L"))
    assert min(pixels.shape) > 300
    assert pixels.std() > 5
    assert (pixels == 255).mean() < 0.99


class TestReport:
    def test_it_links_every_plot_that_lies_beside_it(self, tmp_path: Path) -> None:
        text, written = report(tmp_path / "new", "PublicTest", made_up_answers(made_up()), HISTORY)
        linked = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
        assert sorted(linked) == [
            "confusion.png",
            "confusion_fer2013.png",
            "confusion_ferplus.png",
            "learning_curves.png",
            "mistakes.png",
            "reliability.png",
            "risk_coverage.png",
            "roc.png",
        ]
        assert {path.name for path in written} == {"report.md", *linked}
        assert {path.name for path in (tmp_path / "new").iterdir()} == {"report.md", *linked}
        for name in linked:
            assert_is_a_picture(tmp_path / "new" / name)
        for value in ORIGIN.values():
            assert value in text
        assert "Warning" not in text
        for line in text.splitlines():
            assert "nan" not in line.lower().split()

    def test_its_tables_say_what_was_measured(self, tmp_path: Path, undrawn: None) -> None:
        dataset = made_up(contempt=False)
        said = made_up_answers(dataset)
        text, _ = report(tmp_path, "PublicTest", said)
        right = (said.fer2013.argmax(axis=1) == dataset.labels).mean()
        assert f"| FER2013, accuracy (300) | {right:.3f} [" in text
        angry = dataset.labels == 0
        recall = (said.fer2013.argmax(axis=1) == 0)[angry].mean()
        _, by_fer2013 = text.split("## PublicTest by FER2013")
        (row, *_) = re.findall(r"\| Angry \|.*", by_fer2013)
        cells = row.strip("| ").split(" | ")
        assert cells[2] == f"{recall:.3f}"
        assert cells[5] == str(angry.sum())
        wrong = np.bincount(said.fer2013.argmax(axis=1)[angry], minlength=7)
        wrong[0] = 0
        share = wrong.max() / angry.sum()
        assert cells[6].startswith(f"{FER2013_LABELS[wrong.argmax()]} ({share:.0%})")

    def test_warnings_come_before_all_figures(self, tmp_path: Path, undrawn: None) -> None:
        said = made_up_answers(made_up())
        order = np.random.default_rng(9).permutation(300)
        shuffled = replace(
            said, fer2013=said.fer2013[order], ferplus=said.ferplus[order], seven=said.seven[order]
        )
        text, _ = report(tmp_path, "PublicTest", shuffled)
        assert text.index("> **Warning.** PublicTest by FER2013") < text.index("## Scores")
        assert text.count("> **Warning.**") == 2

    def test_without_votes_it_names_fer2013_as_the_judge(
        self, tmp_path: Path, undrawn: None
    ) -> None:
        dataset = made_up()
        without = Dataset(
            dataset.faces, dataset.labels, np.zeros_like(dataset.votes), dataset.rejections
        )
        text, written = report(tmp_path, "PublicTest", made_up_answers(without))
        assert "| prediction by FER2013 label, accuracy |" in text
        assert "PublicTest by FER+" not in text
        assert tmp_path / "confusion_ferplus.png" not in written

    def test_a_model_without_mistakes_and_history_has_no_pictures_of_them(
        self, tmp_path: Path, undrawn: None
    ) -> None:
        text, written = report(tmp_path, "PrivateTest", made_up_answers(made_up(), noise=0.01))
        assert "## Plots of PrivateTest" in text
        assert "mistakes.png" not in text
        assert "learning_curves.png" not in text
        assert not {"mistakes.png", "learning_curves.png"} & {path.name for path in written}


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
