"""Compute the metrics of one set of photographs, with confidence intervals.

Every metric is a plain float or int, or None where it is undefined, so that it can be written as
strict JSON. Intervals are those of train.evaluation.bootstrap, over people where these are known.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from fer_core.emotions import FER2013_LABELS
from train.data.photographs import person_keys
from train.evaluation.bootstrap import interval, ratio, resampled_sums
from train.evaluation.metrics import (
    COVERAGES,
    accuracy,
    calibration_figures,
    coverage_figures,
    mean,
)
from train.evaluation.photograph_groups import group_figures
from train.evaluation.predictions import PhotographPredictions

NO_FACE_FOUND: dict[str, Any] = {
    **dict.fromkeys(("ece", "ece_interval", *(f"accuracy_at_{share:.0%}" for share in COVERAGES))),
    "reliability": [],
}
"""Calibration and coverage of a set without any face."""


def photograph_figures(predictions: PhotographPredictions) -> dict[str, Any]:
    """Compute recall, calibration and coverage of one set of photographs.

    Args:
        predictions: of at least one photograph.

    Returns:
        Of all photographs, where a face that is not found counts as wrong:
        n; n_people, where people are known; support by label; found, the share with a face, and
        not_found, the number without by label; recall by label and its mean over the labels,
        mean_recall; confusion, 7 rows of 7 (row: label, column: prediction) without the faces that
        are not found.
        Of the faces found:
        n_found; ece, the expected calibration error; reliability, the bins of its diagram;
        accuracy_at_70% and so on, of the most confident predictions; answered, the share that is
        not "not sure", n_answered, their number, and accuracy_answered.
        For some of them NAME_interval, resampled over what `resampled` names, "people" or
        "photographs".
        groups and group_notes as `group_figures`, where labels.csv has such columns.
    """
    labels, predicted, found = predictions.labels, predictions.predicted, predictions.found
    people = person_keys(predictions.photographs)
    known = any(photograph.person for photograph in predictions.photographs)
    right = labels == predicted
    answered = found & ~predictions.uncertain
    figures = {
        "n": len(labels),
        **({"n_people": len(np.unique(people))} if known else {}),
        "resampled": "people" if known else "photographs",
        "support": _count(labels, labels),
        "found": float(found.mean()),
        "not_found": _count(labels, labels[~found]),
        **_recalls(labels, right, people),
        "confusion": confusion_matrix(
            labels, predicted, labels=range(len(FER2013_LABELS))
        ).tolist(),
        "n_found": int(found.sum()),
        "answered": mean(answered[found]),
        "n_answered": int(answered.sum()),
        **accuracy("accuracy_answered", right[answered], people[answered]),
        **NO_FACE_FOUND,
        **group_figures(predictions),
    }
    if found.any():
        of_found = predictions.probabilities[found], labels[found]
        figures |= calibration_figures(*of_found, people[found])
        figures |= coverage_figures(*of_found)
    return figures


def _count(labels: NDArray[np.int64], counted: NDArray[np.int64]) -> dict[str, int]:
    """Count the photographs of each label that occurs."""
    return {FER2013_LABELS[label]: int((counted == label).sum()) for label in np.unique(labels)}


def _recalls(
    labels: NDArray[np.int64], right: NDArray[np.bool_], people: NDArray[np.str_]
) -> dict[str, Any]:
    """Compute the recall of each label that occurs, and their mean, with intervals.

    In a resample without photographs of a label, the mean is that of the other recalls.
    """
    occurring = np.unique(labels)
    names = [FER2013_LABELS[label] for label in occurring]
    of_label = labels[:, None] == occurring
    hits = of_label & right[:, None]
    recall = (hits.sum(axis=0) / of_label.sum(axis=0)).tolist()
    sums = resampled_sums(np.hstack([hits, of_label]), people)
    resampled = ratio(*np.split(sums, 2, axis=1))
    return {
        "recall": dict(zip(names, recall, strict=True)),
        "recall_interval": dict(zip(names, map(interval, resampled.T), strict=True)),
        "mean_recall": float(np.mean(recall)),
        "mean_recall_interval": interval(np.nanmean(resampled, axis=1)),
    }
