"""From logits to probabilities that can be believed, and the measures of it. NumPy only.

Throughout, `logits` are (N, C) and `labels` (N,) integers 0..C-1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

ECE_BINS = 15  # as Guo et al. 2017
TEMPERATURE_RANGE = (0.05, 20.0)


def softmax(logits: FloatArray, temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of logits / temperature over the last axis, float64."""
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def answer_logits(heads: Mapping[str, FloatArray], fer2013_share: float) -> NDArray[np.float64]:
    """What the seven-emotion answer is made of, before the temperature.

    FER+ tells what most people call a face, and most people call a faint expression neutral;
    FER2013's single labels name faint expressions more often. The weighted mean of logits is the
    logarithmic opinion pool of both (Genest and Zidek 1986).

    Args:
        heads: "ferplus" (N, 8), contempt last, and "fer2013" (N, 7) logits.
        fer2013_share: weight of the fer2013 head, 0..1.

    Returns:
        (N, 7).
    """
    fer2013 = np.asarray(heads["fer2013"], dtype=np.float64)
    ferplus = np.asarray(heads["ferplus"], dtype=np.float64)[:, : fer2013.shape[1]]
    return (1 - fer2013_share) * ferplus + fer2013_share * fer2013


def negative_log_likelihood(probabilities: FloatArray, labels: IntArray) -> float:
    """Mean of -ln p(right class), in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def brier_score(probabilities: FloatArray, labels: IntArray) -> float:
    """Mean squared distance to the one-hot label, summed over classes: 0..2 (Brier 1950)."""
    one_hot = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - one_hot) ** 2).sum(axis=1).mean())


def expected_calibration_error(
    probabilities: FloatArray, labels: IntArray, bins: int = ECE_BINS
) -> float:
    """Mean |confidence - accuracy| over equal-width bins of confidence, weighted by their share.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    return float(
        sum(
            row.share * abs(row.confidence - row.accuracy)
            for row in reliability(probabilities, labels, bins)
        )
    )


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram; all values 0..1."""

    confidence: float
    accuracy: float
    share: float


def reliability(
    probabilities: FloatArray, labels: IntArray, bins: int = ECE_BINS
) -> list[ReliabilityBin]:
    """The bins that hold at least one picture, from low to high confidence."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(
            float(confidence[chosen].mean()), float(correct[chosen].mean()), float(chosen.mean())
        )
        for chosen in (index == number for number in range(bins))
        if chosen.any()
    ]


def fit_temperature(logits: FloatArray, labels: IntArray) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017, section 4.2).

    The likelihood has one maximum in 1 / T, so three ever finer grids in ln T find it; precise to
    1e-4, within `TEMPERATURE_RANGE`.
    """
    lowest, highest = np.log(TEMPERATURE_RANGE)
    low, high, best = lowest, highest, 0.0
    for _ in range(3):
        grid = np.linspace(low, high, 61)
        losses = [negative_log_likelihood(softmax(logits, float(np.exp(t))), labels) for t in grid]
        best = float(grid[int(np.argmin(losses))])
        step = grid[1] - grid[0]
        low, high = max(lowest, best - step), min(highest, best + step)
    return float(np.exp(best))


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """What abstaining buys: the surest k pictures, for every k.

    Attributes:
        coverage: (N,) share of the pictures that are answered, rising to 1.
        accuracy: (N,) accuracy of these answers.
        threshold: (N,) the lowest confidence among them.
    """

    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    threshold: NDArray[np.float64]

    def accuracy_at(self, coverage: float) -> float:
        """Accuracy of the surest pictures that make up at least `coverage`."""
        return float(self.accuracy[self._index(coverage)])

    def threshold_at(self, coverage: float) -> float:
        """The confidence from which on at least `coverage` of the pictures are answered."""
        return float(self.threshold[self._index(coverage)])

    def _index(self, coverage: float) -> int:
        return min(int(np.searchsorted(self.coverage, coverage - 1e-12)), len(self.coverage) - 1)


def risk_coverage(confidence: FloatArray, correct: NDArray[np.bool_]) -> RiskCoverage:
    """The curve of Geifman and El-Yaniv 2017, with accuracy in place of risk.

    Args:
        confidence: (N,) 0..1.
        correct: (N,) bool.
    """
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return RiskCoverage(
        coverage=answered / len(order),
        accuracy=np.cumsum(correct[order]) / answered,
        threshold=np.asarray(confidence[order], dtype=np.float64),
    )
