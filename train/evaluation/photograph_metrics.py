"""Compute the metrics of one set of photographs, with confidence intervals.

Every metric is a plain float or int, or None where it is undefined, so that it can be written as
strict JSON. Intervals are those of train.evaluation.bootstrap, over people where these are known.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from fer_core.calibration import expected_calibration_error, reliability, risk_coverage
from fer_core.emotions import FER2013_LABELS
from train.data.photographs import person_keys
from train.evaluation.bootstrap import ece_interval, interval, ratio, resampled_sums
from train.evaluation.metrics import COVERAGES, accuracy, mean
from train.evaluation.photograph_groups import group_figures
from train.evaluation.predictions import PhotographPredictions


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
    recall, recall_interval, mean_recall_interval = _recalls(labels, right, people)
    answered = found & ~predictions.uncertain
    return {
        "n": len(labels),
        **({"n_people": len(np.unique(people))} if known else {}),
        "resampled": "people" if known else "photographs",
        "support": {name: int((labels == index).sum()) for name, index in _occurring(labels)},
        "found": float(found.mean()),
        "not_found": {
            name: int((~found & (labels == index)).sum()) for name, index in _occurring(labels)
        },
        "recall": recall,
        "recall_interval": recall_interval,
        "mean_recall": float(np.mean(list(recall.values()))),
        "mean_recall_interval": mean_recall_interval,
        "confusion": confusion_matrix(
            labels, predicted, labels=range(len(FER2013_LABELS))
        ).tolist(),
        "n_found": int(found.sum()),
        **_calibration(predictions, people),
        "answered": mean(answered[found]),
        "n_answered": int(answered.sum()),
        **accuracy("accuracy_answered", right[answered], people[answered]),
        **group_figures(predictions),
    }


def sure_mistakes(predictions: PhotographPredictions, count: int) -> NDArray[np.int64]:
    """Find the wrong predictions that are not "not sure": rows, the most confident first."""
    rows = np.flatnonzero(
        predictions.found & ~predictions.uncertain & (predictions.labels != predictions.predicted)
    )
    return rows[np.argsort(-predictions.confidence[rows], kind="stable")][:count]


def _recalls(
    labels: NDArray[np.int64], right: NDArray[np.bool_], people: NDArray[np.str_]
) -> tuple[dict[str, float], dict[str, list[float] | None], list[float] | None]:
    """Compute the recall of each label that occurs, their intervals, and that of their mean.

    In a resample without photographs of a label, the mean is that of the other recalls.
    """
    names, indices = zip(*_occurring(labels), strict=True)
    of_label = labels[:, None] == indices
    sums = resampled_sums(np.hstack([of_label, of_label & right[:, None]]), people)
    support, hits = np.split(sums, 2, axis=1)
    recalls = ratio(hits, support)
    recall = (of_label & right[:, None]).sum(axis=0) / of_label.sum(axis=0)
    intervals = [interval(column) for column in recalls.T]
    return (
        dict(zip(names, recall.tolist(), strict=True)),
        dict(zip(names, intervals, strict=True)),
        interval(np.nanmean(recalls, axis=1)),
    )


def _calibration(predictions: PhotographPredictions, people: NDArray[np.str_]) -> dict[str, Any]:
    """Compute calibration and coverage of the faces found."""
    found = predictions.found
    if not found.any():
        missing = ("ece", "ece_interval", *(f"accuracy_at_{share:.0%}" for share in COVERAGES))
        return {**dict.fromkeys(missing), "reliability": []}
    probabilities, labels = predictions.probabilities[found], predictions.labels[found]
    confidence, right = (
        predictions.confidence[found],
        (predictions.labels == predictions.predicted)[found],
    )
    curve = risk_coverage(confidence, right)
    return {
        "ece": expected_calibration_error(probabilities, labels),
        "ece_interval": ece_interval(confidence, right, people[found]),
        "reliability": [asdict(row) for row in reliability(probabilities, labels)],
        **{f"accuracy_at_{share:.0%}": curve.accuracy_at(share) for share in COVERAGES},
    }


def _occurring(labels: NDArray[np.int64]) -> list[tuple[str, int]]:
    """Return names and indices of the labels that occur, in FER2013's order."""
    return [(FER2013_LABELS[index], int(index)) for index in np.unique(labels)]
