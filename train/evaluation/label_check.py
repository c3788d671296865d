"""Check that labels and predictions belong together.

Rows may have been shifted, or class names be in another order; one predecessor reported 17 %
accuracy for that reason. As in `train.evaluation.metrics`, `labels` are (N,) integers 0..C-1, or -1
for an image without a label; `predicted` are (N,) integers 0..C-1.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MIN_Z = 4.0
"""Standard deviations above chance at which a model counts as better than chance."""
MAX_SHIFT = 100  # rows
MIN_GAIN = 0.05  # of accuracy, from which on a permutation of the names is reported
IDENTITY_BONUS = 0.005  # of all images, for each name that stays; protects rare classes

IntArray = NDArray[np.integer]


def check_labels(labels: IntArray, predicted: IntArray, classes: Sequence[str]) -> dict[str, Any]:
    """Check that labels and predictions belong together, row by row and name by name.

    With labels in another order than their images, every model scores like chance; with class
    names in another order it scores badly. Neither raises an error by itself.

    Args:
        labels: (N,), in the order of the file; -1 for none.
        predicted: (N,), also for images without a label.
        classes: C names.

    Returns:
        expected_by_chance, chance_deviation: mean and standard deviation of the accuracy of the
        same predictions in random order;
        z: the accuracy less that mean, in these standard deviations; None where they are 0;
        is_better_than_chance: whether z is at least `MIN_Z`;
        better_shift: rows (as in `np.roll`) to shift the labels by for a far higher accuracy, or
        None, and better_shift_accuracy;
        better_permutation: {predicted name: name of the label that it fits far better} for the
        names that change, or None, and better_permutation_accuracy.
    """
    counts = _counts(labels, predicted, len(classes))
    expected, deviation = chance_agreement(counts)
    z = _z(counts)
    shift, shift_accuracy = _better_shift(labels, predicted, len(classes), z)
    permutation, permutation_accuracy = _better_permutation(counts)
    return {
        "expected_by_chance": expected,
        "chance_deviation": deviation,
        "z": z,
        "is_better_than_chance": z is not None and z >= MIN_Z,
        "better_shift": shift,
        "better_shift_accuracy": shift_accuracy,
        "better_permutation": permutation
        and {classes[name]: classes[label] for name, label in permutation.items()},
        "better_permutation_accuracy": permutation_accuracy,
    }


def chance_agreement(counts: IntArray) -> tuple[float, float]:
    """Compute mean and standard deviation of the accuracy of randomly permuted predictions.

    The number of hits is sum_i m[i, p(i)] for a random permutation p, where m[i, j] tells whether
    label i equals prediction j; Hoeffding 1951, "A combinatorial central limit theorem", theorem 2,
    gives its variance as sum d[i, j]^2 / (n - 1) with d the doubly centered m.

    Args:
        counts: (C, C) images by label (row) and prediction (column).
    """
    images = counts.sum()
    of_label, of_prediction = counts.sum(axis=1) / images, counts.sum(axis=0) / images
    expected = float(of_label @ of_prediction)
    centered = np.eye(len(counts)) - of_prediction[:, None] - of_label[None, :] + expected
    variance = of_label @ centered**2 @ of_prediction / max(images - 1, 1)
    return expected, math.sqrt(variance)


def corrected_z(tries: int) -> float:
    """Return the z that replaces `MIN_Z` for the best of several tests.

    Bonferroni's correction, for a normal distribution.
    """
    normal = NormalDist()
    return -normal.inv_cdf(normal.cdf(-MIN_Z) / tries)


def _counts(labels: IntArray, predicted: IntArray, classes: int) -> NDArray[np.int64]:
    """Count the confusion matrix, a hundred times faster than scikit-learn does."""
    judged = labels >= 0
    cells = np.bincount(labels[judged] * classes + predicted[judged], minlength=classes**2)
    return cells.reshape(classes, classes)


def _z(counts: IntArray) -> float | None:
    expected, deviation = chance_agreement(counts)
    if deviation < 1e-9:
        return None  # one class alone among labels or predictions: every order scores the same
    return float((np.trace(counts) / counts.sum() - expected) / deviation)


def _better_shift(
    labels: IntArray, predicted: IntArray, classes: int, z: float | None
) -> tuple[int | None, float | None]:
    reach = min(MAX_SHIFT, (len(labels) - 1) // 2)
    # Nearest first: of equally good shifts the nearest is reported.
    shifts = sorted((shift for shift in range(-reach, reach + 1) if shift), key=abs)
    shifted = [_counts(np.roll(labels, shift), predicted, classes) for shift in shifts]
    scores = [-math.inf if (score := _z(counts)) is None else score for counts in shifted]
    if not scores:
        return None, None
    best = int(np.argmax(scores))
    # Better than the labels as they are, too: rows sorted by class survive small shifts.
    if scores[best] < max(z or 0.0, 0.0) + corrected_z(len(shifts)):
        return None, None
    return shifts[best], float(np.trace(shifted[best]) / shifted[best].sum())


def _better_permutation(counts: IntArray) -> tuple[dict[int, int] | None, float | None]:
    images, classes = counts.sum(), len(counts)
    # Only what exceeds chance: a model that always predicts one class must not be renamed.
    excess = counts - np.outer(counts.sum(axis=1), counts.sum(axis=0)) / images
    stay = IDENTITY_BONUS * images * np.eye(classes)
    label_of = np.empty(classes, np.int64)
    rows, columns = linear_sum_assignment(excess + stay, maximize=True)
    label_of[columns] = rows
    moved = np.flatnonzero(label_of != np.arange(classes))
    gained, lost = counts[label_of[moved], moved].sum(), counts[moved, moved].sum()
    above_chance = excess[label_of[moved], moved].sum() - excess[moved, moved].sum()
    if min(gained - lost, above_chance) < MIN_GAIN * images:
        return None, None
    # McNemar 1947: images that are right under only one of the two orders.
    if gained - lost < corrected_z(math.factorial(classes)) * math.sqrt(gained + lost):
        return None, None
    permutation = {int(index): int(label_of[index]) for index in moved}
    return permutation, float((np.trace(counts) + gained - lost) / images)
