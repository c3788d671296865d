import json
from pathlib import Path

import numpy as np
import pytest

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec, prepare_dataset_face, preprocess
from train.dataset import Dataset, load_splits
from train.evaluate import classification_figures, compact, evaluate, main
from train.synthetic import write_synthetic_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_synthetic_dataset(folder, (35, 70, 70))
    return folder


def model_that_knows(dataset: Dataset, *, out_of_step: int = 0) -> EmotionModel:
    """Right on every picture of a dataset, by looking it up; or answers of the n-th next row."""
    spec = PreprocessingSpec()
    info = ModelInfo("oracle", "0", "none", "", spec, False, 1.0, 0.5)
    crops = np.stack([prepare_dataset_face(face, spec) for face in dataset.faces])
    known = {picture.tobytes(): row for row, picture in enumerate(preprocess(crops, spec))}
    labels = np.roll(dataset.labels, -out_of_step)
    majority = np.roll(dataset.majority, -out_of_step)

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        rows = [known[picture.tobytes()] for picture in inputs]
        return {
            "ferplus": 9.0 * np.eye(8, dtype=np.float32)[majority[rows]],
            "fer2013": 9.0 * np.eye(7, dtype=np.float32)[labels[rows]],
        }

    return EmotionModel(forward, info)


def public_and_private(splits: dict[str, Dataset]) -> Dataset:
    public, private = splits["PublicTest"], splits["PrivateTest"]
    return Dataset(
        *(
            np.concatenate([getattr(public, name), getattr(private, name)])
            for name in ("faces", "labels", "votes", "rejections")
        )
    )


def test_a_model_that_is_right_scores_one_everywhere(data: Path) -> None:
    splits = load_splits(data)
    figures = evaluate(model_that_knows(public_and_private(splits)), splits)
    for name in ("fer2013_public", "fer2013_private", "ferplus_public", "ferplus_private"):
        assert figures[name]["accuracy"] == 1.0
        assert figures[name]["macro_f1"] == 1.0
    assert figures["happy_sad"] == {"accuracy": 1.0, "n": 20}


def test_answers_out_of_step_with_their_pictures_are_noticed(data: Path) -> None:
    """A predecessor's 17 %: predictions and labels in different orders."""
    splits = load_splits(data)
    figures = evaluate(model_that_knows(public_and_private(splits), out_of_step=1), splits)
    assert figures["fer2013_private"]["accuracy"] < 0.05
    assert figures["ferplus_private"]["accuracy"] < 0.05


def test_public_only_leaves_private_test_unread(data: Path) -> None:
    splits = load_splits(data)
    oracle = model_that_knows(splits["PublicTest"])  # would fail on a picture of PrivateTest
    figures = evaluate(oracle, splits, public_only=True)
    assert set(figures) == {
        "fer2013_public",
        "ferplus_public",
        "happy_sad_public",
        "calibration_public",
        "coverage_public",
    }


def test_accuracy_macro_f1_and_recall_by_hand() -> None:
    logits = np.eye(3)[[0, 0, 1, 1, 2, 0]]
    labels = np.array([0, 0, 0, 1, 1, -1])  # the last is not judged; class 2 does not occur
    copies = np.array([True, False, False, False, False, False])
    figures = classification_figures(logits, labels, copies, ("a", "b", "c"))
    assert figures["n"] == 5
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert figures["accuracy_deduplicated"] == pytest.approx(2 / 4)
    assert figures["recall"] == pytest.approx({"a": 2 / 3, "b": 1 / 2})
    assert figures["f1"] == pytest.approx({"a": 4 / 5, "b": 1 / 2})
    assert figures["macro_f1"] == pytest.approx((4 / 5 + 1 / 2) / 2)
    assert figures["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]


def test_copies_of_training_pictures_are_left_out_of_the_deduplicated_score(data: Path) -> None:
    splits = load_splits(data)
    private = splits["PrivateTest"]
    known = private.subset(np.arange(30))
    figures = evaluate(model_that_knows(public_and_private(splits)), {**splits, "Training": known})
    assert figures["fer2013_private"]["n_deduplicated"] == len(private) - 30


def test_the_command_writes_the_promised_keys(smoke_run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "figures.json"
    main(["--model", str(smoke_run), "--data", str(data), "--json", str(out)])
    figures = json.loads(out.read_text())
    for split in ("public", "private"):
        for kind, classes in (("fer2013", FER2013_LABELS), ("ferplus", FERPLUS_LABELS)):
            values = figures[f"{kind}_{split}"]
            assert {"accuracy", "macro_f1", "accuracy_deduplicated", "n"} <= set(values)
            assert len(values["confusion"]) == len(classes)
    assert {"accuracy", "n"} <= set(figures["happy_sad"])
    assert {"ece", "nll", "brier"} <= set(figures["calibration"])
    for picture in ("confusion_private.png", "reliability_private.png"):
        assert (out.parent / picture).stat().st_size > 5_000


def test_the_command_prints_the_row_for_the_log(
    smoke_run: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--model", str(smoke_run), "--data", str(data)])
    assert "PrivateTest was read; the row for the log" in capsys.readouterr().out


def test_evaluation_and_the_app_give_the_same_answers(smoke_run: Path, data: Path) -> None:
    from fer_core import EmotionRecognizer

    recognizer = EmotionRecognizer.load(smoke_run)
    splits = load_splits(data)
    private = splits["PrivateTest"]
    answers = recognizer.recognize_crops(private.faces)
    named = np.array([FER2013_LABELS.index(answer.label) for answer in answers])
    expected = float((named == private.majority)[private.majority >= 0].mean())
    figures = evaluate(recognizer.model, splits)
    assert figures["coverage"]["accuracy_at_100%"] == pytest.approx(expected)


def test_compact_keeps_numbers_only() -> None:
    figures = {"a": {"accuracy": 0.123456, "n": 3, "confusion": [[1]], "recall": {"x": 1.0}}}
    assert compact(figures) == {"a": {"accuracy": 0.1235, "n": 3}}
