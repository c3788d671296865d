"""Fit the calibration that turns both heads into seven probabilities.

A model without photographs gets temperature scaling on PublicTest. With photographs, five forms of
a linear layer are compared by cross-validation; see `choose`. The solver is SciPy's, the folds are
scikit-learn's.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import FEATURES, Calibration, log_softmax
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import UInt8Array
from train.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


FORMS = ("temperature", "bias", "vector", "matrix", "features")
"""From the simplest to the one with most parameters: 2, 9, 21, 112, and 112 with 7 a feature."""
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)
"""Weights of the L2 penalty that are tried for each form but "temperature"."""
FEATURE_SCALE = 0.3
"""Standard deviation to which features are scaled beside log-probabilities, whose spread is some
five times as wide: the penalty leaves less to a feature than to a head."""
FOLDS, REPEATS, SEED = 5, 4, 2013
SEVEN, EIGHT = len(FER2013_LABELS), len(FERPLUS_LABELS)


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces of photographs on which a calibration is fitted or evaluated, row by row.

    Attributes:
        heads: "ferplus" (N, 8) and "fer2013" (N, 7) logits, and "features" (N, c) of a network that
            gives them.
        labels: (N,) indices into `FER2013_LABELS`.
        sets: (N,) name of the set that a face belongs to.
        people: (N,) keys, equal for faces of one person; folds keep them together.
        weights: (N,) of the faces in the loss; see `cell_weights`.
    """

    heads: Mapping[str, NDArray[np.floating]]
    labels: IntArray
    sets: NDArray[np.str_]
    people: NDArray[np.str_]
    weights: FloatArray

    def subset(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Faces":
        """Take some rows; the weights stay as they are."""
        heads = {name: logits[rows] for name, logits in self.heads.items()}
        return Faces(
            heads, self.labels[rows], self.sets[rows], self.people[rows], self.weights[rows]
        )


class LabelledLogits(NamedTuple):
    """Faces of one set: logits by head, (N,) labels, (N,) names of people, (N, h, w) grey crops."""

    heads: Mapping[str, NDArray[np.floating]]
    labels: IntArray
    people: NDArray[np.str_]
    crops: UInt8Array


def join_sets(parts: Mapping[str, LabelledLogits], special: Mapping[str, float]) -> Faces:
    """Join sets of photographs, by name; people of different sets are different.

    Raises:
        DataError: as `cell_weights`.
    """
    labels = np.concatenate([part.labels for part in parts.values()])
    sets = np.repeat(list(parts), [len(part.labels) for part in parts.values()])
    people = np.concatenate([np.char.add(f"{name}/", part.people) for name, part in parts.items()])
    # A network whose calibration does not use its features gives none for no faces.
    counted = [part.heads for part in parts.values() if len(part.labels)]
    heads = {name: np.concatenate([part[name] for part in counted]) for name in counted[0]}
    return Faces(heads, labels, sets, people, cell_weights(labels, sets, special))


def cell_weights(
    labels: IntArray, sets: NDArray[np.str_], special: Mapping[str, float]
) -> FloatArray:
    """Weight faces so that every cell, one label in one set, weighs the same; mean weight 1.

    Args:
        labels: (N,) indices into `FER2013_LABELS`.
        sets: (N,) names.
        special: weights of cells other than 1, by "LABEL" or "SET/LABEL"; the latter takes
            precedence.

    Returns:
        (N,) weights.

    Raises:
        DataError: `special` names a cell that does not occur, or sets all weights to 0.
    """
    weights = np.zeros(len(labels))
    used: set[str] = set()
    for name in np.unique(sets):
        for label in np.unique(labels[sets == name]):
            keys = (f"{name}/{FER2013_LABELS[label]}", FER2013_LABELS[label])
            used.update(keys)
            chosen = (sets == name) & (labels == label)
            weight = next((special[key] for key in keys if key in special), 1.0)
            weights[chosen] = weight / chosen.sum()
    if unknown := sorted(set(special) - used):
        raise DataError(f"no photograph belongs to {', '.join(unknown)}; name LABEL or SET/LABEL.")
    if not weights.sum() > 0:
        raise DataError("all photographs have weight 0; give one of their labels more.")
    return np.asarray(weights * len(weights) / weights.sum())


def fit(form: str, strength: float, faces: Faces) -> Calibration:
    """Fit one form by least weighted negative log-likelihood with an L2 penalty.

    The penalty is the squared distance from temperature scaling of both heads, fitted on the same
    faces, so that a form with more parameters departs from it only as far as the faces demand.

    Args:
        form: of `FORMS`.
        strength: of the penalty, per unit of squared distance and mean loss.
        faces: to fit on.
    """
    inputs = np.hstack([log_softmax(faces.heads["ferplus"]), log_softmax(faces.heads["fer2013"])])
    start = _minimize(_basis("temperature"), np.ones(2), 0.0, inputs, faces)
    if form == "features":
        return _fit_with_features(start, strength, inputs, faces)
    if form != "temperature":
        basis = _basis(form)
        origin = np.asarray(np.linalg.lstsq(basis, start, rcond=None)[0], np.float64)
        start = _minimize(basis, origin, strength, inputs, faces)
    return _calibration(form, start)


def _fit_with_features(
    start: FloatArray, strength: float, inputs: FloatArray, faces: Faces
) -> Calibration:
    """Fit the matrix and the weights of the features together, from (112,) numbers."""
    from scipy.sparse import eye_array

    features = np.asarray(faces.heads[FEATURES], np.float64)
    mean = features.mean(axis=0)
    scale = FEATURE_SCALE / np.maximum(features.std(axis=0), 1e-3)  # some features are always 0
    inputs = np.hstack([inputs, (features - mean) * scale])
    weights, bias = _weights_and_bias(start)
    origin = np.concatenate([np.pad(weights, ((0, 0), (0, len(mean)))).ravel(), bias])
    scaled = _calibration(
        "features", _minimize(eye_array(len(origin)), origin, strength, inputs, faces)
    )
    of_features = scaled.features * scale
    return replace(scaled, features=of_features, bias=scaled.bias - of_features @ mean)


def _calibration(form: str, numbers: FloatArray) -> Calibration:
    weights, bias = _weights_and_bias(numbers)
    ferplus, fer2013, features = np.split(weights, [EIGHT, EIGHT + SEVEN], axis=1)
    return Calibration(form, ferplus, fer2013, bias, features)


def _weights_and_bias(numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(7, inputs) weights, row by row, then (7,) biases."""
    return numbers[:-SEVEN].reshape(SEVEN, -1), numbers[-SEVEN:]


def cross_validate(form: str, strength: float, faces: Faces) -> FloatArray:
    """Predict every face by calibrations that were fitted without its person.

    Returns:
        (N, 7) probabilities, the mean over `REPEATS` divisions into folds.

    Raises:
        DataError: there are too few faces or people.
    """
    probabilities = np.zeros((len(faces.labels), SEVEN))
    for folds in _divisions(faces):
        for fitted, held_out in folds:
            calibration = fit(form, strength, faces.subset(fitted))
            probabilities[held_out] += calibration.probabilities(faces.subset(held_out).heads)
    return probabilities / REPEATS


@dataclass(frozen=True, eq=False)
class Candidate:
    """A form and a strength with its cross-validated loss.

    Attributes:
        form: of `FORMS`.
        strength: of the penalty; 0 for "temperature".
        loss: weighted mean negative log-likelihood of faces held out, in nats.
        behind: how much the loss is above the best candidate's.
        error: standard error of this difference, over people.
        held_out: (N, 7) probabilities, from `cross_validate`.
    """

    form: str
    strength: float
    loss: float
    behind: float
    error: float
    held_out: FloatArray


def compare(faces: Faces) -> list[Candidate]:
    """Cross-validate every form with every strength, the simplest form first.

    The form "features" takes part where the network gives them.

    Raises:
        DataError: there are too few faces or people.
    """
    tried = [
        (form, strength, cross_validate(form, strength, faces))
        for form in FORMS
        if form != "features" or FEATURES in faces.heads
        for strength in ((0.0,) if form == "temperature" else STRENGTHS)
    ]
    rows = np.arange(len(faces.labels))
    losses = np.array(
        [-np.log(np.maximum(held_out[rows, faces.labels], 1e-12)) for _, _, held_out in tried]
    )
    means = (losses * faces.weights).mean(axis=1)
    best = losses[means.argmin()]
    return [
        Candidate(
            form,
            strength,
            float(mean),
            float(mean - means.min()),
            _error_of_mean((row - best) * faces.weights, faces.people),
            held_out,
        )
        for (form, strength, held_out), mean, row in zip(tried, means, losses, strict=True)
    ]


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Choose the simplest form within one standard error of the best, with a strong penalty.

    That is the one-standard-error rule of Breiman et al. 1984 for the form. Of its strengths the
    strongest within two is taken: the folds hold out people, but visitors' images come from
    elsewhere, and to a set of photographs that is held out whole, stronger penalties transfer
    better (experiments/040).

    Args:
        candidates: as `compare` orders them.
    """
    form = next(one.form for one in candidates if one.behind <= one.error)
    return [one for one in candidates if one.form == form and one.behind <= 2 * one.error][-1]


def _basis(form: str) -> FloatArray:
    """Return (112, k): weights, row by row, then biases, as linear functions of k parameters."""
    from scipy.linalg import block_diag

    emotions, inputs = np.arange(SEVEN), EIGHT + SEVEN
    diagonals = np.zeros((SEVEN, inputs, 2, SEVEN))  # weight of an emotion, by head and emotion
    diagonals[emotions, emotions, 0, emotions] = 1
    diagonals[emotions, EIGHT + emotions, 1, emotions] = 1
    weights = {
        "temperature": diagonals.sum(axis=3),
        "bias": diagonals.sum(axis=3),
        "vector": diagonals,
        "matrix": np.eye(SEVEN * inputs),
    }[form]
    biases = np.eye(SEVEN, 0 if form == "temperature" else SEVEN)
    return np.asarray(block_diag(weights.reshape(SEVEN * inputs, -1), biases))


def _minimize(
    basis: Any, origin: FloatArray, strength: float, inputs: FloatArray, faces: Faces
) -> FloatArray:
    """Find the weights and biases of least loss, a linear function of other numbers.

    Args:
        basis: matrix, dense or sparse, from these numbers to weights and biases.
        origin: where these numbers begin and the penalty pulls them.
        strength: of the penalty.
        inputs: (N, c) of the linear layer.
        faces: N, with their labels and weights.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    rows, labels = np.arange(len(inputs)), faces.labels
    weights = faces.weights / faces.weights.sum()

    def loss(numbers: FloatArray) -> tuple[float, FloatArray]:
        of_inputs, bias = _weights_and_bias(basis @ numbers)
        logs = log_softmax(inputs @ of_inputs.T + bias)
        residuals = np.exp(logs)
        residuals[rows, labels] -= 1
        residuals *= weights[:, None]
        gradient = np.concatenate([(residuals.T @ inputs).ravel(), residuals.sum(axis=0)])
        away = numbers - origin
        value = -float(weights @ logs[rows, labels]) + strength * float(away @ away)
        return value, basis.T @ gradient + 2 * strength * away

    with threadpool_limits(1):  # one thread is fastest for matrices this small
        return np.asarray(basis @ minimize(loss, origin, jac=True, method="L-BFGS-B").x)


def _divisions(faces: Faces) -> Iterable[list[tuple[NDArray[np.intp], NDArray[np.intp]]]]:
    """Yield `REPEATS` divisions into folds that keep people together and spread cells evenly.

    Raises:
        DataError: there are too few people, or no cell is large enough for every fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    cells = np.char.add(np.char.add(faces.sets, "/"), faces.labels.astype(str))
    largest = np.unique(cells, return_counts=True)[1].max(initial=0)
    if min(largest, len(np.unique(faces.people))) < FOLDS:
        raise DataError(
            f"there are too few photographs to cross-validate: name folders with at least "
            f"{FOLDS} photographs of one label and {FOLDS} people."
        )
    for repeat in range(REPEATS):
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED + repeat)
        with warnings.catch_warnings():  # rare cells are missing from some folds
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            folds = list(splitter.split(cells, cells, faces.people))
        yield folds


def _error_of_mean(values: FloatArray, people: NDArray[np.str_]) -> float:
    """Compute the standard error of the mean of values clustered by person."""
    _, index = np.unique(people, return_inverse=True)
    sums = np.bincount(index, values - values.mean())
    return float(np.sqrt((sums**2).sum()) / len(values))
