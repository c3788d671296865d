"""Whether labels and answers belong together: rows that moved, names in another order.

A predecessor's evaluation read 17 % because they did not. As in `train.evaluation.metrics`,
`labels` are (N,) integers 0..C-1, or -1 for a picture that is not judged; `answers` are (N,)
integers 0..C-1.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

CLEAR = 4.0
"""Standard deviations above chance from which on answers are held to know something."""
MAX_SHIFT = 100  # rows
MIN_GAIN = 0.05  # of accuracy; what a permutation of the names must add to be reported
NAMES_AS_THEY_ARE = 0.005  # of the pictures a class; keeps rare classes from changing names by luck

IntArray = NDArray[np.integer]


def in_step(labels: IntArray, answers: IntArray, classes: Sequence[str]) -> dict[str, Any]:
    """Whether labels and answers belong together, row by row and name by name.

    Labels in another order than their pictures make any model look like chance; class names in
    another order make it look like a bad model. Neither raises an error by itself.

    Args:
        labels: (N,), -1 where not judged, in the order of the file.
        answers: (N,), also for pictures that are not judged.
        classes: C names.

    Returns:
        expected_by_chance, chance_deviation: of the accuracy of the same answers, dealt out to the
        pictures at random;
        z: standard deviations of it by which the accuracy is better, None where it cannot differ;
        is_better_than_chance: whether z is at least `CLEAR`;
        better_shift: the rows (as in `np.roll`) by which the labels must move to fit far better,
        or None, and better_shift_accuracy;
        better_permutation: {answer: the label that it fits far better} for the names that change,
        or None, and better_permutation_accuracy.
    """
    counts = _counts(labels, answers, len(classes))
    expected, deviation = chance_agreement(counts)
    z = _z(counts)
    shift, shift_accuracy = _better_shift(labels, answers, len(classes), z)
    permutation, permutation_accuracy = _better_permutation(counts)
    return {
        "expected_by_chance": expected,
        "chance_deviation": deviation,
        "z": z,
        "is_better_than_chance": z is not None and z >= CLEAR,
        "better_shift": shift,
        "better_shift_accuracy": shift_accuracy,
        "better_permutation": permutation
        and {classes[answer]: classes[label] for answer, label in permutation.items()},
        "better_permutation_accuracy": permutation_accuracy,
    }


def chance_agreement(counts: IntArray) -> tuple[float, float]:
    """Mean and standard deviation of the accuracy if the answers were dealt out at random.

    The number of hits is sum_i m[i, p(i)] for a random permutation p, where m[i, j] tells whether
    label i equals answer j; Hoeffding 1951, "A combinatorial central limit theorem", theorem 2,
    gives its variance as sum d[i, j]^2 / (n - 1) with d the doubly centered m.

    Args:
        counts: (C, C) pictures by label (row) and answer (column).
    """
    pictures = counts.sum()
    of_label, of_answer = counts.sum(axis=1) / pictures, counts.sum(axis=0) / pictures
    expected = float(of_label @ of_answer)
    centered = np.eye(len(counts)) - of_answer[:, None] - of_label[None, :] + expected
    variance = of_label @ centered**2 @ of_answer / max(pictures - 1, 1)
    return expected, math.sqrt(variance)


def clear_of(tries: int) -> float:
    """The z that the best of so many tries reaches by luck as seldom as one try reaches `CLEAR`.

    Bonferroni's bound, for a normal distribution.
    """
    normal = NormalDist()
    return -normal.inv_cdf(normal.cdf(-CLEAR) / tries)


def _counts(labels: IntArray, answers: IntArray, classes: int) -> NDArray[np.int64]:
    """The confusion matrix: a hundred times faster than scikit-learn's, for two hundred shifts."""
    judged = labels >= 0
    cells = np.bincount(labels[judged] * classes + answers[judged], minlength=classes**2)
    return cells.reshape(classes, classes)


def _z(counts: IntArray) -> float | None:
    expected, deviation = chance_agreement(counts)
    if deviation < 1e-9:
        return None  # one class alone among labels or answers: any order scores the same
    return float((np.trace(counts) / counts.sum() - expected) / deviation)


def _better_shift(
    labels: IntArray, answers: IntArray, classes: int, z: float | None
) -> tuple[int | None, float | None]:
    reach = min(MAX_SHIFT, (len(labels) - 1) // 2)
    # The nearest first: of shifts that fit equally well, it is the one to name.
    shifts = sorted((shift for shift in range(-reach, reach + 1) if shift), key=abs)
    shifted = [_counts(np.roll(labels, shift), answers, classes) for shift in shifts]
    scores = [-math.inf if (score := _z(counts)) is None else score for counts in shifted]
    if not scores:
        return None, None
    best = int(np.argmax(scores))
    # Not only better than chance: rows sorted by class fit well even when they are moved a little.
    if scores[best] < max(z or 0.0, 0.0) + clear_of(len(shifts)):
        return None, None
    return shifts[best], float(np.trace(shifted[best]) / shifted[best].sum())


def _better_permutation(counts: IntArray) -> tuple[dict[int, int] | None, float | None]:
    pictures, classes = counts.sum(), len(counts)
    # What exceeds chance, so that a model with one answer for all is not told another answer.
    excess = counts - np.outer(counts.sum(axis=1), counts.sum(axis=0)) / pictures
    stay = NAMES_AS_THEY_ARE * pictures * np.eye(classes)
    label_of = np.empty(classes, np.int64)
    rows, columns = linear_sum_assignment(excess + stay, maximize=True)
    label_of[columns] = rows
    moved = np.flatnonzero(label_of != np.arange(classes))
    gained, lost = counts[label_of[moved], moved].sum(), counts[moved, moved].sum()
    above_chance = excess[label_of[moved], moved].sum() - excess[moved, moved].sum()
    if min(gained - lost, above_chance) < MIN_GAIN * pictures:
        return None, None
    # McNemar 1947: the pictures that only one of the two readings gets right.
    if gained - lost < clear_of(math.factorial(classes)) * math.sqrt(gained + lost):
        return None, None
    permutation = {int(answer): int(label_of[answer]) for answer in moved}
    return permutation, float((np.trace(counts) + gained - lost) / pictures)
