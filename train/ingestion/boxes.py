"""Evaluates the detector of `train.ingest` on images with annotated boxes."""

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

MIN_OVERLAP = 0.5  # least intersection over union of a detection and its annotated box
BOX_COLUMNS = ("x_min", "y_min", "x_max", "y_max")

Box = tuple[float, float, float, float]


def read_boxes(table: Path, sources: Sequence[Source]) -> dict[str, list[Box]]:
    """Read the annotated boxes of each image, by its name; an image without a face has none.

    Raises:
        DataError: the table is malformed or names an unknown image; the message names the row.
    """
    images = {source.name for source in sources if not source.is_video}
    boxes: dict[str, list[Box]] = {}
    for number, row in read_rows(table, ("file", *BOX_COLUMNS), may_end_early=True):
        name = PurePosixPath(row["file"]).as_posix()
        if name not in images:
            raise DataError(f"{table.name}, row {number}: there is no image {row['file']!r}.")
        boxes.setdefault(name, []).extend(_box(row, f"{table.name}, row {number}"))
    if not boxes:
        raise DataError(f"{table.name} holds no row.")
    return boxes


def evaluate_boxes(
    given: Mapping[str, Sequence[Box]], found: Mapping[str, Sequence[BoundingBox]]
) -> dict[str, Any]:
    """Compute precision and recall of the detector on the annotated images.

    Args:
        given: annotated boxes, by the image's name.
        found: detections, by the image's name, of all images that could be read.

    Returns:
        Counts; precision and recall 0..1, None where undefined; and the images with a false or
        missing detection.
    """
    images: list[dict[str, Any]] = []
    for name, boxes in given.items():
        seen = [(box.x_min, box.y_min, box.x_max, box.y_max) for box in found.get(name, ())]
        matched = match_boxes(boxes, seen)
        images.append({"file": name, "given": len(boxes), "found": len(seen), "matched": matched})
    total = {key: sum(row[key] for row in images) for key in ("given", "found", "matched")}
    return {
        "intersection_over_union": MIN_OVERLAP,
        "pictures": len(images),
        **total,
        "precision": total["matched"] / total["found"] if total["found"] else None,
        "recall": total["matched"] / total["given"] if total["given"] else None,
        "differing": [row for row in images if not row["given"] == row["found"] == row["matched"]],
    }


def match_boxes(given: Sequence[Box], found: Sequence[Box]) -> int:
    """Count the pairs of the largest one-to-one assignment of boxes that overlap enough."""
    from scipy.optimize import linear_sum_assignment

    if not given or not found:
        return 0
    overlap = [intersection_over_union(np.array(box), np.array(found)) for box in given]
    fits = np.array(overlap) >= MIN_OVERLAP
    return int(fits[linear_sum_assignment(fits, maximize=True)].sum())


def _box(row: Mapping[str, str], where: str) -> list[Box]:
    """Return the box of a row, or none where all four edges are empty."""
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
