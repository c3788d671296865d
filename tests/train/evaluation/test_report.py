"""The report of an evaluation."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.calibration import softmax
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


def test_it_links_every_plot_that_lies_beside_it(tmp_path: Path) -> None:
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


def test_its_tables_say_what_was_measured(tmp_path: Path, undrawn: None) -> None:
    dataset = made_up(contempt=False)
    said = made_up_answers(dataset)
    text, _ = report(tmp_path, "PublicTest", said)
    right = (said.fer2013.argmax(axis=1) == dataset.labels).mean()
    assert f"| FER2013, accuracy (300) | {right:.3f} [" in text
    angry = dataset.labels == 0
    recall = (said.fer2013.argmax(axis=1) == 0)[angry].mean()
    _, by_fer2013 = text.split("## PublicTest by FER2013")
    measured, mistaken, *_ = re.findall(r"\| Angry \|.*", by_fer2013)
    cells = measured.strip("| ").split(" | ")
    assert cells[2] == f"{recall:.3f}"
    assert cells[5] == str(angry.sum())
    wrong = np.bincount(said.fer2013.argmax(axis=1)[angry], minlength=7)
    wrong[0] = 0
    share = wrong.max() / angry.sum()
    assert f"| {FER2013_LABELS[wrong.argmax()]} ({share:.0%})" in mistaken


def test_warnings_come_before_all_figures(tmp_path: Path, undrawn: None) -> None:
    said = made_up_answers(made_up())
    order = np.random.default_rng(9).permutation(300)
    shuffled = replace(
        said, fer2013=said.fer2013[order], ferplus=said.ferplus[order], seven=said.seven[order]
    )
    text, _ = report(tmp_path, "PublicTest", shuffled)
    assert text.index("> **Warning.** PublicTest by FER2013") < text.index("## Scores")
    assert text.count("> **Warning.**") == 2


def test_without_votes_it_names_fer2013_as_the_judge(tmp_path: Path, undrawn: None) -> None:
    dataset = made_up()
    without = Dataset(
        dataset.faces, dataset.labels, np.zeros_like(dataset.votes), dataset.rejections
    )
    text, written = report(tmp_path, "PublicTest", made_up_answers(without))
    assert "| prediction by FER2013 label, accuracy |" in text
    assert "PublicTest by FER+" not in text
    assert tmp_path / "confusion_ferplus.png" not in written


def test_a_model_without_mistakes_and_history_has_no_pictures_of_them(
    tmp_path: Path, undrawn: None
) -> None:
    text, written = report(tmp_path, "PrivateTest", made_up_answers(made_up(), noise=0.01))
    assert "## Plots of PrivateTest" in text
    assert "mistakes.png" not in text
    assert "learning_curves.png" not in text
    assert not {"mistakes.png", "learning_curves.png"} & {path.name for path in written}
