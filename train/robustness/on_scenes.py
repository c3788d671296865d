"""Measures the pipelines of `train.gap` on scenes with dataset faces and on corrupted faces.

Every `measure_...` returns values for JSON.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS
from fer_core.model import EmotionModel
from fer_core.preprocessing import UInt8Array, prepare_dataset_face, preprocess
from fer_core.recognizer import EmotionRecognizer
from train.cli import progress
from train.data.dataset import Dataset
from train.robustness.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from train.robustness.pipelines import BOX, HAAR, OURS, WHOLE, FaceCrop, Pipeline
from train.robustness.scenes import (
    KnownFace,
    PlacedFace,
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


def probabilities(model: EmotionModel, crops: Sequence[UInt8Array]) -> NDArray[np.float64]:
    """Predict (N, 7) calibrated probabilities of (crop_size, crop_size) uint8 grey crops."""
    spec = model.info.preprocessing
    if not crops:
        return np.zeros((0, len(FER2013_LABELS)))
    return model.answer(preprocess(np.stack(crops), spec))[0]


def ceiling_faces(dataset: Dataset) -> tuple[list[KnownFace], NDArray[np.int64]]:
    """Return the faces whose FER+ majority is one of the seven emotions, and their rows."""
    reference = dataset.reference
    rows = np.flatnonzero((reference >= 0) & (reference < len(FER2013_LABELS)))
    return [dataset_face(dataset.faces[row], int(reference[row])) for row in rows], rows


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


def measure_scenes(
    recognizer: EmotionRecognizer,
    pipelines: dict[str, Pipeline],
    faces: Sequence[KnownFace],
    count: int,
) -> dict[str, Any]:
    """Measure all pipelines on scenes with one face each; `ceiling` is accuracy on dataset crops.

    Returns:
        By pipeline: `all` scenes, `upright_96` (not rotated, at least 96 pixels high), `common`
        (faces that Haar, MediaPipe's box and ours all found), and bands `by_height` and `by_roll`,
        each with the metrics of `_metrics`.
    """
    sources = np.random.default_rng(SEED).integers(len(faces), size=count)
    placed: list[PlacedFace] = []
    rows: dict[str, _Outcome] = {name: _Outcome() for name in pipelines}
    for index in progress(range(count), "scenes"):
        rng = np.random.default_rng((SEED, 1, index))
        scene = make_scene(faces, [int(sources[index])], rng)
        (face,) = scene.faces
        placed.append(face)
        for name, pipeline in pipelines.items():
            rows[name].add(pipeline(scene.image), face, whole=name == WHOLE)
    labels = np.array([face.label for face in placed])
    heights = np.array([face.height for face in placed])
    rolls = np.array([face.roll for face in placed])
    spec = recognizer.model.info.preprocessing
    own = [prepare_dataset_face(faces[face.source].image, spec) for face in placed]
    ceiling = probabilities(recognizer.model, own).argmax(axis=1) == labels
    for name in pipelines:
        rows[name].judge(recognizer.model, labels)
    common = np.logical_and.reduce([rows[name].found for name in (HAAR, BOX, OURS)])
    upright = (rolls == 0) & (heights >= 96)
    result: dict[str, Any] = {
        "n": count,
        "ceiling": float(ceiling.mean()),
        "ceiling_upright_96": float(ceiling[upright].mean()),
        "pipelines": {},
    }
    for name, row in rows.items():
        result["pipelines"][name] = {
            "all": _metrics(row, ceiling, np.ones(count, bool)),
            "upright_96": _metrics(row, ceiling, upright),
            "common": _metrics(row, ceiling, common),
            "by_height": _bands(row, ceiling, heights, HEIGHT_EDGES),
            "by_roll": _bands(row, ceiling, rolls, ROLL_EDGES),
        }
    return result


class _Outcome:
    """Detections and predictions of one pipeline on scenes with one face each."""

    def __init__(self) -> None:
        self.crops: list[UInt8Array | None] = []
        self.invented = 0
        self.found = np.zeros(0, bool)
        self.right = np.zeros(0, bool)

    def add(self, crops: list[FaceCrop], face: PlacedFace, *, whole: bool) -> None:
        if whole:  # the whole image counts as the crop of the face
            self.crops.append(crops[0].pixels)
            return
        (index,), invented = match(crops, [face])
        self.crops.append(crops[index].pixels if index >= 0 else None)
        self.invented += invented

    def judge(self, model: EmotionModel, labels: NDArray[np.int64]) -> None:
        self.found = np.array([crop is not None for crop in self.crops])
        answers = probabilities(model, [crop for crop in self.crops if crop is not None])
        self.right = np.zeros(len(labels), bool)
        self.right[self.found] = answers.argmax(axis=1) == labels[self.found]


def _metrics(
    row: _Outcome, ceiling: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> dict[str, Any]:
    """Compute detection rate, accuracy with misses wrong and without misses, and loss of accuracy.

    `below_ceiling` is the difference to the dataset crops of the faces found; `margin` is half its
    95 % interval by the normal approximation for paired predictions.
    """
    seen = chosen & row.found
    lost = ceiling[seen].astype(float) - row.right[seen]
    return {
        "n": int(chosen.sum()),
        "found": float(row.found[chosen].mean()) if chosen.any() else None,
        "invented": row.invented if chosen.all() else None,
        "accuracy_misses_wrong": float(row.right[chosen].mean()) if chosen.any() else None,
        "accuracy": float(row.right[seen].mean()) if seen.any() else None,
        "below_ceiling": float(lost.mean()) if seen.any() else None,
        "margin": float(1.96 * lost.std() / np.sqrt(len(lost))) if seen.any() else None,
    }


def _bands(
    row: _Outcome,
    ceiling: NDArray[np.bool_],
    values: NDArray[np.float64],
    edges: Sequence[float],
) -> list[dict[str, Any]]:
    return [
        {"from": low, "to": high, **_metrics(row, ceiling, (values >= low) & (values < high))}
        for low, high in pairwise(edges)
    ]


def measure_strengths(
    recognizer: EmotionRecognizer,
    pipelines: dict[str, Pipeline],
    faces: Sequence[KnownFace],
    count: int,
) -> dict[str, Any]:
    """Measure accuracy, misses wrong, over the strength of image faults.

    Every strength has the same faces at the same positions.
    """
    result: dict[str, Any] = {name: [] for name in pipelines}
    for strength in SCENE_STRENGTHS:
        rows = {name: _Outcome() for name in pipelines}
        labels = []
        for index in progress(range(count), f"faults x {strength}"):
            rng = np.random.default_rng((SEED, 2, index))
            source = int(rng.integers(len(faces)))
            scene = make_scene(faces, [source], rng, strength=strength)
            labels.append(scene.faces[0].label)
            for name, pipeline in pipelines.items():
                rows[name].add(pipeline(scene.image), scene.faces[0], whole=name == WHOLE)
        for name, row in rows.items():
            row.judge(recognizer.model, np.array(labels))
            result[name].append(float(row.right.mean()))
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
    found: list[bool] = []
    invented = 0
    for index in progress(range(count), "several faces"):
        rng = np.random.default_rng((SEED, 3, index))
        number = min(len(faces), int(rng.integers(2, 6)))
        sources = rng.choice(len(faces), number, replace=False).tolist()
        scene = make_scene(faces, sources, rng, **scene_options)
        taken, extra = match(ours(scene.image), scene.faces)
        heights += [face.height for face in scene.faces]
        found += [index >= 0 for index in taken]
        invented += extra
    height, hit = np.array(heights), np.array(found)
    bands = pairwise(HEIGHT_EDGES)
    return {
        "pictures": count,
        "faces": len(hit),
        "found": float(hit.mean()),
        "invented_or_twice": invented,
        "found_from_64": float(hit[height >= 64].mean()) if (height >= 64).any() else None,
        "by_height": [
            {
                "from": low,
                "to": high,
                "n": int(((height >= low) & (height < high)).sum()),
                "found": float(hit[(height >= low) & (height < high)].mean()),
            }
            for low, high in bands
            if ((height >= low) & (height < high)).any()
        ],
    }


def measure_empty(pipelines: dict[str, Pipeline], count: int) -> dict[str, Any]:
    """Count the generated images without a face in which each pipeline finds one."""
    names = [name for name in pipelines if name != WHOLE]
    false = dict.fromkeys(names, 0)
    for index in progress(range(count), "images without a face"):
        image = make_empty_scene(np.random.default_rng((SEED, 4, index)))
        for name in names:
            false[name] += bool(pipelines[name](image))
    return {"pictures": count, "with_a_face": false}


def measure_corruptions(model: EmotionModel, dataset: Dataset, count: int) -> dict[str, Any]:
    """Measure accuracy on corrupted faces relative to clean ones, by corruption and strength."""
    faces, _ = ceiling_faces(dataset)
    rows = np.random.default_rng(SEED).choice(len(faces), min(count, len(faces)), replace=False)
    chosen = [faces[row] for row in rows]
    labels = np.array([face.label for face in chosen])
    spec = model.info.preprocessing

    def accuracy(change: Callable[[UInt8Array, int], UInt8Array]) -> float:
        crops = [
            prepare_dataset_face(change(face.image, index), spec)
            for index, face in enumerate(chosen)
        ]
        return float((probabilities(model, crops).argmax(axis=1) == labels).mean())

    clean = accuracy(lambda face, _: face)
    kept: dict[str, list[float | None]] = {}
    for name in progress(list(CORRUPTIONS), "corruptions"):
        accuracies = [
            accuracy(
                lambda face, index, name=name, strength=strength: corrupt(  # type: ignore[misc]
                    face, name, strength, np.random.default_rng((SEED, 6, index))
                )
            )
            for strength in STRENGTHS
        ]
        kept[name] = [value / clean if clean else None for value in accuracies]
    return {"n": len(chosen), "clean": clean, "kept": kept}
