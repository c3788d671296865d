"""Compute the metrics of an evaluation, with scikit-learn.

Throughout, `labels` are (N,) integers 0..C-1, or -1 for an image without a label; `predicted` are
(N,) integers 0..C-1; `probabilities` are (N, C). Every metric is a plain float or int, or None
where it is undefined, so that it can be written as strict JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import classification_report, confusion_matrix, roc_auc_score, roc_curve

from fer_core.calibration import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    risk_coverage,
)
from fer_core.emotions import FER2013_LABELS, HAPPY, SAD
from train.data.dataset import is_judged
from train.evaluation.bootstrap import ece_interval, macro_f1_interval, mean_interval
from train.evaluation.label_check import check_labels

COVERAGES = (0.7, 0.8, 0.9, 1.0)
SCORES = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
"""Our names of scikit-learn's scores by class."""
MAIN_FIVE = ("angry", "happy", "sad", "surprise", "neutral")
"""The emotions with enough images for a meaningful F1 of their own."""
CURVE_GRID = np.linspace(0, 1, 201)
"""False positive rates at which the mean of several ROC curves is taken."""

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]


def classification_figures(
    probabilities: FloatArray,
    labels: IntArray,
    classes: Sequence[str],
    copies: NDArray[np.bool_],
    near_copies: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Compute the metrics of the most probable class against the label.

    Args:
        probabilities: (N, C).
        labels: (N,), of at least one image.
        classes: C names.
        copies: (N,) whether the image is also a training image.
        near_copies: (N,) whether a training image shows the same photograph; None: unknown.

    Returns:
        accuracy, accuracy_deduplicated (without copies) and accuracy_without_near_copies (where
        these are known); n, n_deduplicated and n_without_near_copies; precision,
        recall and f1 by class that occurs, their macro_* means over these classes and their
        weighted_* means by images; auc by class, one against the rest, and macro_auc; support by
        class; confusion (rows: label, columns: prediction); *_interval, of
        train.evaluation.bootstrap; in_step, from `check_labels`.
    """
    predicted, judged = probabilities.argmax(axis=1), labels >= 0
    # Shifts need the rows without a label, too.
    in_step = check_labels(labels, predicted, classes)
    kept = {"deduplicated": ~copies[judged]}
    if near_copies is not None:
        kept["without_near_copies"] = ~(copies | near_copies)[judged]
    labels, predicted, probabilities = labels[judged], predicted[judged], probabilities[judged]
    right = predicted == labels
    of_kept: dict[str, Any] = {}
    for name, rows in kept.items():
        of_kept |= {**accuracy(f"accuracy_{name}", right[rows]), f"n_{name}": int(rows.sum())}
    occurring, counts = np.unique(labels, return_counts=True)
    names = [classes[index] for index in occurring]
    scores: Mapping[str, Any] = classification_report(
        labels,
        predicted,
        labels=occurring,
        target_names=names,
        output_dict=True,
        zero_division=0.0,
    )
    auc = class_aucs(probabilities, labels, classes)
    return {
        **accuracy("accuracy", right),
        "n": len(labels),
        **of_kept,
        **{
            f"{average}_{kind}": scores[f"{average} avg"][key]
            for average in ("macro", "weighted")
            for kind, key in SCORES.items()
        },
        "macro_f1_interval": macro_f1_interval(labels, predicted, range(len(classes))),
        "macro_auc": mean([value for value in auc.values() if value is not None]),
        **{kind: {name: scores[name][key] for name in names} for kind, key in SCORES.items()},
        "auc": auc,
        "support": dict(zip(names, counts.tolist(), strict=True)),
        "confusion": confusion_matrix(labels, predicted, labels=range(len(classes))).tolist(),
        "in_step": in_step,
    }


def answer_figures(
    probabilities: FloatArray,
    reference: IntArray,
    threshold: float,
    copies: NDArray[np.bool_],
    near_copies: NDArray[np.bool_] | None = None,
) -> dict[str, dict[str, Any]]:
    """Compute the metrics of the app's seven calibrated probabilities, "not sure" included.

    Args:
        probabilities: (N, 7).
        reference: (N,) labels, of which at least one is 0..6; images with others are left out.
        threshold: the confidence below which the app predicted "not sure".
        copies: as in `classification_figures`.
        near_copies: as in `classification_figures`.

    Returns:
        answer: as `classification_figures`, and main_five_f1, the mean F1 of `MAIN_FIVE`.
        happy_sad: accuracy and auc of happy against sad on the images of these two.
        calibration: ece, nll, brier, and the bins of the reliability diagram.
        coverage: accuracy_at_70% and so on, of the most confident predictions; threshold; answered,
        the share of images at or above it, and accuracy_answered, their accuracy.
    """
    binary = (reference == HAPPY) | (reference == SAD)
    of_two, is_happy = probabilities[binary][:, [HAPPY, SAD]], reference[binary] == HAPPY
    reads_right = (of_two[:, 0] > of_two[:, 1]) == is_happy
    happy = of_two[:, 0] / np.maximum(of_two.sum(axis=1), np.finfo(np.float64).tiny)

    judged = is_judged(reference)
    answer = classification_figures(
        probabilities, np.where(judged, reference, -1), FER2013_LABELS, copies, near_copies
    )
    five = [FER2013_LABELS.index(name) for name in MAIN_FIVE]
    chosen, labels = probabilities[judged], reference[judged]
    predicted, answered = chosen.argmax(axis=1), chosen.max(axis=1) >= threshold
    return {
        "answer": {
            **answer,
            "main_five_f1": mean([answer["f1"][n] for n in MAIN_FIVE if n in answer["f1"]]),
            "main_five_f1_interval": macro_f1_interval(labels, predicted, five),
        },
        "happy_sad": {
            **accuracy("accuracy", reads_right),
            "auc": _auc(is_happy, happy),
            "n": int(binary.sum()),
        },
        "calibration": {
            **calibration_figures(chosen, labels),
            "nll": negative_log_likelihood(chosen, labels),
            "brier": brier_score(chosen, labels),
            "n": int(judged.sum()),
        },
        "coverage": {
            **coverage_figures(chosen, labels),
            "threshold": threshold,
            "answered": float(answered.mean()),
            "accuracy_answered": mean((predicted == labels)[answered]),
        },
    }


def calibration_figures(
    probabilities: FloatArray, labels: IntArray, people: NDArray[Any] | None = None
) -> dict[str, Any]:
    """Compute the calibration error with its interval, and the bins of its diagram."""
    right = probabilities.argmax(axis=1) == labels
    return {
        "ece": expected_calibration_error(probabilities, labels),
        "ece_interval": ece_interval(probabilities.max(axis=1), right, people),
        "reliability": [asdict(row) for row in reliability(probabilities, labels)],
    }


def coverage_figures(probabilities: FloatArray, labels: IntArray) -> dict[str, float]:
    """Compute the accuracy of the most confident predictions, by accuracy_at_70% and so on."""
    curve = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    return {f"accuracy_at_{share:.0%}": curve.accuracy_at(share) for share in COVERAGES}


def class_aucs(
    probabilities: FloatArray, labels: IntArray, classes: Sequence[str]
) -> dict[str, float | None]:
    """Compute the area under each class's ROC curve, one against the rest, None if undefined."""
    return {
        name: _auc(labels == index, probabilities[:, index]) for index, name in enumerate(classes)
    }


def _auc(is_class: NDArray[np.bool_], score: FloatArray) -> float | None:
    if not is_class.any() or is_class.all():
        return None
    return float(roc_auc_score(is_class, score))


def roc_curves(
    probabilities: FloatArray, labels: IntArray, classes: Sequence[str]
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Compute the ROC curve of each class against the rest, and their mean as `macro`.

    Classes that do not occur are left out. The mean is that of the true positive rates at
    `CURVE_GRID`.

    Returns:
        False and true positive rates by name.
    """
    curves: dict[str, tuple[FloatArray, FloatArray]] = {}
    for index, name in enumerate(classes):
        is_class = labels == index
        if is_class.any() and not is_class.all():
            false_rate, true_rate, _ = roc_curve(is_class, probabilities[:, index])
            curves[name] = false_rate, true_rate
    if curves:
        average = np.mean([np.interp(CURVE_GRID, *curve) for curve in curves.values()], axis=0)
        # At a false positive rate of 0 the curves rise vertically; the mean starts at (0, 0), too.
        curves["macro"] = np.append(0.0, CURVE_GRID), np.append(0.0, average)
    return curves


def accuracy(
    name: str, right: NDArray[np.bool_], people: NDArray[Any] | None = None
) -> dict[str, Any]:
    """Compute the mean of `right` and its interval, by `name` and `name`_interval."""
    return {name: mean(right), f"{name}_interval": mean_interval(right, people)}


def mean(values: Sequence[float] | NDArray[Any]) -> float | None:
    """Return the mean, or None of an empty sequence."""
    return float(np.mean(values)) if len(values) else None


def mean_recall(labels: Sequence[str], predicted: Sequence[str | None]) -> dict[str, Any]:
    """Compute the recall of each label that occurs, and their mean.

    Args:
        labels: N names of emotions.
        predicted: N predictions; None where no face was found, which counts as wrong.
    """
    right: dict[str, list[bool]] = {}
    for label, answer in zip(labels, predicted, strict=True):
        right.setdefault(label, []).append(answer == label)
    recall = {label: float(np.mean(hits)) for label, hits in right.items()}
    return {"mean_recall": mean(list(recall.values())), "recall": recall}
