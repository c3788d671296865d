"""Measures the pipelines of `train.gap` on photographs and rendered portraits.

Every `measure_...` returns values for JSON.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from fer_core.alignment import align_face
from fer_core.emotions import FER2013_LABELS
from fer_core.geometry import apply, invert, scale_of
from fer_core.images import load_image
from fer_core.preprocessing import UInt8Array
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import FaceResult
from train.cli import progress
from train.data.photographs import Photograph
from train.evaluation.metrics import mean_recall
from train.robustness.on_scenes import SEED, match, probabilities
from train.robustness.pipelines import FaceCrop, Pipeline, face_edges
from train.robustness.scenes import KnownFace, make_scene

ROLLS = (-45, -30, -15, 15, 30, 45)  # degrees clockwise
TURNS = (90, 180, 270)


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


def recognize_largest(recognizer: EmotionRecognizer, image: UInt8Array) -> FaceResult | None:
    """Recognize the largest face of an image; None where no face is found."""
    faces = recognizer.recognize(image).faces
    return faces[0] if faces else None


def _mean(values: Sequence[float]) -> float | None:
    """Compute a mean, or None of no values, because JSON has no NaN."""
    return float(np.mean(values)) if values else None


def measure_photographs(
    recognizer: EmotionRecognizer, pipelines: dict[str, Pipeline], photographs: list[Photograph]
) -> dict[str, Any]:
    """Measure recall of all pipelines on the largest crop of each photograph."""
    labels = [photograph.label for photograph in photographs]
    answers: dict[str, list[str | None]] = {name: [] for name in pipelines}
    for photograph in progress(photographs, "photographs"):
        image = load_image(photograph.path)
        for name, pipeline in pipelines.items():
            crops = sorted(pipeline(image), key=lambda crop: -crop.height)[:1]
            row = probabilities(recognizer.model, [crop.pixels for crop in crops])
            answers[name].append(FER2013_LABELS[row[0].argmax()] if crops else None)
    return {
        "n": len(photographs),
        "pipelines": {
            name: {
                "found": float(np.mean([answer is not None for answer in given])),
                **mean_recall(labels, given),
            }
            for name, given in answers.items()
        },
    }


def measure_rolls(recognizer: EmotionRecognizer, photographs: list[Photograph]) -> dict[str, Any]:
    """Measure how often rotating a photograph changes a correct prediction.

    A face that is no longer found counts as changed. `changed_up_to_45` leaves out quarter turns.
    """
    angles = (*ROLLS, *TURNS)
    changed: dict[int, list[bool]] = {angle: [] for angle in angles}
    missed: dict[int, list[bool]] = {angle: [] for angle in angles}
    for photograph in progress(photographs, "rolled"):
        image = load_image(photograph.path)
        upright = recognize_largest(recognizer, image)
        if upright is None or upright.emotion.label != photograph.label:
            continue
        for angle in angles:
            face = recognize_largest(recognizer, rotate(image, angle))
            missed[angle].append(face is None)
            changed[angle].append(face is None or face.emotion.label != photograph.label)
    return {
        "right_upright": len(changed[angles[0]]),
        "changed_up_to_45": _mean([value for angle in ROLLS for value in changed[angle]]),
        "changed": {str(angle): _mean(changed[angle]) for angle in angles},
        "missed": {str(angle): _mean(missed[angle]) for angle in angles},
    }


def measure_photographs_in_scenes(
    recognizer: EmotionRecognizer, photographs: list[Photograph]
) -> dict[str, Any]:
    """Measure recall on photographs pasted into larger images, and on the original photographs."""
    spec = recognizer.model.info.preprocessing
    labels: list[str] = []
    alone: list[str | None] = []
    within: dict[str, list[str | None]] = {"set in": [], "set in, bad photograph": []}
    for index, photograph in enumerate(progress(photographs, "photographs in scenes")):
        image = load_image(photograph.path)
        face = recognize_largest(recognizer, image)
        labels.append(photograph.label)
        alone.append(face.emotion.label if face else None)
        if face is None:
            for answers in within.values():
                answers.append(None)
            continue
        _, transform = align_face(image, face.detection, spec)
        back = invert(transform)
        center = apply(back, np.full((1, 2), spec.crop_size / 2))[0]
        roll = float(np.rad2deg(np.arctan2(back[1, 0], back[0, 0])))
        known = KnownFace(
            image,
            (float(center[0]), float(center[1])),
            spec.crop_size * scale_of(back),
            roll,
            FER2013_LABELS.index(photograph.label),
        )
        for strength, answers in zip((0.0, 1.0), within.values(), strict=True):
            rng = np.random.default_rng((SEED, 5, index))
            scene = make_scene([known], [0], rng, strength=strength)
            found = recognizer.recognize(scene.image).faces
            crops = [FaceCrop(face_edges(one), one.aligned) for one in found]
            (row,), _ = match(crops, scene.faces)
            answers.append(found[row].emotion.label if row >= 0 else None)
    return {
        "n": len(labels),
        "alone": mean_recall(labels, alone),
        **{
            name: {
                "found": float(np.mean([answer is not None for answer in answers])),
                **mean_recall(labels, answers),
                "without_misses": _without_misses(labels, alone, answers),
            }
            for name, answers in within.items()
        },
    }


def _without_misses(
    labels: list[str], alone: list[str | None], answers: list[str | None]
) -> dict[str, float | None]:
    """Compute mean recall on the faces found in the scenes, in the scene and in the original."""
    rows = [index for index, answer in enumerate(answers) if answer is not None]
    chosen = [labels[index] for index in rows]
    return {
        "alone": mean_recall(chosen, [alone[index] for index in rows])["mean_recall"],
        "in_scene": mean_recall(chosen, [answers[index] for index in rows])["mean_recall"],
    }


def measure_portraits(recognizer: EmotionRecognizer, portraits: list[Photograph]) -> dict[str, Any]:
    """Measure accuracy on rendered faces by change, expression and person.

    `probability` is the mean probability of the label.
    """
    answers: dict[str, list[str | None]] = {name: [] for name in PORTRAIT_CHANGES}
    probability: list[float] = []
    for portrait in progress(portraits, "portraits"):
        image = load_image(portrait.path)
        upright = recognize_largest(recognizer, image)
        probability.append(upright.emotion.probabilities[portrait.label] if upright else 0.0)
        for name, change in PORTRAIT_CHANGES.items():
            face = recognize_largest(recognizer, change(image, upright)) if upright else None
            answers[name].append(face.emotion.label if face else None)
    labels = [portrait.label for portrait in portraits]
    correct = {
        name: np.array([one == label for one, label in zip(given, labels, strict=True)])
        for name, given in answers.items()
    }
    people = np.array([portrait.person for portrait in portraits])
    return {
        "n": len(portraits),
        "accuracy": {name: float(values.mean()) for name, values in correct.items()},
        "by_expression": mean_recall(labels, answers["as it is"])["recall"],
        "by_person": {
            str(person): {
                "n": int((people == person).sum()),
                "accuracy": float(correct["as it is"][people == person].mean()),
                "probability": float(np.array(probability)[people == person].mean()),
            }
            for person in np.unique(people)
        },
    }


def _resize(image: UInt8Array, side: int) -> UInt8Array:
    factor = side / max(image.shape[:2])
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _apply_gamma(image: UInt8Array, exponent: float) -> UInt8Array:
    levels = 255 * (np.arange(256) / 255) ** exponent
    table: UInt8Array = np.rint(levels).astype(np.uint8)
    return table[image]


def _side_light(image: UInt8Array) -> UInt8Array:
    gain = np.linspace(1.0, 0.25, image.shape[1])[:, np.newaxis]
    return np.rint(image * gain).astype(np.uint8)


def _cover(image: UInt8Array, face: FaceResult, rows: tuple[float, float]) -> UInt8Array:
    """Cover rows of a face with a grey bar; `rows` are fractions of the box's height."""
    box = face.detection.box
    changed = image.copy()
    top, bottom = (round(box.y_min + share * box.height) for share in rows)
    changed[top:bottom, box.x_min : box.x_max] = 96
    return changed


PORTRAIT_CHANGES: dict[str, Callable[[UInt8Array, FaceResult], UInt8Array]] = {
    "as it is": lambda image, _: image,
    "rolled 30° left": lambda image, _: rotate(image, -30),
    "rolled 30° right": lambda image, _: rotate(image, 30),
    "upside down": lambda image, _: rotate(image, 180),
    "128 pixels": lambda image, _: _resize(image, 128),
    "dark (gamma 2)": lambda image, _: _apply_gamma(image, 2.0),
    "bright (gamma 0.5)": lambda image, _: _apply_gamma(image, 0.5),
    "light from the left": lambda image, _: _side_light(image),
    "eyes hidden": lambda image, face: _cover(image, face, (0.22, 0.42)),
    "mouth hidden": lambda image, face: _cover(image, face, (0.68, 0.9)),
}
