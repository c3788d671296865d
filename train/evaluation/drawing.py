"""Draw the plots of an evaluation: of a split of the dataset, and of a set of photographs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.calibration import risk_coverage
from fer_core.emotions import EMOTIONS, FER2013_LABELS
from fer_core.preprocessing import UInt8Array
from train.data.dataset import is_judged
from train.data.photographs import load_photograph
from train.evaluation.figures import ENDINGS
from train.evaluation.metrics import roc_curves
from train.evaluation.predictions import (
    PhotographPredictions,
    SplitPredictions,
    most_confident_mistakes,
)
from train.evaluation.tables import NO_FACE, confusion_rows, size_of_set
from train.reporting import plots
from train.reporting.contact_sheet import MISTAKE_SIZE, Tile, draw_contact_sheet
from train.reporting.markdown import Plot, number

MISTAKES = 24
SIDE = 240  # pixels, at most, of a photograph's face on the contact sheet
MARGIN = 1.5  # side of its crop, in sides of the face's box


def draw_split(
    folder: Path, split: str, figures: Mapping[str, Any], predictions: SplitPredictions
) -> list[Plot]:
    """Draw confusion, ROC curves, reliability, risk and coverage, and mistakes of one split.

    `figures` are those of `all_figures`.
    """
    suffix, ending = split.removesuffix("Test").lower(), ENDINGS[split]
    drawn, curves, areas = [], {}, {}
    for head, (probabilities, labels, classes) in predictions.heads.items():
        name = {"fer2013": "FER2013", "ferplus": "FER+"}[head]
        values, judged = figures[f"{head}_{suffix}"], labels >= 0
        curves[name] = roc_curves(probabilities[judged], labels[judged], classes)
        areas[name] = {**values["auc"], "macro": values["macro_auc"]}
        title = f"{split} by {name}: {values['accuracy']:.1%} right"
        path = folder / f"confusion_{head}.png"
        drawn.append(_confusion(path, f"Confusion by {name}", title, values["confusion"], classes))
    title = f"{split}: each emotion against the rest"
    path = plots.roc(curves, areas, folder / "roc.png", title)
    text = "With the area under each curve; the mean is over the emotions that occur."
    drawn.append(Plot("ROC curves", text, path))

    title = f"{split} by {figures[f'reference{ending}']}"
    answer = figures[f"answer{ending}"]
    right = f"{title}: {answer['accuracy']:.1%} right"
    name = "Confusion of the calibrated prediction"
    path = folder / "confusion.png"
    return [
        *drawn,
        _confusion(path, name, right, answer["confusion"], FER2013_LABELS),
        *_calibration(
            folder,
            title,
            {**figures[f"calibration{ending}"], **figures[f"coverage{ending}"]},
            predictions,
            is_judged(predictions.labels),
        ),
        *_mistakes(
            folder / "mistakes.png",
            title,
            "Images of the dataset, which must not be redistributed.",
            predictions,
            lambda row: (predictions.dataset.faces[row], ""),
        ),
    ]


def draw_photographs(
    folder: Path, name: str, values: Mapping[str, Any], predictions: PhotographPredictions
) -> list[Plot]:
    """Draw confusion, reliability, risk and coverage, and mistakes of one set of photographs.

    `values` are those of `photograph_figures`; the folder is made when missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = confusion_rows(values)
    answers = [*FER2013_LABELS, *([NO_FACE] if values["n_found"] < values["n"] else [])]
    counts = [[row[answer] for answer in answers] for row in rows.values()]
    title = f"{name}: mean recall {number(values['mean_recall'])}, {size_of_set(values)}"

    def face(row: int) -> tuple[UInt8Array, str]:
        photograph = predictions.photographs[row]
        face = _crop(load_photograph(photograph), predictions.boxes[row])
        return face, f", {photograph.path.name}"

    return [
        _confusion(
            folder / "confusion.png", "Confusion", title, counts, list(rows), answers=answers
        ),
        *_calibration(folder, f"{name}, faces found", values, predictions, predictions.found),
        *_mistakes(
            folder / "mistakes.png",
            name,
            "Wrong predictions that are not “not sure”. The images are under the licence of the "
            "set.",
            predictions,
            face,
        ),
    ]


def _confusion(
    path: Path,
    name: str,
    title: str,
    counts: Sequence[Sequence[int]],
    classes: Sequence[str],
    *,
    answers: Sequence[str] | None = None,
) -> Plot:
    plots.confusion_matrix(counts, classes, path, title, answers=answers)
    return Plot(name, "Per cent of each row; the right prediction is bold.", path)


def _calibration(
    folder: Path,
    title: str,
    values: Mapping[str, Any],
    predictions: SplitPredictions | PhotographPredictions,
    judged: NDArray[np.bool_],
) -> list[Plot]:
    """Draw reliability.png and risk_coverage.png, of the rows that are judged, if any are."""
    if not judged.any():
        return []
    right = (predictions.predicted == predictions.labels)[judged]
    return [
        Plot(
            "Reliability",
            "Accuracy over confidence of the predictions, in bins; dots and bars show the share "
            "of images in each bin.",
            plots.reliability_diagram(
                values["reliability"],
                folder / "reliability.png",
                f"{title}: expected calibration error {number(values['ece'])}",
            ),
        ),
        Plot(
            "Risk and coverage",
            "Share of wrong predictions among the most confident ones (Geifman and El-Yaniv 2017).",
            plots.risk_coverage(
                risk_coverage(predictions.confidence[judged], right),
                values["answered"],
                values["accuracy_answered"],
                folder / "risk_coverage.png",
                f"{title}: risk and coverage",
            ),
        ),
    ]


def _mistakes(
    path: Path,
    title: str,
    text: str,
    predictions: SplitPredictions | PhotographPredictions,
    face: Callable[[int], tuple[UInt8Array, str]],
) -> list[Plot]:
    """Draw the most confident mistakes; `face` gives the image of a row and a note on it."""
    tiles = []
    for row in most_confident_mistakes(predictions, MISTAKES).tolist():
        label, predicted = EMOTIONS[predictions.labels[row]], EMOTIONS[predictions.predicted[row]]
        confidence = predictions.confidence[row]
        told = ">99%" if confidence > 0.99 else f"{confidence:.0%}"
        image, note = face(row)
        tiles.append(Tile(image, f"{label.title} predicted as {predicted.title}\n{told}{note}"))
    if not tiles:
        return []
    draw_contact_sheet({f"{title}: the most confident mistakes": tiles}, path, size=MISTAKE_SIZE)
    return [Plot("The most confident mistakes", text, path)]


def _crop(image: UInt8Array, box: NDArray[np.int64]) -> UInt8Array:
    """Crop a face with some margin, as far as the image reaches, and shrink it."""
    lower, upper = box.reshape(2, 2)
    center, reach = (lower + upper) / 2, MARGIN * (upper - lower).max() / 2
    left, top = np.maximum(center - reach, 0).astype(int)
    right, bottom = (center + reach).astype(int)
    face = Image.fromarray(image[top:bottom, left:right])
    face.thumbnail((SIDE, SIDE))
    return np.asarray(face)
