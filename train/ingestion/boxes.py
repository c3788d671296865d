"""The detector of `train.ingest`, judged where the places of faces are known."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fer_core.boxes import intersection_over_union
from fer_core.results import BoundingBox
from train.data.csv_rows import read_rows
from train.errors import DataError
from train.ingestion.faces import Source

SAME_PLACE = 0.5  # intersection over union, from which on a box that was found is one that is given
BOX_COLUMNS = ("x_min", "y_min", "x_max", "y_max")

Box = tuple[float, float, float, float]


def read_boxes(table: Path, sources: Sequence[Source]) -> dict[str, list[Box]]:
    """The true places of faces, by the name of the picture; none where it shows no face.

    Raises:
        DataError: the table is malformed or names what is no picture; the message names the row.
    """
    pictures = {source.name for source in sources if not source.is_video}
    boxes: dict[str, list[Box]] = {}
    for number, row in read_rows(table, ("file", *BOX_COLUMNS), may_end_early=True):
        name = PurePosixPath(row["file"]).as_posix()
        if name not in pictures:
            raise DataError(f"{table.name}, row {number}: there is no picture {row['file']!r}.")
        boxes.setdefault(name, []).extend(_box(row, f"{table.name}, row {number}"))
    if not boxes:
        raise DataError(f"{table.name} holds no row.")
    return boxes


def judge_boxes(
    given: Mapping[str, Sequence[Box]], found: Mapping[str, Sequence[BoundingBox]]
) -> dict[str, Any]:
    """Precision and recall of the detector on the pictures whose faces are known.

    Args:
        given: true boxes, by the picture's name.
        found: the detector's, by the picture's name; a picture that could not be read lacks.

    Returns:
        Counts; precision and recall 0..1, None where there is nothing to divide by; and the
        pictures on which the two sides differ.
    """
    pictures: list[dict[str, Any]] = []
    for name, boxes in given.items():
        seen = [(box.x_min, box.y_min, box.x_max, box.y_max) for box in found.get(name, ())]
        matched = match_boxes(boxes, seen)
        pictures.append({"file": name, "given": len(boxes), "found": len(seen), "matched": matched})
    total = {key: sum(row[key] for row in pictures) for key in ("given", "found", "matched")}
    return {
        "intersection_over_union": SAME_PLACE,
        "pictures": len(pictures),
        **total,
        "precision": total["matched"] / total["found"] if total["found"] else None,
        "recall": total["matched"] / total["given"] if total["given"] else None,
        "differing": [
            row for row in pictures if not row["given"] == row["found"] == row["matched"]
        ],
    }


def match_boxes(given: Sequence[Box], found: Sequence[Box]) -> int:
    """How many boxes of the one list have one of their own in the other, best pairs first."""
    overlaps = sorted(
        (-float(intersection_over_union(np.array(one), np.array(other))), i, j)
        for i, one in enumerate(given)
        for j, other in enumerate(found)
    )
    taken_given: set[int] = set()
    taken_found: set[int] = set()
    for negative, i, j in overlaps:
        if -negative >= SAME_PLACE and i not in taken_given and j not in taken_found:
            taken_given.add(i)
            taken_found.add(j)
    return len(taken_given)


def _box(row: Mapping[str, str], where: str) -> list[Box]:
    """The box of a row, or none where it holds no numbers."""
    values = [row[column] for column in BOX_COLUMNS]
    if not any(values):
        return []
    try:
        x_min, y_min, x_max, y_max = (float(value) for value in values)
    except ValueError as error:
        raise DataError(f"{where}: the edges of a box must be four numbers or none.") from error
    if not (x_min < x_max < math.inf and y_min < y_max < math.inf):
        raise DataError(f"{where}: x_max and y_max must be finite and larger than x_min and y_min.")
    return [(x_min, y_min, x_max, y_max)]
