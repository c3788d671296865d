"""Computes calibrated probabilities from the heads' logits, and measures of calibration.

Throughout, `logits` are (N, C) and `labels` (N,) integers 0..C-1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

ECE_BINS = 15  # as Guo et al. 2017
TEMPERATURE_RANGE = (0.05, 20.0)

CALIBRATION_SHAPES = {
    "ferplus": (len(FER2013_LABELS), len(FERPLUS_LABELS)),
    "fer2013": (len(FER2013_LABELS), len(FER2013_LABELS)),
    "bias": (len(FER2013_LABELS),),
}
"""Names and shapes of a calibration's arrays, in model.json as lists of numbers."""
FEATURES = "features"
"""Name of the array that not every calibration has, and of the network's output that it weighs."""
NO_FEATURES = (len(FER2013_LABELS), 0)


def softmax(logits: FloatArray, temperature: float = 1.0) -> NDArray[np.float64]:
    """Compute the softmax of logits / temperature over the last axis, float64."""
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_softmax(logits: FloatArray) -> NDArray[np.float64]:
    """Compute the natural logarithm of the softmax over the last axis, float64."""
    logits = np.asarray(logits, dtype=np.float64)
    return np.asarray(logits - log_sum_exp(logits))


def log_sum_exp(logits: FloatArray) -> NDArray[np.float64]:
    """Compute ln of the sum of exponentials over the last axis, kept with length 1; float64."""
    logits = np.asarray(logits, dtype=np.float64)
    highest = logits.max(axis=-1, keepdims=True)
    return np.asarray(highest + np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True)))


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class Calibration:
    """Computes the seven probabilities from both heads: a linear layer on their log-softmax.

    The linear layer is multinomial logistic regression on the heads' log-probabilities, known as
    matrix or Dirichlet calibration (Guo et al. 2017, section 4.2; Kull et al. 2019). Temperature
    scaling of a weighted mean of both heads is the special case of two scaled identities. Of the
    form "features" the features that both heads are computed from are inputs, too: what the
    network sees and the labels of its dataset did not ask for.

    Attributes:
        form: how the numbers were fitted: "temperature", "bias", "vector", "matrix" or "features".
        ferplus: (7, 8) weights of the log-softmax of the ferplus head; a row for each emotion.
        fer2013: (7, 7) weights of the log-softmax of the fer2013 head.
        bias: (7,) added to the seven.
        features: (7, c) weights of the network's features; (7, 0) where these are not used.
        fitted_on: number of faces by name of each set that it was fitted on.
        figures: metrics on these sets, by cross-validation.
    """

    form: str
    ferplus: NDArray[np.float64]
    fer2013: NDArray[np.float64]
    bias: NDArray[np.float64]
    features: NDArray[np.float64] = field(default_factory=lambda: np.zeros(NO_FEATURES))
    fitted_on: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {name: getattr(self, name).shape for name in CALIBRATION_SHAPES}
        if shapes != CALIBRATION_SHAPES:
            raise ValueError(f"a calibration has the shapes {CALIBRATION_SHAPES}, got {shapes}")
        if self.features.ndim != 2 or len(self.features) != len(FER2013_LABELS):
            raise ValueError(f"a calibration has (7, c) features, got {self.features.shape}")
        arrays = (*CALIBRATION_SHAPES, FEATURES)
        if not all(np.isfinite(getattr(self, name)).all() for name in arrays):
            raise ValueError("a calibration's weights must be finite numbers")

    @classmethod
    def temperature(cls, temperature: float, fer2013_share: float = 0.0) -> "Calibration":
        """Make the calibration that pools both heads and divides by a temperature.

        The weighted mean of log-probabilities is the logarithmic opinion pool (Genest and Zidek
        1986).

        Args:
            temperature: above 0; divides the pooled logits.
            fer2013_share: weight of the fer2013 head, 0..1.

        Raises:
            ValueError: a number is out of range.
        """
        if not temperature > 0 or not 0 <= fer2013_share <= 1:
            raise ValueError("temperature must be above 0 and fer2013_share within 0..1")
        seven, eight = len(FER2013_LABELS), len(FERPLUS_LABELS)
        return cls(
            form="temperature",
            ferplus=(1 - fer2013_share) / temperature * np.eye(seven, eight),
            fer2013=fer2013_share / temperature * np.eye(seven),
            bias=np.zeros(seven),
        )

    def probabilities(self, heads: Mapping[str, FloatArray]) -> NDArray[np.float64]:
        """Compute the calibrated probabilities of the seven emotions.

        Args:
            heads: "ferplus" (N, 8) and "fer2013" (N, 7) logits, and "features" (N, c) where the
                calibration uses them.

        Returns:
            (N, 7), each row with sum 1.

        Raises:
            ValueError: there are no features, or not as many as the calibration weighs.
        """
        logits = (
            log_softmax(heads["ferplus"]) @ self.ferplus.T
            + log_softmax(heads["fer2013"]) @ self.fer2013.T
            + self.bias
        )
        if wanted := self.features.shape[1]:
            features = np.asarray(heads.get(FEATURES, np.zeros((len(logits), 0))), np.float64)
            if features.shape[-1] != wanted:
                raise ValueError(
                    f"the calibration weighs {wanted} features, but the network gives "
                    f"{features.shape[-1]}"
                )
            logits = logits + features @ self.features.T
        return softmax(logits)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values for model.json."""
        used = (FEATURES,) if self.features.size else ()
        return {
            "form": self.form,
            **{
                name: np.round(getattr(self, name), 4).tolist()
                for name in (*CALIBRATION_SHAPES, *used)
            },
            "fitted_on": dict(self.fitted_on),
            "figures": dict(self.figures),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """Read the calibration of a model.json.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or malformed.
        """
        return cls(
            form=str(values["form"]),
            **{name: np.array(values[name], np.float64) for name in CALIBRATION_SHAPES},
            features=np.array(values.get(FEATURES, np.zeros(NO_FEATURES)), np.float64),
            fitted_on=dict(values["fitted_on"]),
            figures=dict(values["figures"]),
        )


def negative_log_likelihood(probabilities: FloatArray, labels: IntArray) -> float:
    """Compute the mean of -ln p(label), in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def brier_score(probabilities: FloatArray, labels: IntArray) -> float:
    """Compute the mean squared distance to the one-hot label, 0..2 (Brier 1950)."""
    one_hot = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - one_hot) ** 2).sum(axis=1).mean())


def expected_calibration_error(
    probabilities: FloatArray, labels: IntArray, bins: int = ECE_BINS
) -> float:
    """Average |confidence - accuracy| over equal-width bins of confidence, weighted by share.

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
    """Compute the bins that hold at least one image, from low to high confidence."""
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
    """Find the temperature of least negative log-likelihood (Guo et al. 2017, section 4.2).

    The likelihood has one maximum in 1 / T, which three grids in ln T find, each finer than the one
    before: to 1e-4, within `TEMPERATURE_RANGE`.
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
    """A curve of coverage and accuracy: for every k, the k images of highest confidence.

    Attributes:
        coverage: (N,) share of the images that are answered, rising to 1.
        accuracy: (N,) accuracy of these answers.
        threshold: (N,) the lowest confidence among them.
    """

    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    threshold: NDArray[np.float64]

    def accuracy_at(self, coverage: float) -> float:
        """Look up the accuracy at a coverage of at least `coverage`."""
        return float(self.accuracy[self._index(coverage)])

    def threshold_at(self, coverage: float) -> float:
        """Look up the confidence threshold that answers at least `coverage` of the images."""
        return float(self.threshold[self._index(coverage)])

    def _index(self, coverage: float) -> int:
        return min(int(np.searchsorted(self.coverage, coverage - 1e-12)), len(self.coverage) - 1)


def risk_coverage(confidence: FloatArray, correct: NDArray[np.bool_]) -> RiskCoverage:
    """Compute the risk-coverage curve (Geifman and El-Yaniv 2017), as accuracy = 1 - risk.

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
