"""Counts confident wrong predictions: on hidden faces, turned heads and images without a face."""

from collections import Counter
from collections.abc import Iterable, Mapping
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
    counts = {name: _zeros("answered", "sure", "changed", "surely_changed") for name in CHANGES}
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
                sure = not found[0].emotion.is_uncertain
                other = found[0].emotion.label != photograph.label
                counts[name].update(
                    answered=1, sure=sure, changed=other, surely_changed=other and sure
                )
    return {"n": taken, **counts}


def measure_turns(
    recognizer: EmotionRecognizer, photographs: list[Photograph]
) -> dict[str, Counter[str]]:
    """Count predictions by the angle between head and camera.

    Returns:
        By range of degrees: n; right; sure, not marked uncertain; surely_wrong, wrong and sure.
    """
    counts = [_zeros("n", "right", "sure", "surely_wrong") for _ in TURNS[1:]]
    for photograph in progress(photographs, "turned faces"):
        faces = recognizer.recognize(load_photograph(photograph)).faces
        if faces:
            sure = not faces[0].emotion.is_uncertain
            right = faces[0].emotion.label == photograph.label
            band = int(np.searchsorted(TURNS[1:-1], faces[0].detection.turn, side="right"))
            counts[band].update(n=1, right=right, sure=sure, surely_wrong=sure and not right)
    names = (f"{low} to {high}°" for low, high in pairwise(TURNS))
    return dict(zip(names, counts, strict=True))


def measure_false_faces(
    recognizer: EmotionRecognizer, images: Iterable[UInt8Array], what: str
) -> Counter[str]:
    """Count the images without a person that get a prediction, and one not marked uncertain."""
    counts = _zeros("n", "answered", "sure")
    for image in progress(list(images), what):
        faces = recognizer.recognize(image).faces
        sure = any(not face.emotion.is_uncertain for face in faces)
        counts.update(n=1, answered=bool(faces), sure=sure)
    return counts


def _zeros(*names: str) -> Counter[str]:
    return Counter(dict.fromkeys(names, 0))


def describe(figures: Mapping[str, Any]) -> str:
    """Format the counts as Markdown tables."""
    parts = []
    if "changes" in figures:
        changes = dict(figures["changes"])
        parts.append(_table(f"of {changes.pop('n')} faces", changes))
        parts.append(_table("head turned by", figures["turns"], "faces"))
    parts.append(_table("without a person", figures["invented"], "images"))
    return "\n\n".join(parts)


def _table(title: str, counts: Mapping[str, Mapping[str, int]], total: str = "") -> str:
    """Format counts with a row for each name and a column for each count; `total` heads n."""
    keys = next(iter(counts.values()))
    header = (title, *(total if key == "n" else key.replace("_", " ") for key in keys))
    return table(header, [(name, *map(str, row.values())) for name, row in counts.items()])
