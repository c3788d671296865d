"""How long each part of the way takes: what `train.gap` measures on a few pictures."""

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from fer_core.alignment import align_face
from fer_core.blazeface import WINDOW
from fer_core.detection import FaceDetector, _halves, _level, _level_sides, _View
from fer_core.images import load_image
from fer_core.preprocessing import UInt8Array, preprocess, to_grey
from fer_core.recognizer import EmotionRecognizer
from train.gap_scenes import SEED
from train.scenes import KnownFace, make_scene


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
