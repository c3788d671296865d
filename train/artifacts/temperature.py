"""Calibrate a model without photographs, by temperature scaling on PublicTest."""

import hashlib
import json
import math
from dataclasses import replace
from datetime import UTC, datetime

from fer_core.calibration import Calibration, fit_temperature, risk_coverage
from fer_core.emotions import FER2013_LABELS
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import Float32Array, prepare_dataset_faces, preprocess
from train.data.dataset import Dataset, need_judged

COVERAGE = 0.9
"""Share of PublicTest that gets an emotion; the rest is "not sure"."""


def dataset_logits(model: EmotionModel, dataset: Dataset) -> dict[str, Float32Array]:
    """Compute both heads for every face, prepared and flip averaged as in the app."""
    spec = model.info.preprocessing
    return model.logits(preprocess(prepare_dataset_faces(dataset.faces, spec), spec))


def floor_threshold(threshold: float) -> float:
    """Round a threshold down to four digits, so that no face falls below it."""
    return math.floor(1e4 * threshold) / 1e4


def with_calibration(info: ModelInfo, calibration: Calibration, threshold: float) -> ModelInfo:
    """Replace calibration and abstention threshold, and drop the metrics of the old ones.

    Metrics of the heads stay. The new version is the date, and a digest of all that predictions
    depend on.
    """
    figures = {
        name: values
        for name, values in info.figures.items()
        if name.startswith(("fer2013_", "ferplus_"))
    }
    info = replace(info, calibration=calibration, abstention_threshold=threshold, figures=figures)
    served = {
        name: value
        for name, value in info.to_dict().items()
        if name not in ("name", "version", "figures", "training")
    }
    digest = hashlib.sha256(json.dumps(served, sort_keys=True).encode()).hexdigest()
    return replace(info, version=f"{datetime.now(UTC):%Y.%m.%d}+{digest[:8]}")


def calibrate_on_dataset(model: EmotionModel, public: Dataset) -> ModelInfo:
    """Fit temperature and abstention threshold on PublicTest.

    Fitted on the seven emotions of the ferplus head, on faces with a majority among the seven.
    Returns the model's info with them, without the metrics of the old calibration.

    Raises:
        DataError: no face of PublicTest has a majority among its votes.
    """
    judged = public.subset(need_judged(public.reference, "PublicTest"))
    labels, heads = judged.reference, dataset_logits(model, judged)
    temperature = fit_temperature(heads["ferplus"][:, : len(FER2013_LABELS)], labels)
    calibration = replace(
        round_calibration(Calibration.temperature(temperature)),
        fitted_on={"PublicTest": len(labels)},
    )
    probabilities = calibration.probabilities(heads)
    curve = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    threshold = floor_threshold(curve.threshold_at(COVERAGE))
    return with_calibration(model.info, calibration, threshold)


def round_calibration(calibration: Calibration) -> Calibration:
    """Round a calibration as model.json stores it, so that metrics are of what is served."""
    return Calibration.from_dict(calibration.to_dict())
