"""Photographs and rendered portraits, as they are and changed: what `train.gap` measures on them.

Each measure returns plain values for JSON.
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
from train.robustness.pipelines import Cut, Pipeline
from train.robustness.scenes import KnownFace, PlacedFace, make_scene

ROLLS = (-45, -30, -15, 15, 30, 45)  # degrees that photographs are turned by
TURNS = (90, 180, 270)


def turn(picture: UInt8Array, degrees: float) -> UInt8Array:
    """The picture rolled clockwise on a canvas that holds all of it; its edge is repeated."""
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(picture, -round(degrees / 90)))
    height, width = picture.shape[:2]
    angle = np.deg2rad(degrees)
    across, down = abs(np.cos(angle)), abs(np.sin(angle))
    size = (round(width * across + height * down), round(width * down + height * across))
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, -degrees, 1.0), np.float64)
    matrix[:, 2] += (np.array(size, np.float64) - (width, height)) / 2
    turned = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8)


def largest(recognizer: EmotionRecognizer, picture: UInt8Array) -> FaceResult | None:
    """The largest face of a picture, with its answer."""
    faces = recognizer.recognize(picture).faces
    return faces[0] if faces else None


def _mean(values: Sequence[float]) -> float | None:
    """None where there is nothing to take a mean of, as strict JSON wants it."""
    return float(np.mean(values)) if values else None


def measure_photographs(
    recognizer: EmotionRecognizer, pipelines: dict[str, Pipeline], photographs: list[Photograph]
) -> dict[str, Any]:
    """Real photographs, as they are: all pipelines, the largest cut of each."""
    labels = [photograph.label for photograph in photographs]
    answers: dict[str, list[str | None]] = {name: [] for name in pipelines}
    for photograph in progress(photographs, "photographs"):
        picture = load_image(photograph.path)
        for name, pipeline in pipelines.items():
            cuts = sorted(pipeline(picture), key=lambda cut: -cut.height)[:1]
            row = probabilities(recognizer.model, [cut.crop for cut in cuts])
            answers[name].append(FER2013_LABELS[row[0].argmax()] if cuts else None)
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
    """How often rolling a picture changes an answer that was right upright.

    A face that is not found any more counts as changed. Quarter turns are reported apart.
    """
    angles = (*ROLLS, *TURNS)
    changed: dict[int, list[bool]] = {angle: [] for angle in angles}
    missed: dict[int, list[bool]] = {angle: [] for angle in angles}
    for photograph in progress(photographs, "rolled"):
        picture = load_image(photograph.path)
        upright = largest(recognizer, picture)
        if upright is None or upright.emotion.label != photograph.label:
            continue
        for angle in angles:
            face = largest(recognizer, turn(picture, angle))
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
    """The same photographs, each set into a larger picture, against themselves as they are."""
    spec = recognizer.model.info.preprocessing
    labels: list[str] = []
    alone: list[str | None] = []
    within: dict[str, list[str | None]] = {"set in": [], "set in, bad photograph": []}
    for index, photograph in enumerate(progress(photographs, "photographs in scenes")):
        picture = load_image(photograph.path)
        face = largest(recognizer, picture)
        labels.append(photograph.label)
        alone.append(face.emotion.label if face else None)
        if face is None:
            for answers in within.values():
                answers.append(None)
            continue
        _, transform = align_face(picture, face.detection, spec)
        back = invert(transform)
        center = apply(back, np.full((1, 2), spec.crop_size / 2))[0]
        roll = float(np.rad2deg(np.arctan2(back[1, 0], back[0, 0])))
        known = KnownFace(
            picture,
            (float(center[0]), float(center[1])),
            spec.crop_size * scale_of(back),
            roll,
            FER2013_LABELS.index(photograph.label),
        )
        for strength, answers in zip((0.0, 1.0), within.values(), strict=True):
            rng = np.random.default_rng((SEED, 5, index))
            scene = make_scene([known], [0], rng, strength=strength)
            cut = _our_answer(recognizer, scene.picture, scene.faces[0])
            answers.append(cut)
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


def _our_answer(
    recognizer: EmotionRecognizer, picture: UInt8Array, place: PlacedFace
) -> str | None:
    faces = recognizer.recognize(picture).faces
    cuts = [
        Cut((b.x_min, b.y_min, b.x_max, b.y_max), face.aligned)
        for face in faces
        for b in (face.detection.box,)
    ]
    (index,), _ = match(cuts, [place])
    return faces[index].emotion.label if index >= 0 else None


def _without_misses(
    labels: list[str], alone: list[str | None], answers: list[str | None]
) -> dict[str, float | None]:
    """Mean recall on the faces that were found, in the scene and as they are."""
    rows = [index for index, answer in enumerate(answers) if answer is not None]
    chosen = [labels[index] for index in rows]
    return {
        "alone": mean_recall(chosen, [alone[index] for index in rows])["mean_recall"],
        "in_scene": mean_recall(chosen, [answers[index] for index in rows])["mean_recall"],
    }


def measure_portraits(recognizer: EmotionRecognizer, portraits: list[Photograph]) -> dict[str, Any]:
    """Rendered faces: by expression, by person, and changed in ways that are known.

    `spread` is, for each expression, the largest difference between two persons in the probability
    of the right answer, and the standard deviation over persons.
    """
    answers: dict[str, list[str | None]] = {name: [] for name in PORTRAIT_CHANGES}
    sure: list[dict[str, float]] = []
    for portrait in progress(portraits, "portraits"):
        picture = load_image(portrait.path)
        upright = largest(recognizer, picture)
        sure.append(
            upright.emotion.probabilities if upright else dict.fromkeys(FER2013_LABELS, 0.0)
        )
        for name, change in PORTRAIT_CHANGES.items():
            face = largest(recognizer, change(picture, upright)) if upright else None
            answers[name].append(face.emotion.label if face else None)
    labels = [portrait.label for portrait in portraits]
    people = sorted({portrait.person for portrait in portraits})
    plain = answers["as it is"]

    def share(rows: list[int], names: Sequence[str | None]) -> float:
        return float(np.mean([names[row] == labels[row] for row in rows]))

    def rows_of(person: str) -> list[int]:
        return [row for row, portrait in enumerate(portraits) if portrait.person == person]

    spread = {}
    for label in dict.fromkeys(labels):
        means = [
            float(np.mean([sure[row][label] for row in rows]))
            for person in people
            if (rows := [row for row in rows_of(person) if labels[row] == label])
        ]
        spread[label] = {"largest": max(means) - min(means), "deviation": float(np.std(means))}
    neutral = [row for row, label in enumerate(labels) if label == "neutral"]
    return {
        "n": len(portraits),
        "accuracy": {name: share(list(range(len(labels))), given)
                     for name, given in answers.items()},
        "by_expression": mean_recall(labels, plain)["recall"],
        "by_person": {
            person: {
                "n": len(rows_of(person)),
                "accuracy": share(rows_of(person), plain),
                "probability": float(np.mean([sure[row][labels[row]] for row in rows_of(person)])),
            }
            for person in people
        },
        "spread": spread,
        "neutral": {
            "n": len(neutral),
            **{
                name: {
                    "answers": sum(plain[row] == name for row in neutral),
                    "probability": float(np.mean([sure[row][name] for row in neutral])),
                }
                for name in ("angry", "sad")
                if neutral
            },
        },
    }  # fmt: skip


def _scaled(picture: UInt8Array, side: int) -> UInt8Array:
    factor = side / max(picture.shape[:2])
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _lit(picture: UInt8Array, exponent: float) -> UInt8Array:
    levels = 255 * (np.arange(256) / 255) ** exponent
    table: UInt8Array = np.rint(levels).astype(np.uint8)
    return table[picture]


def _side_light(picture: UInt8Array) -> UInt8Array:
    gain = np.linspace(1.0, 0.25, picture.shape[1])[:, np.newaxis]
    return np.rint(picture * gain).astype(np.uint8)


def _hidden(picture: UInt8Array, face: FaceResult, rows: tuple[float, float]) -> UInt8Array:
    """A grey bar across the face, over these rows of its box."""
    box = face.detection.box
    changed = picture.copy()
    top, bottom = (round(box.y_min + share * box.height) for share in rows)
    changed[top:bottom, box.x_min : box.x_max] = 96
    return changed


PORTRAIT_CHANGES: dict[str, Callable[[UInt8Array, FaceResult], UInt8Array]] = {
    "as it is": lambda picture, _: picture,
    "rolled 30° left": lambda picture, _: turn(picture, -30),
    "rolled 30° right": lambda picture, _: turn(picture, 30),
    "upside down": lambda picture, _: turn(picture, 180),
    "128 pixels": lambda picture, _: _scaled(picture, 128),
    "dark (gamma 2)": lambda picture, _: _lit(picture, 2.0),
    "bright (gamma 0.5)": lambda picture, _: _lit(picture, 0.5),
    "light from the left": lambda picture, _: _side_light(picture),
    "eyes hidden": lambda picture, face: _hidden(picture, face, (0.22, 0.42)),
    "mouth hidden": lambda picture, face: _hidden(picture, face, (0.68, 0.9)),
}
