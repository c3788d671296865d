"""Compute confidence intervals by the percentile bootstrap (Efron 1979).

They show how much a metric depends on the images that were evaluated, not how much it would vary
between training runs. Images of one person resemble each other, so where people are known, whole
people are resampled (cluster bootstrap; Davison and Hinkley 1997, section 3.8). A statistic that is
a ratio of sums needs only the sums of each resample.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import ECE_BINS

RESAMPLES = 1000
SEED = 2013  # of the resampling: equal predictions have equal intervals

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]


def resampled_sums(
    values: NDArray[Any], clusters: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Sum the columns of (n, k) values in each resample: (RESAMPLES, k) float64.

    Args:
        values: a row for each image, n at least 1.
        clusters: (n,) keys, equal for rows that are drawn together, such as those of one person;
            each row by itself when None.
    """
    values = values.astype(np.float64)
    if clusters is not None:
        _, members = np.unique(clusters, return_inverse=True)
        values = np.stack([np.bincount(members, column) for column in values.T], axis=1)
    count = len(values)
    drawn = np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))
    drawn += count * np.arange(RESAMPLES)[:, None]
    times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return np.asarray(times.astype(np.float64) @ values)


def ratio(numerator: FloatArray, denominator: FloatArray) -> NDArray[np.float64]:
    """Divide element by element; NaN where the denominator is 0."""
    undefined = np.full(np.shape(numerator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


def interval(resampled: FloatArray) -> list[float] | None:
    """Return [low, high], the 95 % interval of a statistic, from its values in the resamples.

    Values of NaN, where the statistic is undefined, are left out; without others it is None.
    """
    defined = resampled[~np.isnan(resampled)]
    return np.percentile(defined, (2.5, 97.5)).tolist() if len(defined) else None


def mean_interval(values: NDArray[Any], clusters: NDArray[Any] | None = None) -> list[float] | None:
    """Return the interval of the mean of (n,) values, or None if there are none."""
    if not len(values):
        return None
    sums = resampled_sums(np.stack([values, np.ones(len(values))], axis=1), clusters)
    return interval(ratio(sums[:, 0], sums[:, 1]))


def macro_f1_interval(
    labels: IntArray, predicted: IntArray, classes: Sequence[int]
) -> list[float] | None:
    """Return the interval of the mean F1 over the classes that occur in a resample.

    F1 is 2 hits / (labels + predicted), so three sums a class are all that a resample needs.
    """
    of_label = (labels[:, None] == classes).astype(np.float64)
    of_prediction = (predicted[:, None] == classes).astype(np.float64)
    if not of_label.any():
        return None
    sums = resampled_sums(np.hstack([of_label, of_prediction, of_label * of_prediction]))
    labelled, answered, hits = np.split(sums, 3, axis=1)
    f1 = 2 * hits / np.maximum(labelled + answered, 1)
    occurs = labelled > 0
    return interval((f1 * occurs).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1))


def ece_interval(
    confidence: FloatArray, right: NDArray[np.bool_], clusters: NDArray[Any] | None = None
) -> list[float] | None:
    """Return the interval of the expected calibration error, with the bins of fer_core.

    A bin's share times its gap is the mean over all images of confidence - right, with 0 for the
    images of other bins. Resampling adds noise to each bin, so the interval is biased upwards when
    the error is near 0.
    """
    if not len(confidence):
        return None
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.eye(ECE_BINS)[bins] * (confidence - right)[:, None]
    sums = resampled_sums(np.hstack([gaps, np.ones((len(gaps), 1))]), clusters)
    return interval(np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1])
