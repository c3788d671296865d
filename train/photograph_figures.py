"""What a network tells apart on photographs, whatever its prior; and a calibration fitted on them.

Discrimination is the area under the ROC curve, which no change of prior moves: disgust against
angry and sad, fear against surprise, sad against neutral.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS
from fer_core.preprocessing import Float32Array

CONTESTS = (
    ("disgust", ("angry", "sad")),
    ("fear", ("surprise",)),
    ("sad", ("neutral",)),
)
"""An emotion, and those that it is to be told from."""

Heads = Mapping[str, Float32Array]
Calibration = Callable[[Heads], NDArray[np.float64]]  # logits of both heads -> (N, 7)


class JudgedFaces(NamedTuple):
    """Photographs with both heads' answers.

    Attributes:
        name: of the set.
        logits: by head, (N, 8) and (N, 7).
        labels: N names; those that are not of the seven do not count.
        people: N names, "" for unknown.
    """

    name: str
    logits: Heads
    labels: Sequence[str]
    people: Sequence[str]


def discrimination(sets: Sequence[JudgedFaces]) -> dict[str, float]:
    """Area under the curve of each contest that the sets hold, by the mean of both heads' logits.

    Returns:
        By "disgust against angry, sad" and the like, 0..1.
    """
    from sklearn.metrics import roc_auc_score

    logits = np.concatenate([_seven(judged.logits) for judged in sets])
    labels = np.concatenate([np.asarray(judged.labels) for judged in sets])
    areas = {}
    for one, others in CONTESTS:
        chosen = np.isin(labels, (one, *others))
        is_one = labels[chosen] == one
        if is_one.any() and not is_one.all():
            columns = [FER2013_LABELS.index(other) for other in others]
            score = logits[chosen, FER2013_LABELS.index(one)]
            score = score - np.logaddexp.reduce(logits[chosen][:, columns], axis=1)
            areas[f"{one} against {', '.join(others)}"] = float(roc_auc_score(is_one, score))
    return areas


def fit_calibration(sets: Sequence[JudgedFaces], strength: float = 1.0) -> Calibration:
    """Multinomial logistic regression from both heads' log-probabilities to the seven emotions.

    Every emotion of every set weighs the same, so that the answers are under an even prior.

    Args:
        sets: photographs of two emotions or more.
        strength: inverse of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression

    features, labels, weights = _examples(sets)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(features, labels, sample_weight=weights)

    def calibrate(heads: Heads) -> NDArray[np.float64]:
        answers = np.full((len(heads["fer2013"]), len(FER2013_LABELS)), 1e-6)
        answers[:, model.classes_] = model.predict_proba(_features(heads))
        return np.asarray(answers / answers.sum(axis=1, keepdims=True))

    return calibrate


def cross_validated(sets: Sequence[JudgedFaces], folds: int = 5, seed: int = 0) -> dict[str, float]:
    """What calibrated answers are worth on photographs that their calibration has not seen.

    Returns:
        For each set `NAME mean recall`, `NAME log loss` (each emotion weighing the same) and
        `NAME recall of EMOTION`; people stay together.
    """
    rng = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    kept = []
    for judged in sets:
        people = [p or f"{judged.name} {i}" for i, p in enumerate(judged.people)]
        for person in people:
            fold_of.setdefault(person, int(rng.integers(folds)))
        kept.append(np.array([fold_of[person] for person in people]))
    answers = [np.zeros((len(judged.labels), len(FER2013_LABELS))) for judged in sets]
    for fold in range(folds):
        seen = [_subset(judged, of != fold) for judged, of in zip(sets, kept, strict=True)]
        calibrate = fit_calibration(seen)
        for judged, of, found in zip(sets, kept, answers, strict=True):
            if (of == fold).any():
                found[of == fold] = calibrate(_subset(judged, of == fold).logits)
    figures: dict[str, float] = {}
    for judged, found in zip(sets, answers, strict=True):
        labels = np.asarray(judged.labels)
        recalls, losses = {}, []
        for index, emotion in enumerate(FER2013_LABELS):
            chosen = labels == emotion
            if chosen.any():
                recalls[emotion] = float((found[chosen].argmax(axis=1) == index).mean())
                losses.append(-np.log(found[chosen, index]).mean())
        figures[f"{judged.name} mean recall"] = float(np.mean(list(recalls.values())))
        figures[f"{judged.name} log loss"] = float(np.mean(losses))
        figures |= {f"{judged.name} recall of {name}": value for name, value in recalls.items()}
    return figures


def _seven(heads: Heads) -> NDArray[np.float64]:
    """The mean of both heads' log-probabilities of the seven emotions."""
    both = _features(heads)
    return np.asarray((both[:, : len(FER2013_LABELS)] + both[:, -len(FER2013_LABELS) :]) / 2)


def _features(heads: Heads) -> NDArray[np.float64]:
    """(N, 15) log-softmax of both heads."""
    parts = []
    for head in ("ferplus", "fer2013"):
        logits = np.asarray(heads[head], np.float64)
        parts.append(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return np.concatenate(parts, axis=1)


def _subset(judged: JudgedFaces, chosen: NDArray[np.bool_]) -> JudgedFaces:
    return JudgedFaces(
        judged.name,
        {head: values[chosen] for head, values in judged.logits.items()},
        [label for label, is_in in zip(judged.labels, chosen, strict=True) if is_in],
        [person for person, is_in in zip(judged.people, chosen, strict=True) if is_in],
    )


def _examples(
    sets: Sequence[JudgedFaces],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Features, labels and weights; each emotion of each set weighs the same, the mean face 1."""
    features, labels, weights = [], [], []
    for judged in sets:
        known = np.isin(judged.labels, FER2013_LABELS)
        if not known.any():
            continue
        chosen = _subset(judged, known)
        numbers = np.array([FER2013_LABELS.index(label) for label in chosen.labels])
        features.append(_features(chosen.logits))
        labels.append(numbers)
        weights.append(1 / np.bincount(numbers)[numbers])
    weight = np.concatenate(weights)
    return np.concatenate(features), np.concatenate(labels), weight * len(weight) / weight.sum()
