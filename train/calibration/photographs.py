"""Calibrate a model on photographs, and evaluate the calibration by cross-validation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import expected_calibration_error, risk_coverage
from fer_core.emotions import FER2013_LABELS
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array
from train.artifacts.temperature import (
    dataset_logits,
    floor_threshold,
    round_calibration,
    with_calibration,
)
from train.calibration.fitting import (
    Candidate,
    Faces,
    FloatArray,
    IntArray,
    LabelledLogits,
    cell_weights,
    choose,
    compare,
    cross_validate,
    fit,
    join_sets,
)
from train.data.dataset import Dataset, need_judged
from train.data.duplicates import connected_groups, near_pairs
from train.data.photographs import digest, person_keys
from train.errors import DataError
from train.evaluation.figures import compact_photographs
from train.evaluation.predictions import PhotographPredictions

NEUTRAL_WEIGHT = 1.5
"""Chosen by the trade-off that the model card shows; `--weight neutral=NUMBER` sets another."""
TRADE_OFF = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
RAREST = ("disgust", "fear", "sad")
"""The rare emotions whose mean recall the trade-off reports."""
ANSWERED = 0.75
"""Share of the faces found that gets an emotion; the rest is "not sure"."""
MANY_EMOTIONS = 5
"""Labels of the sets that decide the threshold; posed neutral faces alone are too easy."""

DATASET = "PublicTest"
"""Set of the dataset's faces that take part in the fit, by the FER+ majority."""
DATASET_WEIGHT = 0.5
"""Of each of its cells. Features of the faces in a few sets of photographs say also which set a
face is from; among the many more faces of FER2013 that is of no use."""

Sets = Mapping[str, PhotographPredictions]


def dataset_faces(model: EmotionModel, public: Dataset) -> LabelledLogits:
    """Predict the faces of PublicTest with a majority among the seven emotions.

    Raises:
        DataError: there is none.
    """
    judged = public.subset(need_judged(public.reference, DATASET))
    people = np.arange(len(judged)).astype(str)
    return LabelledLogits(dataset_logits(model, judged), judged.reference, people, judged.faces)


def default_weights(sets: Sets, dataset: LabelledLogits | None) -> dict[str, float]:
    """Make the weights of cells that are not 1 by default, as `cell_weights` takes them."""
    labels = np.concatenate([one.labels[one.found] for one in sets.values()])
    neutral = FER2013_LABELS.index("neutral")
    weights = {"neutral": NEUTRAL_WEIGHT} if (labels == neutral).any() else {}
    if dataset is not None:
        for label in np.unique(dataset.labels):
            weights[f"{DATASET}/{FER2013_LABELS[label]}"] = DATASET_WEIGHT
    return weights


def faces_of(
    sets: Sets, special: Mapping[str, float], dataset: LabelledLogits | None = None
) -> Faces:
    """Collect the faces found in sets of photographs, and behind them those of the dataset.

    Raises:
        DataError: no face was found, or `special` names a cell that does not occur.
    """
    parts = {
        name: LabelledLogits(
            {head: logits[one.found] for head, logits in one.logits.items()},
            one.labels[one.found],
            person_keys(one.photographs)[one.found],
            one.crops[one.found],
        )
        for name, one in sets.items()
    }
    if not any(len(part.labels) for part in parts.values()):
        raise DataError("no face was found in the photographs; there is nothing to fit.")
    if dataset is not None:
        parts[DATASET] = dataset
    faces = join_sets(parts, special)
    crops = [crop for part in parts.values() for crop in part.crops]
    return replace(faces, people=join_copies(faces.people, crops))


def join_copies(people: NDArray[np.str_], crops: Sequence[UInt8Array]) -> NDArray[np.str_]:
    """Give faces of one photograph, however cropped or printed, the same person's key.

    Otherwise a fold would be evaluated on photographs that its calibration was fitted on.

    Args:
        people: (N,) keys.
        crops: N of (h, w) uint8 grey.

    Returns:
        (N,) keys, equal where people or photographs are the same, transitively.
    """
    _, numbers = np.unique(people, return_inverse=True)
    size = (DATASET_FACE_SIZE, DATASET_FACE_SIZE)
    small = [cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops]
    pairs = near_pairs(np.array(small, np.uint8)).pairs
    first = {number: row for row, number in reversed(list(enumerate(numbers.tolist())))}
    pairs += [(first[number], row) for row, number in enumerate(numbers.tolist())]
    return connected_groups(len(people), pairs).astype(str)


def sets_fitted_on(info: ModelInfo, sets: Sets) -> list[str]:
    """Name the sets that a calibration was fitted on, as their digests tell."""
    digests = info.calibration.figures.get("digests", {})
    return [
        name
        for name, one in sets.items()
        if name in digests and digests[name] == digest(one.photographs)
    ]


def held_out_predictions(
    info: ModelInfo, sets: Sets, dataset: LabelledLogits | None = None
) -> dict[str, PhotographPredictions]:
    """Predict photographs by calibrations that were fitted without the same people.

    Args:
        info: with a calibration fitted on photographs.
        sets: by name, at least those that it was fitted on, which are returned.
        dataset: faces of PublicTest, if it was fitted on them, too.
    """
    calibration = info.calibration
    fitted = {name: sets[name] for name in calibration.fitted_on if name != DATASET}
    faces = faces_of(fitted, calibration.figures["weights"], dataset)
    probabilities = cross_validate(calibration.form, calibration.figures["strength"], faces)
    return _with_probabilities(fitted, probabilities, info.abstention_threshold)


def _with_probabilities(
    sets: Sets, probabilities: FloatArray, threshold: float
) -> dict[str, PhotographPredictions]:
    """Replace the probabilities of the faces found, row by row; further rows are left over."""
    ends = np.cumsum([predictions.found.sum() for predictions in sets.values()])
    replaced = {}
    parts = np.split(probabilities, ends)[: len(ends)]
    for (name, predictions), rows in zip(sets.items(), parts, strict=True):
        full = np.full((len(predictions.found), len(FER2013_LABELS)), np.nan)
        full[predictions.found] = rows
        unsure = (np.nan_to_num(full).max(axis=1) < threshold) | ~predictions.reliable
        replaced[name] = replace(predictions, probabilities=full, uncertain=unsure)
    return replaced


def choose_threshold(sets: Sets, probabilities: FloatArray) -> float:
    """Find the confidence above which `ANSWERED` of the faces lie, in sets of `MANY_EMOTIONS`.

    It is 0 where there is no such set, or too few faces are reliable.

    Args:
        sets: of the faces.
        probabilities: (N, 7) of the faces found, row by row.
    """
    reliable = np.concatenate([one.reliable[one.found] for one in sets.values()])
    has_many = [len(set(one.labels)) >= MANY_EMOTIONS for one in sets.values()]
    counted = np.repeat(has_many, [one.found.sum() for one in sets.values()])
    confidence = np.where(reliable, probabilities.max(axis=1), 0.0)[counted]
    if not len(confidence):
        return 0.0
    return risk_coverage(confidence, confidence > 0).threshold_at(ANSWERED)


def calibrate_on_photographs(
    info: ModelInfo,
    sets: Sets,
    special: Mapping[str, float],
    dataset: LabelledLogits | None = None,
) -> tuple[ModelInfo, list[Candidate]]:
    """Choose, fit and evaluate a calibration on photographs.

    Args:
        info: of the model that gave the logits.
        sets: from `predict_photographs`, by name.
        special: weights of cells, as in `cell_weights`.
        dataset: faces of PublicTest to fit on, too.

    Returns:
        The new info, with cross-validated metrics and without those of the old calibration; the
        candidates.

    Raises:
        DataError: no face was found, or too few; or `special` names a cell that does not occur.
    """
    from train.evaluation.photograph_metrics import photograph_figures

    faces = faces_of(sets, special, dataset)
    candidates = compare(faces)
    best = choose(candidates)
    of_dataset = faces.sets == DATASET
    threshold = floor_threshold(choose_threshold(sets, best.held_out[~of_dataset]))
    figures = {
        name: compact_photographs(photograph_figures(predictions))
        for name, predictions in _with_probabilities(sets, best.held_out, threshold).items()
    }
    if dataset is not None:
        figures[DATASET] = majority_figures(dataset.labels, best.held_out[of_dataset])
    calibration = replace(
        round_calibration(fit(best.form, best.strength, faces)),
        fitted_on=dict(Counter(faces.sets.tolist())),
        figures={
            "strength": best.strength,
            "weights": dict(special),
            "loss": round(best.loss, 4),
            "digests": {name: digest(one.photographs) for name, one in sets.items()},
            "cross_validated": figures,
        },
    )
    return with_calibration(info, calibration, threshold), candidates


def trade_off(
    info: ModelInfo,
    sets: Sets,
    special: Mapping[str, float],
    dataset: LabelledLogits | None,
) -> list[dict[str, Any]]:
    """Evaluate several weights of neutral faces, with form and strength of a calibration.

    Args:
        info: with a calibration fitted on photographs.
        sets: the photographs that it was fitted on.
        special: weights of cells; that of "neutral" is varied.
        dataset: faces of PublicTest, if it was fitted on them, too.

    Returns:
        For each weight, cross-validated: mean recall of sets with `MANY_EMOTIONS`, that of the
        rarest three, and recall of neutral faces by set; on PublicTest accuracy, mean recall and
        recall of neutral.
    """
    from train.evaluation.photograph_metrics import photograph_figures

    form, strength = info.calibration.form, info.calibration.figures["strength"]
    faces = faces_of(sets, special, dataset)
    rows = []
    for weight in TRADE_OFF:
        weights = cell_weights(faces.labels, faces.sets, {**special, "neutral": weight})
        probabilities = cross_validate(form, strength, replace(faces, weights=weights))
        row: dict[str, Any] = {"weight of neutral": weight}
        for name, predictions in _with_probabilities(sets, probabilities, 0.0).items():
            told = photograph_figures(predictions)
            recall = told["recall"]
            if len(recall) >= MANY_EMOTIONS:
                row[f"{name}: mean recall"] = told["mean_recall"]
            if set(RAREST) <= set(recall):
                rare = float(np.mean([recall[emotion] for emotion in RAREST]))
                row[f"{name}: {', '.join(RAREST)}"] = rare
            if "neutral" in recall:
                row[f"{name}: neutral"] = recall["neutral"]
        if dataset is not None:
            told = majority_figures(dataset.labels, probabilities[faces.sets == DATASET])
            row[f"{DATASET}: accuracy"] = told["accuracy"]
            row[f"{DATASET}: mean recall"] = told["mean_recall"]
            row[f"{DATASET}: neutral"] = told["recall"].get("neutral", float("nan"))
        rows.append(row)
    return rows


def majority_figures(labels: IntArray, probabilities: FloatArray) -> dict[str, Any]:
    """Compare (N, 7) probabilities with (N,) labels by the FER+ majority.

    Returns:
        `n`, `accuracy`, `mean_recall`, `ece`, and `recall` by emotion, rounded to four digits.
    """
    correct = probabilities.argmax(axis=1) == labels
    recall = {
        FER2013_LABELS[label]: round(float(correct[labels == label].mean()), 4)
        for label in np.unique(labels)
    }
    return {
        "n": len(labels),
        "accuracy": round(float(correct.mean()), 4),
        "mean_recall": round(float(np.mean(list(recall.values()))), 4),
        "ece": round(expected_calibration_error(probabilities, labels), 4),
        "recall": recall,
    }
