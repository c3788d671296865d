"""Compare networks on photographs by discrimination and by calibrated recall.

Discrimination is the area under the ROC curve, which does not depend on the prior: disgust against
angry and sad, fear against surprise, sad against neutral.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fer_core.calibration import log_softmax, log_sum_exp
from fer_core.emotions import FER2013_LABELS
from train.calibration.fitting import Faces, LabelledLogits, cross_validate, join_sets
from train.calibration.photographs import NEUTRAL_WEIGHT
from train.data.face_sets import FaceSet

if TYPE_CHECKING:
    from train.inputs.teachers import TeacherLogits

CONFUSED = (
    ("disgust", ("angry", "sad")),
    ("fear", ("surprise",)),
    ("sad", ("neutral",)),
)
"""An emotion, and those that it is often confused with."""
# One form for all networks, so that they can be compared; `train.calibrate` chooses what ships.
FORM, STRENGTH = "matrix", 0.01


def judged_faces(sets: Mapping[str, FaceSet], teacher_logits: "TeacherLogits") -> Faces | None:
    """Collect the photographs with a known emotion and their logits; None if there are none.

    Neutral faces weigh as in the shipped calibration.

    Raises:
        RunError: the logits leave a face out.
    """
    parts = {}
    for name, one in sets.items():
        known = np.isin(one.labels, FER2013_LABELS)
        if known.any():
            people = [person or file for person, file in zip(one.people, one.files, strict=True)]
            parts[name] = LabelledLogits(
                teacher_logits.select(one.faces[known]),
                np.array([FER2013_LABELS.index(label) for label in np.array(one.labels)[known]]),
                np.array(people)[known],
                one.faces[known],
            )
    if not parts:
        return None
    neutral = FER2013_LABELS.index("neutral")
    has_neutral = any(neutral in part.labels for part in parts.values())
    return join_sets(parts, {"neutral": NEUTRAL_WEIGHT} if has_neutral else {})


def discrimination(faces: Faces) -> dict[str, float]:
    """Compute the area under each pair's ROC curve, by the mean log-probability of the heads.

    Returns:
        Areas, 0..1, by "disgust against angry, sad" and the like, for pairs that occur.
    """
    from sklearn.metrics import roc_auc_score

    count = len(FER2013_LABELS)
    logits = log_softmax(faces.heads["ferplus"])[:, :count] + log_softmax(faces.heads["fer2013"])
    areas = {}
    for one, others in CONFUSED:
        columns = [FER2013_LABELS.index(other) for other in others]
        wanted = FER2013_LABELS.index(one)
        chosen = np.isin(faces.labels, (wanted, *columns))
        is_one = faces.labels[chosen] == wanted
        if is_one.any() and not is_one.all():
            score = logits[chosen, wanted] / 2 - log_sum_exp(logits[chosen][:, columns] / 2)[:, 0]
            areas[f"{one} against {', '.join(others)}"] = float(roc_auc_score(is_one, score))
    return areas


def cross_validated(faces: Faces) -> dict[str, float]:
    """Evaluate calibrations on people that they were not fitted on.

    Returns:
        For each set `NAME mean recall`, `NAME log loss` (each emotion weighing the same) and
        `NAME recall of EMOTION`.
    """
    probabilities = cross_validate(FORM, STRENGTH, faces)
    figures: dict[str, float] = {}
    for name in dict.fromkeys(faces.sets.tolist()):
        recalls, losses = {}, []
        for index, emotion in enumerate(FER2013_LABELS):
            chosen = (faces.sets == name) & (faces.labels == index)
            if chosen.any():
                recalls[emotion] = float((probabilities[chosen].argmax(axis=1) == index).mean())
                losses.append(-np.log(np.maximum(probabilities[chosen, index], 1e-12)).mean())
        figures[f"{name} mean recall"] = float(np.mean(list(recalls.values())))
        figures[f"{name} log loss"] = float(np.mean(losses))
        figures |= {f"{name} recall of {key}": value for key, value in recalls.items()}
    return figures
