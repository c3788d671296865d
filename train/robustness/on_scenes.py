"""Measures the pipelines of `train.gap` on scenes with dataset faces and on corrupted faces.

Every `measure_...` returns values for JSON.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS
from fer_core.model import EmotionModel
from fer_core.preprocessing import UInt8Array, prepare_dataset_face, preprocess
from train.cli import progress
from train.data.dataset import Dataset
from train.evaluation.metrics import mean
from train.robustness.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from train.robustness.pipelines import BOX, HAAR, OURS, WHOLE, FaceCrop, Pipeline
from train.robustness.scenes import (
    KnownFace,
    PlacedFace,
    Scene,
    dataset_face,
    make_empty_scene,
    make_scene,
)

SEED = 2013
MAX_DISTANCE = 0.35  # from the center of a face to that of its box, in face heights
HEIGHT_RATIO = (0.4, 2.0)  # of the box to the face
HEIGHT_EDGES = (48, 64, 96, 160, 260, 481)  # pixels
ROLL_EDGES = (-30, -20, -10, 10, 20, 30)  # degrees
SCENE_STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)


def predict(model: EmotionModel, crops: Sequence[UInt8Array]) -> NDArray[np.int64]:
    """Predict (N,) indices into `FER2013_LABELS` of (crop_size, crop_size) uint8 grey crops."""
    if not crops:
        return np.zeros(0, np.int64)
    inputs = preprocess(np.stack(crops), model.info.preprocessing)
    return np.asarray(model.answer(inputs)[0].argmax(axis=1))


def known_faces(dataset: Dataset) -> list[KnownFace]:
    """Return the faces whose FER+ majority is one of the seven emotions."""
    return [
        dataset_face(face, int(label))
        for face, label in zip(dataset.faces, dataset.reference, strict=True)
        if 0 <= label < len(FER2013_LABELS)
    ]


def match(crops: Sequence[FaceCrop], faces: Sequence[PlacedFace]) -> tuple[list[int], int]:
    """Assign crops to faces.

    Returns:
        The index of a crop for each face, -1 for a miss; the number of crops without a face.
    """
    taken: list[int] = []
    for face in faces:
        fitting = [
            (float(np.hypot(*(np.array(crop.center) - face.center))), index)
            for index, crop in enumerate(crops)
            if index not in taken and HEIGHT_RATIO[0] < crop.height / face.height < HEIGHT_RATIO[1]
        ]
        distance, index = min(fitting, default=(np.inf, -1))
        taken.append(index if distance < MAX_DISTANCE * face.height else -1)
    return taken, len(crops) - sum(index >= 0 for index in taken)


def predict_scenes(
    model: EmotionModel, pipelines: dict[str, Pipeline], scenes: Iterable[Scene]
) -> tuple[list[PlacedFace], dict[str, NDArray[np.int64]]]:
    """Run all pipelines on scenes with one face each.

    Returns:
        The N faces; (N,) predicted labels by pipeline, -1 for a face that was not found.
    """
    faces: list[PlacedFace] = []
    crops: dict[str, list[UInt8Array | None]] = {name: [] for name in pipelines}
    for scene in scenes:
        faces += scene.faces
        for name, pipeline in pipelines.items():
            cuts = pipeline(scene.image)
            # The whole image counts as the crop of the face.
            index = 0 if name == WHOLE else match(cuts, scene.faces)[0][0]
            crops[name].append(cuts[index].pixels if index >= 0 else None)
    answers = {name: np.full(len(faces), -1) for name in pipelines}
    for name, given in crops.items():
        found = [row for row, crop in enumerate(given) if crop is not None]
        answers[name][found] = predict(model, [crop for crop in given if crop is not None])
    return faces, answers


def measure_scenes(
    model: EmotionModel, pipelines: dict[str, Pipeline], faces: Sequence[KnownFace], count: int
) -> dict[str, Any]:
    """Measure all pipelines on scenes with one face each; `ceiling` is accuracy on dataset crops.

    Returns:
        By pipeline: `all` scenes, `upright_96` (not rotated, at least 96 pixels high), `common`
        (faces that Haar, MediaPipe's box and ours all found), and bands `by_height` and `by_roll`,
        each with the metrics of `compare`.
    """
    chosen = [faces[row] for row in np.random.default_rng(SEED).integers(len(faces), size=count)]
    scenes = (
        make_scene([face], np.random.default_rng((SEED, 1, index)))
        for index, face in enumerate(progress(chosen, "scenes"))
    )
    placed, answers = predict_scenes(model, pipelines, scenes)
    spec = model.info.preprocessing
    own = predict(model, [prepare_dataset_face(face.image, spec) for face in chosen])
    labels, heights, rolls = np.array([(face.label, face.height, face.roll) for face in placed]).T
    groups = {
        "all": np.ones(count, bool),
        "upright_96": (rolls == 0) & (heights >= 96),
        "common": np.logical_and.reduce([answers[name] >= 0 for name in (HAAR, BOX, OURS)]),
    }

    def metrics(given: NDArray[np.int64], rows: NDArray[np.bool_]) -> dict[str, Any]:
        return compare(given[rows], own[rows], labels[rows])

    def bands(
        given: NDArray[np.int64], values: NDArray[np.float64], edges: Sequence[int]
    ) -> list[dict[str, Any]]:
        return [
            {"from": low, "to": high, **metrics(given, (values >= low) & (values < high))}
            for low, high in pairwise(edges)
        ]

    return {
        "n": count,
        "ceiling": float((own == labels).mean()),
        "pipelines": {
            name: {
                **{group: metrics(given, rows) for group, rows in groups.items()},
                "by_height": bands(given, heights, HEIGHT_EDGES),
                "by_roll": bands(given, rolls, ROLL_EDGES),
            }
            for name, given in answers.items()
        },
    }


def compare(
    answers: NDArray[np.int64], own: NDArray[np.int64], labels: NDArray[np.floating]
) -> dict[str, Any]:
    """Compute detection rate, accuracy with misses wrong and without misses, and loss of accuracy.

    `below_ceiling` is the difference to the dataset crops of the faces found; `margin` is half its
    95 % interval by the normal approximation for paired predictions.

    Args:
        answers: (N,) predictions in scenes, -1 for a miss.
        own: (N,) predictions of the dataset crops.
        labels: (N,) correct labels.
    """
    found, right = answers >= 0, answers == labels
    lost = (own == labels)[found].astype(float) - right[found]
    return {
        "n": len(labels),
        "found": mean(found),
        "accuracy_misses_wrong": mean(right),
        "accuracy": mean(right[found]),
        "below_ceiling": mean(lost),
        "margin": float(1.96 * lost.std() / np.sqrt(len(lost))) if len(lost) else None,
    }


def measure_strengths(
    model: EmotionModel, pipelines: dict[str, Pipeline], faces: Sequence[KnownFace], count: int
) -> dict[str, Any]:
    """Measure accuracy, misses wrong, over the strength of image faults.

    Every strength has the same faces at the same positions.
    """
    result: dict[str, list[float]] = {name: [] for name in pipelines}

    def scene(index: int, strength: float) -> Scene:
        rng = np.random.default_rng((SEED, 2, index))
        return make_scene([faces[int(rng.integers(len(faces)))]], rng, strength=strength)

    for strength in SCENE_STRENGTHS:
        rows = progress(range(count), f"faults x {strength}")
        scenes = (scene(index, strength) for index in rows)
        placed, answers = predict_scenes(model, pipelines, scenes)
        for name, given in answers.items():
            result[name].append(float((given == [face.label for face in placed]).mean()))
    return {"strengths": list(SCENE_STRENGTHS), "n": count, "accuracy_misses_wrong": result}


def measure_several(
    ours: Pipeline, faces: Sequence[KnownFace], count: int, **scene_options: Any
) -> dict[str, Any]:
    """Measure detection in scenes of two to five faces.

    Args:
        ours: the pipeline.
        faces: to choose from.
        count: number of scenes.
        **scene_options: of `make_scene`.
    """
    heights: list[float] = []
    taken: list[int] = []
    invented = 0
    for index in progress(range(count), "several faces"):
        rng = np.random.default_rng((SEED, 3, index))
        number = min(len(faces), int(rng.integers(2, 6)))
        sources = rng.choice(len(faces), number, replace=False)
        scene = make_scene([faces[source] for source in sources], rng, **scene_options)
        crops, extra = match(ours(scene.image), scene.faces)
        heights += [face.height for face in scene.faces]
        taken += crops
        invented += extra
    found, large = np.array(taken) >= 0, np.array(heights) >= 64
    return {
        "pictures": count,
        "faces": len(found),
        "found": float(found.mean()),
        "invented_or_twice": invented,
        "faces_from_64": int(large.sum()),
        "found_from_64": mean(found[large]),
    }


def measure_empty(pipelines: dict[str, Pipeline], count: int) -> dict[str, Any]:
    """Count the generated images without a face in which each pipeline finds one."""
    false = {name: 0 for name in pipelines if name != WHOLE}
    for index in progress(range(count), "images without a face"):
        image = make_empty_scene(np.random.default_rng((SEED, 4, index)))
        for name in false:
            false[name] += bool(pipelines[name](image))
    return {"pictures": count, "with_a_face": false}


def measure_corruptions(
    model: EmotionModel, faces: Sequence[KnownFace], count: int
) -> dict[str, Any]:
    """Measure accuracy on corrupted faces relative to clean ones, by corruption and strength."""
    rows = np.random.default_rng(SEED).choice(len(faces), min(count, len(faces)), replace=False)
    images = [faces[row].image for row in rows]
    labels = [faces[row].label for row in rows]
    spec = model.info.preprocessing

    def accuracy(changed: Iterable[UInt8Array]) -> float:
        crops = [prepare_dataset_face(image, spec) for image in changed]
        return float((predict(model, crops) == labels).mean())

    def corrupted(name: str, strength: int) -> Iterable[UInt8Array]:
        for index, image in enumerate(images):
            yield corrupt(image, name, strength, np.random.default_rng((SEED, 6, index)))

    clean = accuracy(images)
    kept = {
        name: [
            accuracy(corrupted(name, strength)) / clean if clean else None for strength in STRENGTHS
        ]
        for name in progress(list(CORRUPTIONS), "corruptions")
    }
    return {"n": len(images), "clean": clean, "kept": kept}
