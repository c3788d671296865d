"""Format and draw the metrics of photographs, for the terminal and for report.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.emotions import BY_NAME, EMOTIONS, FER2013_LABELS
from fer_core.preprocessing import UInt8Array
from train.data.photographs import load_photograph
from train.evaluation.calibration_plots import draw_calibration
from train.evaluation.photograph_groups import MEASURES, TITLES
from train.reporting.markdown import Plot, measured, mistaken_for, number, table, with_interval

if TYPE_CHECKING:
    from train.evaluation.predictions import PhotographPredictions

MISTAKES = 24
NO_FACE = "no face"
SIDE = 240  # pixels, at most, of a face on the contact sheet
MARGIN = 1.5  # side of the crop, in sides of the face's box


def photo_rows(name: str, columns: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Format one set's metrics side by side: rows of a title and a cell for each program."""
    rows = [
        ("images", [_size(values) for values in columns]),
        ("mean recall", [measured(values, "mean_recall") for values in columns]),
        *(
            (f"recall of {label} ({count})", [_recall(values, label) for values in columns])
            for label, count in columns[0]["support"].items()
        ),
        ("face found", [number(values["found"]) for values in columns]),
        ("expected calibration error", [measured(values, "ece") for values in columns]),
        ("not “not sure”, faces found", [number(values["answered"]) for values in columns]),
        ("accuracy of these", [measured(values, "accuracy_answered") for values in columns]),
    ]
    return [(f"{name}: {title}", *cells) for title, cells in rows]


def photo_section(name: str, values: dict[str, Any]) -> str:
    """Format the metrics of one set as a section of report.md, without its plots."""
    figures = [
        ("face found", number(values["found"])),
        ("mean recall", measured(values, "mean_recall")),
        ("expected calibration error, faces found", measured(values, "ece")),
        *(
            (
                f"accuracy of the most confident {share}, faces found",
                number(values[f"accuracy_at_{share}"]),
            )
            for share in ("70%", "80%", "90%")
        ),
        ("not “not sure”, faces found", f"{number(values['answered'])} ({values['n_answered']:,})"),
        ("accuracy of these", measured(values, "accuracy_answered")),
    ]
    recalls = [
        (
            BY_NAME[label].title,
            f"{values['support'][label]:,}",
            f"{values['not_found'][label]:,}",
            _recall(values, label),
            mistaken_for(label, answers),
        )
        for label, answers in _confusion(values).items()
    ]
    texts = [
        f"## Photographs: {name}",
        f"{_size(values)}. A face that is not found counts as wrong.",
        table(("", name), figures),
        table(("", "photographs", "not found", "recall", "most often mistaken for"), recalls),
    ]
    return "\n\n".join([*texts, *group_texts(values)])


def group_texts(values: dict[str, Any]) -> list[str]:
    """Format the groups of one set: a subsection, or nothing where there are none."""
    if "groups" not in values:
        return []
    texts = [
        "### Groups",
        "Predictions for all faces with the label, their share, and its 95 % Wilson interval.",
        table(*_groups(values["groups"])),
        *(f"- {note}" for note in values["group_notes"]),
    ]
    return ["\n\n".join(texts)]


def draw_photographs(
    folder: Path, name: str, values: dict[str, Any], predictions: "PhotographPredictions"
) -> list[Plot]:
    """Draw confusion, reliability, risk and coverage, and mistakes of one set.

    Args:
        folder: where to, made when missing.
        name: of the set.
        values: its metrics, from `photograph_metrics.photograph_figures`.
        predictions: its predictions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{name}: mean recall {number(values['mean_recall'])}, {_size(values)}"
    drawn = [_draw_confusion(folder / "confusion.png", title, values)]
    if values["n_found"]:
        right = (predictions.labels == predictions.predicted)[predictions.found]
        confidence = predictions.confidence[predictions.found]
        drawn += draw_calibration(folder, f"{name}, faces found", values, confidence, right)
    return [*drawn, *_draw_mistakes(folder / "mistakes.png", name, predictions)]


def _draw_confusion(path: Path, title: str, values: dict[str, Any]) -> Plot:
    """Draw the labels that occur, by prediction, with a last column for faces not found."""
    from train.reporting import plots

    rows = _confusion(values)
    answers = [*FER2013_LABELS, *([NO_FACE] if values["n_found"] < values["n"] else [])]
    counts = [[row[answer] for answer in answers] for row in rows.values()]
    plots.confusion_matrix(counts, list(rows), path, title, answers=answers)
    return Plot("Confusion", "Per cent of each row; the right prediction is bold.", path)


def _draw_mistakes(path: Path, name: str, predictions: "PhotographPredictions") -> list[Plot]:
    from train.evaluation.photograph_metrics import sure_mistakes
    from train.reporting.contact_sheet import MISTAKE_SIZE, Tile, draw_contact_sheet

    rows = sure_mistakes(predictions, MISTAKES)
    if not len(rows):
        return []
    labels, predicted = predictions.labels, predictions.predicted
    tiles = [
        Tile(
            _face(load_photograph(predictions.photographs[row]), predictions.boxes[row]),
            f"{EMOTIONS[labels[row]].title} predicted as {EMOTIONS[predicted[row]].title}\n"
            f"{_confidence(predictions.confidence[row])}, {predictions.photographs[row].path.name}",
        )
        for row in rows
    ]
    title = f"{name}: the most confident mistakes"
    draw_contact_sheet({title: tiles}, path, size=MISTAKE_SIZE)
    text = "Wrong predictions that are not “not sure”. The images are under the licence of the set."
    return [Plot("The most confident mistakes", text, path)]


def _confidence(value: float) -> str:
    """Format a confidence as a percentage, of at most ">99%"."""
    return ">99%" if value > 0.99 else f"{value:.0%}"


def _confusion(values: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Count the predictions for each label that occurs, `NO_FACE` included."""
    return {
        label: {
            **dict(zip(FER2013_LABELS, values["confusion"][index], strict=True)),
            NO_FACE: values["not_found"][label],
        }
        for index, label in enumerate(FER2013_LABELS)
        if label in values["recall"]
    }


def _face(image: UInt8Array, box: NDArray[np.int64]) -> UInt8Array:
    """Crop a face with some margin, as far as the image reaches, and shrink it."""
    x_min, y_min, x_max, y_max = box
    reach = MARGIN * max(x_max - x_min, y_max - y_min) / 2
    left, right = (int(max((x_min + x_max) / 2 + sign * reach, 0)) for sign in (-1, 1))
    top, bottom = (int(max((y_min + y_max) / 2 + sign * reach, 0)) for sign in (-1, 1))
    face = Image.fromarray(image[top:bottom, left:right])
    face.thumbnail((SIDE, SIDE))
    return np.asarray(face)


def _groups(groups: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of the table of groups, without measures that have no face."""
    every = [row for of_column in groups.values() for row in of_column.values()]
    measures = [name for name in MEASURES if any(row[name] for row in every)]
    rows = [
        (
            f"{column}: {group}",
            f"{row['n_people']:,}",
            *(_share(row[measure]) for measure in measures),
        )
        for column, of_column in groups.items()
        for group, row in of_column.items()
    ]
    return ("group", "people", *(TITLES[name] for name in measures)), rows


def _share(values: dict[str, Any] | None) -> str:
    if values is None:
        return "-"
    counts = f"{values['count']} of {values['n']}"
    return f"{counts}, {with_interval(values['share'], values['interval'])}"


def _recall(values: dict[str, Any], label: str) -> str:
    return with_interval(values["recall"][label], values["recall_interval"][label])


def _size(values: dict[str, Any]) -> str:
    people = f" of {values['n_people']:,} people" if "n_people" in values else ""
    photographs = "photograph" if values["n"] == 1 else "photographs"
    return f"{values['n']:,} {photographs}{people}"
