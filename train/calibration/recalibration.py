"""Calibrate the model of a folder, on photographs or on PublicTest."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fer_core.model import MODEL_JSON, EmotionModel, ModelInfo
from fer_core.recognizer import EmotionRecognizer
from train.artifacts.model_folder import write_info
from train.artifacts.temperature import calibrate_on_dataset
from train.calibration.photographs import (
    calibrate_on_photographs,
    dataset_faces,
    default_weights,
    trade_off,
)
from train.data.dataset import Dataset
from train.data.photographs import read_photograph_sets
from train.errors import DataError
from train.evaluation.predictions import predict_photographs
from train.reporting.markdown import table

SHOWN = {
    "mean_recall": "mean recall",
    "ece": "calibration error",
    "answered": "answered",
    "accuracy_answered": "accuracy of these",
}
"""Metrics that are printed, with their titles."""


def recalibrate(
    model: Path,
    public: Dataset | None,
    photos: Sequence[Path] = (),
    weights: Mapping[str, float] | None = None,
    trade_off_figure: Path | None = None,
) -> None:
    """Fit the calibration of a model, print every candidate's loss, and write model.json.

    Args:
        model: its folder.
        public: PublicTest, to fit on: alone, or with a lower weight beside photographs.
        photos: folders of photographs with labels.csv, to fit on.
        weights: of the photographs of a cell, by "LABEL" or "SET/LABEL", instead of 1.
        trade_off_figure: PNG for the effect of the weight of neutral faces; None for no plot.

    Raises:
        DataError: there is nothing to fit on, or `weights` names a cell that does not occur.
        ModelLoadError: the model cannot be loaded.
    """
    if photos:
        info = _on_photographs(model, public, photos, weights or {}, trade_off_figure)
    elif public is not None:
        info = calibrate_on_dataset(EmotionModel.load(model), public)
    else:
        raise DataError("there is nothing to calibrate on; name photographs or the dataset.")
    write_info(model, info)
    print(
        f"wrote the calibration, {info.calibration.form}, and the abstention threshold, "
        f"{info.abstention_threshold}, into {MODEL_JSON} of {model}; the metrics of the old "
        "calibration were removed: python -m train.evaluate --record"
    )


def _on_photographs(
    model: Path,
    public: Dataset | None,
    photos: Sequence[Path],
    weights: Mapping[str, float],
    trade_off_figure: Path | None,
) -> ModelInfo:
    folders = read_photograph_sets(photos)
    recognizer = EmotionRecognizer.load(model)
    sets = {name: predict_photographs(recognizer, of_set) for name, of_set in folders.items()}
    dataset = None if public is None else dataset_faces(recognizer.model, public)
    special = default_weights(sets, dataset)
    if trade_off_figure and "neutral" not in special:
        raise DataError("--trade-off needs photographs of neutral faces.")
    special |= weights
    info, candidates = calibrate_on_photographs(recognizer.model.info, sets, special, dataset)
    rows = [
        (one.form, f"{one.strength:g}", f"{one.loss:.4f}", f"{one.behind:.4f}", f"{one.error:.4f}")
        for one in candidates
    ]
    print("Cross-validated loss by form and strength, and its distance from the best, ± 1 error")
    print(table(("form", "strength", "loss", "behind", "±"), rows))
    for name, told in info.calibration.figures["cross_validated"].items():
        recalls = "  ".join(f"{label} {value:.3f}" for label, value in told["recall"].items())
        # Undefined metrics are missing, such as the accuracy where all is "not sure".
        shown = {key: f"{told[key]:.3f}" if key in told else "-" for key in SHOWN}
        words = ", ".join(f"{SHOWN[key]} {value}" for key, value in shown.items())
        print(f"{name}, cross-validated: {words}\n  {recalls}")
    if trade_off_figure:
        lines = trade_off(info, sets, special, dataset)
        print(table(list(lines[0]), [[f"{value:.3f}" for value in row.values()] for row in lines]))
        from train.reporting import plots

        title = "Effect of the weight of neutral faces, cross-validated"
        plots.trade_off(lines, special["neutral"], trade_off_figure, title)
    return info
