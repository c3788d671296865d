"""The parts of `train.gap`: each measures one thing and returns plain values for JSON."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.alignment import align_face
from fer_core.blazeface import WINDOW
from fer_core.detection import FaceDetector, _halves, _level, _level_sides, _View
from fer_core.emotions import FER2013_LABELS
from fer_core.geometry import apply, invert, scale_of
from fer_core.images import load_image
from fer_core.model import EmotionModel
from fer_core.preprocessing import UInt8Array, prepare_dataset_face, preprocess, to_grey
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import FaceResult
from train.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from train.dataset import Dataset
from train.photographs import Photograph, mean_recall, progress
from train.pipelines import BOX, HAAR, OURS, Cut, Pipeline
from train.scenes import KnownFace, PlacedFace, dataset_face, make_empty_scene, make_scene

SEED = 2013
NEAR = 0.35  # of a face's height: how far the middle of a box may lie from the middle of the face
LIKE = (0.4, 2.0)  # how much lower or higher than the face a box may be
HEIGHT_EDGES = (48, 64, 96, 160, 260, 481)  # pixels
ROLL_EDGES = (-30, -20, -10, 10, 20, 30)  # degrees
ROLLS = (-45, -30, -15, 15, 30, 45)  # degrees that photographs are turned by
TURNS = (90, 180, 270)
SCENE_STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)


def probabilities(model: EmotionModel, crops: Sequence[UInt8Array]) -> NDArray[np.float64]:
    """(N, 7) calibrated answers for (crop_size, crop_size) grey crops."""
    spec = model.info.preprocessing
    if not crops:
        return np.zeros((0, len(FER2013_LABELS)))
    return model.answer(preprocess(np.stack(crops), spec))[0]


def ceiling_faces(dataset: Dataset) -> tuple[list[KnownFace], NDArray[np.int64]]:
    """Faces whose FER+ majority is one of the seven, and their rows."""
    reference = dataset.reference
    rows = np.flatnonzero((reference >= 0) & (reference < len(FER2013_LABELS)))
    return [dataset_face(dataset.faces[row], int(reference[row])) for row in rows], rows


def match(cuts: Sequence[Cut], faces: Sequence[PlacedFace]) -> tuple[list[int], int]:
    """Which cut shows which face.

    Returns:
        The index of a cut for each face, -1 for a miss; and how many cuts show none.
    """
    taken: list[int] = []
    for face in faces:
        fitting = [
            (float(np.hypot(*(np.array(cut.center) - face.center))), index)
            for index, cut in enumerate(cuts)
            if index not in taken and LIKE[0] < cut.height / face.height < LIKE[1]
        ]
        distance, index = min(fitting, default=(np.inf, -1))
        taken.append(index if distance < NEAR * face.height else -1)
    return taken, len(cuts) - sum(index >= 0 for index in taken)


def measure_scenes(
    recognizer: EmotionRecognizer,
    pipelines: dict[str, Pipeline],
    faces: Sequence[KnownFace],
    count: int,
) -> dict[str, Any]:
    """One face a picture, all pipelines; the ceiling is the face as the dataset cuts it.

    Returns:
        By pipeline: `all` scenes, `upright_96` (not rolled, 96 pixels and more) and `common` (faces
        that Haar, MediaPipe's box and ours all found), and bands `by_height` and `by_roll`, each as
        `_figures`.
    """
    sources = np.random.default_rng(SEED).integers(len(faces), size=count)
    placed: list[PlacedFace] = []
    rows: dict[str, _Rows] = {name: _Rows() for name in pipelines}
    for index in progress(range(count), "scenes"):
        rng = np.random.default_rng((SEED, 1, index))
        scene = make_scene(faces, [int(sources[index])], rng)
        (face,) = scene.faces
        placed.append(face)
        for name, pipeline in pipelines.items():
            rows[name].add(pipeline(scene.picture), face, whole=name == "whole picture")
    labels = np.array([face.label for face in placed])
    heights = np.array([face.height for face in placed])
    rolls = np.array([face.roll for face in placed])
    spec = recognizer.model.info.preprocessing
    own = [prepare_dataset_face(faces[face.source].picture, spec) for face in placed]
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
            "all": _figures(row, ceiling, np.ones(count, bool)),
            "upright_96": _figures(row, ceiling, upright),
            "common": _figures(row, ceiling, common),
            "by_height": _bands(row, ceiling, heights, HEIGHT_EDGES),
            "by_roll": _bands(row, ceiling, rolls, ROLL_EDGES),
        }
    return result


class _Rows:
    """What one pipeline made of one face a picture."""

    def __init__(self) -> None:
        self.crops: list[UInt8Array | None] = []
        self.invented = 0
        self.found = np.zeros(0, bool)
        self.right = np.zeros(0, bool)

    def add(self, cuts: list[Cut], face: PlacedFace, *, whole: bool) -> None:
        if whole:  # the picture is the face, wherever that stands
            self.crops.append(cuts[0].crop)
            return
        (index,), invented = match(cuts, [face])
        self.crops.append(cuts[index].crop if index >= 0 else None)
        self.invented += invented

    def judge(self, model: EmotionModel, labels: NDArray[np.int64]) -> None:
        self.found = np.array([crop is not None for crop in self.crops])
        answers = probabilities(model, [crop for crop in self.crops if crop is not None])
        self.right = np.zeros(len(labels), bool)
        self.right[self.found] = answers.argmax(axis=1) == labels[self.found]


def _figures(row: _Rows, ceiling: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Found share, accuracy with misses counted as wrong and without, and points below the ceiling.

    `below_ceiling` compares on the faces that were found; `margin` is half its 95 % interval, from
    the normal approximation for paired answers.
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
    row: _Rows,
    ceiling: NDArray[np.bool_],
    values: NDArray[np.float64],
    edges: Sequence[float],
) -> list[dict[str, Any]]:
    return [
        {"from": low, "to": high, **_figures(row, ceiling, (values >= low) & (values < high))}
        for low, high in pairwise(edges)
    ]


def measure_strengths(
    recognizer: EmotionRecognizer,
    pipelines: dict[str, Pipeline],
    faces: Sequence[KnownFace],
    count: int,
) -> dict[str, Any]:
    """Accuracy with misses counted as wrong over the strength of the photograph's faults.

    The same faces at the same places, upright ones and rolled ones, once for each strength.
    """
    result: dict[str, Any] = {name: [] for name in pipelines}
    for strength in SCENE_STRENGTHS:
        rows = {name: _Rows() for name in pipelines}
        labels = []
        for index in progress(range(count), f"faults x {strength}"):
            rng = np.random.default_rng((SEED, 2, index))
            source = int(rng.integers(len(faces)))
            scene = make_scene(faces, [source], rng, strength=strength)
            labels.append(scene.faces[0].label)
            for name, pipeline in pipelines.items():
                rows[name].add(
                    pipeline(scene.picture), scene.faces[0], whole=name == "whole picture"
                )
        for name, row in rows.items():
            row.judge(recognizer.model, np.array(labels))
            result[name].append(float(row.right.mean()))
    return {"strengths": list(SCENE_STRENGTHS), "n": count, "accuracy_misses_wrong": result}


def measure_several(
    ours: Pipeline, faces: Sequence[KnownFace], count: int, **scene_options: Any
) -> dict[str, Any]:
    """Two to five faces a picture: which are found, which twice, which invented.

    `scene_options` go to `make_scene`.
    """
    heights: list[float] = []
    found: list[bool] = []
    invented = 0
    for index in progress(range(count), "several faces"):
        rng = np.random.default_rng((SEED, 3, index))
        number = min(len(faces), int(rng.integers(2, 6)))
        sources = rng.choice(len(faces), number, replace=False).tolist()
        scene = make_scene(faces, sources, rng, **scene_options)
        taken, extra = match(ours(scene.picture), scene.faces)
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
    """In how many generated pictures without a face each pipeline finds one."""
    names = [name for name in pipelines if name != "whole picture"]
    false = dict.fromkeys(names, 0)
    for index in progress(range(count), "pictures without a face"):
        picture = make_empty_scene(np.random.default_rng((SEED, 4, index)))
        for name in names:
            false[name] += bool(pipelines[name](picture))
    return {"pictures": count, "with_a_face": false}


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


def measure_corruptions(model: EmotionModel, dataset: Dataset, count: int) -> dict[str, Any]:
    """Accuracy on corrupted dataset faces relative to clean ones, by fault and strength."""
    faces, _ = ceiling_faces(dataset)
    rows = np.random.default_rng(SEED).choice(len(faces), min(count, len(faces)), replace=False)
    chosen = [faces[row] for row in rows]
    labels = np.array([face.label for face in chosen])
    spec = model.info.preprocessing

    def accuracy(change: Callable[[UInt8Array, int], UInt8Array]) -> float:
        crops = [
            prepare_dataset_face(change(face.picture, index), spec)
            for index, face in enumerate(chosen)
        ]
        return float((probabilities(model, crops).argmax(axis=1) == labels).mean())

    clean = accuracy(lambda face, _: face)
    kept: dict[str, list[float | None]] = {}
    for name in progress(CORRUPTIONS, "corruptions"):
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


def scene_files(faces: Sequence[KnownFace]) -> dict[str, bytes]:
    """Two pictures to take the time of, as JPEG: one face at 640x480, four at 1920x1080."""
    files = {}
    for name, size, count in (("one face", (640, 480), 1), ("four faces", (1920, 1080), 4)):
        rng = np.random.default_rng((SEED, 7, count))
        scene = make_scene(
            faces,
            [index % len(faces) for index in range(count)],
            rng,
            strength=0.0,
            sizes=(size,),
            heights=(200.0, 260.0),
        )
        done, data = cv2.imencode(".jpg", cv2.cvtColor(scene.picture, cv2.COLOR_RGB2BGR))
        assert done
        files[name] = data.tobytes()
    return files


def measure_time(
    recognizer: EmotionRecognizer, pictures: dict[str, bytes], repeats: int = 30
) -> dict[str, Any]:
    """Median milliseconds of each part of the way, by picture.

    Args:
        recognizer: warmed up by one call.
        pictures: content of picture files, by name.
        repeats: of each part.
    """
    detector, model, spec = (
        recognizer.detector,
        recognizer.model,
        recognizer.model.info.preprocessing,
    )
    result = {}
    for name, content in pictures.items():
        recognizer.recognize(content)
        picture = load_image(content)
        faces = detector.detect(picture)
        crops = np.zeros((len(faces), spec.crop_size, spec.crop_size), np.uint8)
        for index, face in enumerate(faces):
            crops[index] = to_grey(align_face(picture, face, spec)[0][np.newaxis])[0]
        inputs = preprocess(crops, spec)
        parts: dict[str, Callable[[], object]] = {
            "decode": lambda content=content: load_image(content),  # type: ignore[misc]
            **_detection_parts(detector, picture),
            "align": lambda p=picture, f=faces: [align_face(p, face, spec) for face in f],  # type: ignore[misc]
            "prepare": lambda crops=crops: preprocess(crops, spec),  # type: ignore[misc]
            "network": lambda inputs=inputs: model.logits(inputs),  # type: ignore[misc]
            "whole way": lambda content=content: recognizer.recognize(content),  # type: ignore[misc]
        }
        result[name] = {
            "size": [picture.shape[1], picture.shape[0]],
            "faces": len(faces),
            "milliseconds": {part: _milliseconds(run, repeats) for part, run in parts.items()},
        }
    return result


def _detection_parts(
    detector: FaceDetector, picture: UInt8Array
) -> dict[str, Callable[[], object]]:
    """The detector's steps, which only this measure takes apart."""
    sides = [WINDOW, *_level_sides(max(picture.shape[:2]))]

    def smaller() -> list[_View]:
        halves = _halves(picture)
        return [_level(halves, side) for side in sides]

    halves, (whole, *finer) = _halves(picture), smaller()
    seen = detector._look(whole)  # noqa: SLF001
    return {
        "make smaller": smaller,
        "find: whole picture": lambda: detector._look(whole),  # noqa: SLF001
        "find: finer levels": lambda: [detector._look(level) for level in finer],  # noqa: SLF001
        "confirm: whole picture": lambda: detector._confirm(halves, seen, []),  # noqa: SLF001
        "find and confirm, all": lambda: detector.detect(picture),
    }


def _milliseconds(run: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = perf_counter()
        run()
        times.append(1000 * (perf_counter() - start))
    return median(times)
