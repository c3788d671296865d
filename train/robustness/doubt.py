"""Wrong predictions that are confident: about hidden faces, and about images without a face."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from fer_core.preprocessing import UInt8Array
from fer_core.recognizer import EmotionRecognizer
from train.cli import progress
from train.data.photographs import Photograph, load_photograph
from train.reporting.markdown import table
from train.robustness.hidden_faces import CHANGES

SEED = 2013
TURNS = (0, 15, 30, 45, 90)  # degrees


def measure_changes(
    recognizer: EmotionRecognizer, photographs: list[Photograph], count: int
) -> dict[str, Any]:
    """Change faces that are read rightly, and see what becomes of the answers.

    Args:
        recognizer: as the app would load it.
        photographs: of one face each.
        count: of faces to take at most, evenly from all photographs.

    Returns:
        n, the faces taken; for each of `CHANGES`: answered, how many still get an answer, changed,
        how many another one, surely_changed, how many another one that is not "not sure", and
        sure, how many are not "not sure".
    """
    order = np.random.default_rng(SEED).permutation(len(photographs))
    told = {name: dict.fromkeys(("answered", "sure", "changed", "surely_changed"), 0)
            for name in CHANGES}  # fmt: skip
    taken = 0
    for row in progress(order.tolist(), "changed faces"):
        if taken == count:
            break
        photograph = photographs[row]
        image = load_photograph(photograph)
        faces = recognizer.recognize(image).faces
        if not faces or faces[0].emotion.label != photograph.label:
            continue
        taken += 1
        for name, change in CHANGES.items():
            changed = change(image, faces[0].detection, np.random.default_rng((SEED, row)))
            answers = recognizer.recognize(changed).faces
            if answers:
                emotion = answers[0].emotion
                other = emotion.label != photograph.label
                told[name]["answered"] += 1
                told[name]["sure"] += not emotion.is_uncertain
                told[name]["changed"] += other
                told[name]["surely_changed"] += other and not emotion.is_uncertain
    return {"n": taken, **told}


def measure_turns(
    recognizer: EmotionRecognizer, photographs: list[Photograph]
) -> dict[str, dict[str, int]]:
    """Count right and surely wrong answers by how far the head is turned from the camera.

    Returns:
        By range of degrees: n, right, sure, surely_wrong.
    """
    told = {f"{low} to {high}°": dict.fromkeys(("n", "right", "sure", "surely_wrong"), 0)
            for low, high in pairwise(TURNS)}  # fmt: skip
    for photograph in progress(photographs, "turned faces"):
        faces = recognizer.recognize(load_photograph(photograph)).faces
        if faces:
            emotion, turn = faces[0].emotion, faces[0].detection.turn
            row = list(told.values())[int(np.searchsorted(TURNS[1:-1], turn, side="right"))]
            row["n"] += 1
            row["right"] += emotion.label == photograph.label
            row["sure"] += not emotion.is_uncertain
            row["surely_wrong"] += emotion.label != photograph.label and not emotion.is_uncertain
    return told


def measure_invented(
    recognizer: EmotionRecognizer, images: Iterable[UInt8Array], what: str
) -> dict[str, int]:
    """Count the images that get an answer, and those with a sure one, where there is no person."""
    told = {"n": 0, "answered": 0, "sure": 0}
    for image in progress(list(images), what):
        faces = recognizer.recognize(image).faces
        told["n"] += 1
        told["answered"] += bool(faces)
        told["sure"] += any(not face.emotion.is_uncertain for face in faces)
    return told


def describe(figures: dict[str, Any]) -> str:
    """Format the figures as Markdown tables."""
    parts = []
    if "changes" in figures:
        n = figures["changes"]["n"]
        rows = [
            (name, *(str(figures["changes"][name][key]) for key in
                     ("answered", "sure", "changed", "surely_changed")))
            for name in CHANGES
        ]  # fmt: skip
        header = (f"of {n} faces", "answered", "sure", "changed", "surely changed")
        parts.append(table(header, rows))
        rows = [(name, *map(str, told.values())) for name, told in figures["turns"].items()]
        parts.append(table(("head turned by", "faces", "right", "sure", "surely wrong"), rows))
    rows = [
        (name, *(str(told[key]) for key in ("n", "answered", "sure")))
        for name, told in figures["invented"].items()
    ]
    parts.append(table(("without a person", "images", "answered", "sure"), rows))
    return "\n\n".join(parts)
