"""Counts confident wrong predictions: on hidden faces, turned heads and images without a face."""

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
TURNS = (0, 15, 30, 45, 90)  # degrees, limits of the ranges


def measure_changes(
    recognizer: EmotionRecognizer, photographs: list[Photograph], count: int
) -> dict[str, Any]:
    """Hide part of correctly predicted faces, and count the predictions that change.

    Args:
        recognizer: as the app would load it.
        photographs: of one face each.
        count: faces to change at most, a random sample.

    Returns:
        n, the number of faces; for each of `CHANGES` the number with a prediction (answered), with
        one that is not marked uncertain (sure), with another prediction (changed), and with another
        one that is not marked uncertain (surely_changed).
    """
    order = np.random.default_rng(SEED).permutation(len(photographs))
    counts = {name: dict.fromkeys(("answered", "sure", "changed", "surely_changed"), 0)
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
            found = recognizer.recognize(changed).faces
            if found:
                emotion = found[0].emotion
                other = emotion.label != photograph.label
                counts[name]["answered"] += 1
                counts[name]["sure"] += not emotion.is_uncertain
                counts[name]["changed"] += other
                counts[name]["surely_changed"] += other and not emotion.is_uncertain
    return {"n": taken, **counts}


def measure_turns(
    recognizer: EmotionRecognizer, photographs: list[Photograph]
) -> dict[str, dict[str, int]]:
    """Count predictions by the angle between head and camera.

    Returns:
        By range of degrees: n; right; sure, not marked uncertain; surely_wrong, wrong and sure.
    """
    counts = {f"{low} to {high}°": dict.fromkeys(("n", "right", "sure", "surely_wrong"), 0)
            for low, high in pairwise(TURNS)}  # fmt: skip
    for photograph in progress(photographs, "turned faces"):
        faces = recognizer.recognize(load_photograph(photograph)).faces
        if faces:
            emotion, turn = faces[0].emotion, faces[0].detection.turn
            row = list(counts.values())[int(np.searchsorted(TURNS[1:-1], turn, side="right"))]
            row["n"] += 1
            row["right"] += emotion.label == photograph.label
            row["sure"] += not emotion.is_uncertain
            row["surely_wrong"] += emotion.label != photograph.label and not emotion.is_uncertain
    return counts


def measure_false_faces(
    recognizer: EmotionRecognizer, images: Iterable[UInt8Array], what: str
) -> dict[str, int]:
    """Count the images without a person that get a prediction, and one not marked uncertain."""
    counts = {"n": 0, "answered": 0, "sure": 0}
    for image in progress(list(images), what):
        faces = recognizer.recognize(image).faces
        counts["n"] += 1
        counts["answered"] += bool(faces)
        counts["sure"] += any(not face.emotion.is_uncertain for face in faces)
    return counts


def describe(figures: dict[str, Any]) -> str:
    """Format the counts as Markdown tables."""
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
        rows = [(name, *map(str, counts.values())) for name, counts in figures["turns"].items()]
        parts.append(table(("head turned by", "faces", "right", "sure", "surely wrong"), rows))
    rows = [
        (name, *(str(counts[key]) for key in ("n", "answered", "sure")))
        for name, counts in figures["invented"].items()
    ]
    parts.append(table(("without a person", "images", "answered", "sure"), rows))
    return "\n\n".join(parts)
