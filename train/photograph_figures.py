"""What a network tells apart on photographs, whatever its prior; and a calibration fitted on them.

Discrimination is the area under the ROC curve, which no change of prior moves: disgust against
angry and sad, fear against surprise, sad against neutral.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import Calibration, log_softmax
from fer_core.emotions import FER2013_LABELS
from fer_core.preprocessing import Float32Array
from train.calibration import Faces, cell_weights, cross_validate, fit

CONTESTS = (
    ("disgust", ("angry", "sad")),
    ("fear", ("surprise",)),
    ("sad", ("neutral",)),
)
"""An emotion, and those that it is to be told from."""

STRENGTH = 0.01
"""Of the L2 penalty: what cross-validation chose for the shipped model."""

Heads = Mapping[str, Float32Array]


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


def fit_calibration(sets: Sequence[JudgedFaces]) -> Calibration:
    """Fit a matrix calibration, as `train.calibration.fit`, every emotion of every set the same.

    Args:
        sets: photographs of two emotions or more.
    """
    return fit("matrix", STRENGTH, _faces(sets))


def cross_validated(sets: Sequence[JudgedFaces]) -> dict[str, float]:
    """Judge calibrated answers on photographs that their calibration has not seen.

    Returns:
        For each set `NAME mean recall`, `NAME log loss` (each emotion weighing the same) and
        `NAME recall of EMOTION`; people stay together.
    """
    faces = _faces(sets)
    probabilities = cross_validate("matrix", STRENGTH, faces)
    figures: dict[str, float] = {}
    for name in dict.fromkeys(faces.sets.tolist()):
        recalls, losses = {}, []
        for index, emotion in enumerate(FER2013_LABELS):
            found = probabilities[(faces.sets == name) & (faces.labels == index)]
            if len(found):
                recalls[emotion] = float((found.argmax(axis=1) == index).mean())
                losses.append(-np.log(np.maximum(found[:, index], 1e-12)).mean())
        figures[f"{name} mean recall"] = float(np.mean(list(recalls.values())))
        figures[f"{name} log loss"] = float(np.mean(losses))
        figures |= {f"{name} recall of {emotion}": value for emotion, value in recalls.items()}
    return figures


def _faces(sets: Sequence[JudgedFaces]) -> Faces:
    """The photographs of the seven emotions, without rows of other labels."""
    kept = [np.isin(judged.labels, FER2013_LABELS) for judged in sets]
    labels = np.concatenate(
        [
            [FER2013_LABELS.index(str(label)) for label in np.asarray(judged.labels)[rows]]
            for judged, rows in zip(sets, kept, strict=True)
        ]
    ).astype(int)
    names = np.repeat([judged.name for judged in sets], [rows.sum() for rows in kept])
    people = [
        f"{judged.name}/{person or row}"
        for judged, rows in zip(sets, kept, strict=True)
        for row, person in enumerate(judged.people)
        if rows[row]
    ]
    heads = {
        head: np.concatenate(
            [judged.logits[head][rows] for judged, rows in zip(sets, kept, strict=True)]
        )
        for head in ("ferplus", "fer2013")
    }
    return Faces(heads, labels, names, np.array(people), cell_weights(labels, names, {}))


def _seven(heads: Heads) -> NDArray[np.float64]:
    """The mean of both heads' log-probabilities of the seven emotions."""
    ferplus = log_softmax(heads["ferplus"])[:, : len(FER2013_LABELS)]
    return np.asarray((ferplus + log_softmax(heads["fer2013"])) / 2)
