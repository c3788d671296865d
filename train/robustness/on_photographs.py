"""Measures the pipelines of `train.gap` on photographs and rendered portraits.

Every `measure_...` returns values for JSON.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from fer_core.alignment import align_face
from fer_core.emotions import FER2013_LABELS
from fer_core.geometry import apply, invert, scale_of
from fer_core.preprocessing import PreprocessingSpec, UInt8Array
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import FaceDetection
from train.cli import progress
from train.data.photographs import Photograph, load_photograph
from train.evaluation.metrics import mean, mean_recall
from train.robustness.on_scenes import SEED, match, predict
from train.robustness.pipelines import Pipeline, aligned_crops
from train.robustness.scenes import KnownFace, make_scene

ROLLS = (-45, -30, -15, 15, 30, 45)  # degrees clockwise
TURNS = (90, 180, 270)
SETTINGS = {"set in": 0.0, "set in, bad photograph": 1.0}  # strength of the image faults


def rotate(image: UInt8Array, degrees: float) -> UInt8Array:
    """Rotate an image clockwise on a canvas that holds all of it; the edge is replicated."""
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(image, -round(degrees / 90)))
    height, width = image.shape[:2]
    angle = np.deg2rad(degrees)
    across, down = abs(np.cos(angle)), abs(np.sin(angle))
    size = (round(width * across + height * down), round(width * down + height * across))
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, -degrees, 1.0), np.float64)
    matrix[:, 2] += (np.array(size, np.float64) - (width, height)) / 2
    turned = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8)


def read_largest(recognizer: EmotionRecognizer, image: UInt8Array) -> str | None:
    """Predict the emotion of the largest face of an image; None where no face is found."""
    faces = recognizer.recognize(image).faces
    return faces[0].emotion.label if faces else None


def measure_photographs(
    recognizer: EmotionRecognizer, pipelines: dict[str, Pipeline], photographs: list[Photograph]
) -> dict[str, Any]:
    """Measure recall of all pipelines on the largest crop of each photograph."""
    labels = [photograph.label for photograph in photographs]
    answers: dict[str, list[str | None]] = {name: [] for name in pipelines}
    for photograph in progress(photographs, "photographs"):
        image = load_photograph(photograph)
        for name, pipeline in pipelines.items():
            crops = sorted(pipeline(image), key=lambda crop: -crop.height)[:1]
            rows = predict(recognizer.model, [crop.pixels for crop in crops])
            answers[name].append(FER2013_LABELS[rows[0]] if crops else None)
    return {
        "n": len(photographs),
        "pipelines": {name: _found_and_recall(labels, given) for name, given in answers.items()},
    }


def _found_and_recall(labels: list[str], answers: list[str | None]) -> dict[str, Any]:
    found = float(np.mean([answer is not None for answer in answers]))
    return {"found": found, **mean_recall(labels, answers)}


def measure_rolls(recognizer: EmotionRecognizer, photographs: list[Photograph]) -> dict[str, Any]:
    """Measure how often rotating a photograph changes a correct prediction.

    A face that is no longer found counts as changed. `changed_up_to_45` leaves out quarter turns.
    """
    changed: dict[int, list[bool]] = {angle: [] for angle in (*ROLLS, *TURNS)}
    for photograph in progress(photographs, "rolled"):
        image = load_photograph(photograph)
        if read_largest(recognizer, image) == photograph.label:
            for angle, values in changed.items():
                answer = read_largest(recognizer, rotate(image, angle))
                values.append(answer != photograph.label)
    return {
        "right_upright": len(changed[ROLLS[0]]),
        "changed_up_to_45": mean([value for angle in ROLLS for value in changed[angle]]),
        "changed": {str(angle): mean(values) for angle, values in changed.items()},
    }


def measure_photographs_in_scenes(
    recognizer: EmotionRecognizer, photographs: list[Photograph]
) -> dict[str, Any]:
    """Measure recall on photographs pasted into larger images, and on the original photographs.

    `without_misses` is mean recall on the faces found in the scenes, in the original and there.
    """
    spec = recognizer.model.info.preprocessing
    labels = [photograph.label for photograph in photographs]
    alone: list[str | None] = [None] * len(labels)
    within = {name: alone.copy() for name in SETTINGS}
    for index, photograph in enumerate(progress(photographs, "photographs in scenes")):
        image = load_photograph(photograph)
        faces = recognizer.recognize(image).faces
        if not faces:
            continue
        alone[index] = faces[0].emotion.label
        label = FER2013_LABELS.index(photograph.label)
        known = known_face(image, faces[0].detection, spec, label)
        for name, strength in SETTINGS.items():
            rng = np.random.default_rng((SEED, 5, index))
            scene = make_scene([known], rng, strength=strength)
            found = recognizer.recognize(scene.image)
            (row,), _ = match(aligned_crops(found), scene.faces)
            if row >= 0:
                within[name][index] = found.faces[row].emotion.label
    result = {"n": len(labels), "alone": mean_recall(labels, alone)}
    for name, answers in within.items():
        rows = [row for row, answer in enumerate(answers) if answer is not None]
        chosen = [labels[row] for row in rows]
        result[name] = _found_and_recall(labels, answers) | {
            "without_misses": {
                key: mean_recall(chosen, [given[row] for row in rows])["mean_recall"]
                for key, given in (("alone", alone), ("in_scene", answers))
            }
        }
    return result


def known_face(
    image: UInt8Array, face: FaceDetection, spec: PreprocessingSpec, label: int
) -> KnownFace:
    """Make a `KnownFace` of a face in a photograph, the square and roll of which are our crop's."""
    _, transform = align_face(image, face, spec)
    back = invert(transform)
    x, y = apply(back, np.full((1, 2), spec.crop_size / 2))[0]
    roll = float(np.rad2deg(np.arctan2(back[1, 0], back[0, 0])))
    return KnownFace(image, (float(x), float(y)), spec.crop_size * scale_of(back), roll, label)


def measure_portraits(recognizer: EmotionRecognizer, portraits: list[Photograph]) -> dict[str, Any]:
    """Measure accuracy on rendered faces by change."""
    right: dict[str, list[bool]] = {name: [] for name in PORTRAIT_CHANGES}
    for portrait in progress(portraits, "portraits"):
        image = load_photograph(portrait)
        faces = recognizer.recognize(image).faces
        for name, change in PORTRAIT_CHANGES.items():
            changed = change(image, faces[0].detection) if faces else image
            right[name].append(read_largest(recognizer, changed) == portrait.label)
    accuracy = {name: float(np.mean(values)) for name, values in right.items()}
    return {"n": len(portraits), "accuracy": accuracy}


def _cover(image: UInt8Array, face: FaceDetection, rows: tuple[float, float]) -> UInt8Array:
    """Cover rows of a face with a grey bar; `rows` are fractions of the box's height."""
    box = face.box
    changed = image.copy()
    top, bottom = (round(box.y_min + share * box.height) for share in rows)
    changed[top:bottom, box.x_min : box.x_max] = 96
    return changed


PORTRAIT_CHANGES: dict[str, Callable[[UInt8Array, FaceDetection], UInt8Array]] = {
    "as it is": lambda image, _: image,
    "rolled 30° left": lambda image, _: rotate(image, -30),
    "rolled 30° right": lambda image, _: rotate(image, 30),
    "upside down": lambda image, _: rotate(image, 180),
    "eyes hidden": lambda image, face: _cover(image, face, (0.22, 0.42)),
    "mouth hidden": lambda image, face: _cover(image, face, (0.68, 0.9)),
}
