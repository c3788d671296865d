"""Draws the plots of reports; needs matplotlib (train/requirements.txt).

Every function writes a PNG file and returns its path. Colors are the palette of Okabe and Ito 2008
for all types of color vision, and curves also differ by line style or label.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure  # not pyplot, which keeps global state
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from fer_core.calibration import RiskCoverage
from train.reporting.markdown import class_title

DPI = 150
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#6b6b6b"
LINES: tuple[tuple[str, Literal["-", "--"]], ...] = ((BLUE, "-"), (ORANGE, "--"))

Curve = tuple[NDArray[np.floating], NDArray[np.floating]]


def confusion_matrix(
    counts: Sequence[Sequence[int]],
    classes: Sequence[str],
    path: Path,
    title: str,
    *,
    answers: Sequence[str] | None = None,
    axis_names: tuple[str, str] = ("Prediction", "Label (images)"),
) -> Path:
    """Draw a confusion matrix in per cent of each row.

    Args:
        counts: a row for each label, a column for each prediction.
        classes: names of the labels.
        path: of the PNG file.
        title: of the figure.
        answers: names of the predictions, where they differ from the labels.
        axis_names: of the horizontal and the vertical axis.
    """
    answers = classes if answers is None else answers
    table = np.asarray(counts, dtype=np.float64)
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    figure = Figure(figsize=(7, 1.75 + 0.55 * len(classes)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    columns = [class_title(name) for name in answers]
    rows = [f"{class_title(name)} ({int(n):,})" for name, (n,) in zip(classes, totals, strict=True)]
    axes.set_xticks(range(len(answers)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), rows)
    axes.tick_params(length=0)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    for edge in np.arange(0.5, len(classes) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
    for edge in np.arange(0.5, len(answers) - 1):
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        is_right = classes[row] == answers[column]
        if share >= 0.005 or (is_right and totals[row, 0]):
            axes.text(
                column, row, f"{100 * share:.0f}", ha="center", va="center",
                color="white" if share > 0.5 else "black",
                weight="bold" if is_right else "normal",
            )  # fmt: skip
    bar = figure.colorbar(image, shrink=0.6, format=PercentFormatter(1))
    bar.outline.set_visible(False)
    bar.set_label("Share of the row")
    return _save_titled(figure, path, title)


def roc(
    curves: Mapping[str, Mapping[str, Curve]],
    areas: Mapping[str, Mapping[str, float | None]],
    path: Path,
    title: str,
) -> Path:
    """Draw ROC curves, a panel for each class and one for their mean.

    Args:
        curves: false and true positive rates by set of labels (at most two), then by class; `macro`
            is the mean.
        areas: areas under the curves, by the same names.
        path: of the PNG file.
        title: of the figure.
    """
    names = list(dict.fromkeys(name for of_set in curves.values() for name in of_set))
    names = [name for name in names if name != "macro"] + ["macro"]
    down = -(-len(names) // 3)
    figure = Figure(figsize=(7.6, 2.55 * down + 0.8), layout="constrained")
    grid = figure.subplots(down, 3, sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
        for row, (label, (color, style)) in enumerate(zip(curves, LINES, strict=False)):
            if name in curves[label]:
                axes.plot(*curves[label][name], style, color=color, linewidth=1.8, label=label)
                text = f"{label}  {areas[label][name]:.3f}"
                at = (0.96, 0.17 - 0.12 * row)
                axes.text(*at, text, color=color, ha="right", va="bottom", fontsize=9)
        axes.set_title("Mean" if name == "macro" else class_title(name), fontsize=11)
        axes.set(xlim=(-0.02, 1), ylim=(0, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_box_aspect(1)
        style_axes(axes)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("False positive rate", fontsize=10)
    figure.supylabel("True positive rate", fontsize=10)
    styles = [
        Line2D([], [], color=color, linestyle=style, label=f"by {label}")
        for label, (color, style) in zip(curves, LINES, strict=False)
    ]
    figure.legend(handles=styles, loc="upper right", ncols=2, frameon=False, borderaxespad=0)
    return _save_titled(figure, path, title)


def reliability_diagram(bins: Sequence[dict[str, Any]], path: Path, title: str) -> Path:
    """Draw accuracy over confidence, with the share of the images in each bin.

    Args:
        bins: with confidence, accuracy and share, 0..1 each, from low to high confidence.
        path: of the PNG file.
        title: of the figure.
    """
    confidence, accuracy, share = (
        np.array([row[key] for row in bins]) for key in ("confidence", "accuracy", "share")
    )
    figure = Figure(figsize=(5.4, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
    upper.vlines(confidence, confidence, accuracy, color=ORANGE, linewidth=1.5, label="gap")
    upper.plot(confidence, accuracy, color=BLUE, linewidth=1.8)
    upper.scatter(
        confidence, accuracy, 20 + 400 * share, BLUE, zorder=3, clip_on=False, label="measured"
    )
    upper.set(ylabel="Accuracy", ylim=(0, 1.03))
    upper.legend(loc="upper left", frameon=False)
    upper.get_legend().legend_handles[-1].set_sizes([30])
    lower.bar(confidence, share, width=0.05, color=BLUE)
    lower.set(xlabel="Confidence", ylabel="Images", xlim=(0, 1.03))
    _in_per_cent(upper.yaxis, lower.yaxis, lower.xaxis)
    style_axes(upper, lower)
    return _save_titled(figure, path, title)


def risk_coverage(
    curve: RiskCoverage, answered: float, accuracy: float | None, path: Path, title: str
) -> Path:
    """Draw the error rate (risk) over the share of images that are not rejected (coverage).

    Args:
        curve: from `fer_core.calibration.risk_coverage`.
        answered: coverage of the app, 0..1.
        accuracy: of the app at that coverage, which is then marked; None if it is 0.
        path: of the PNG file.
        title: of the figure.
    """
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    risk = 1 - curve.accuracy
    axes.axhline(risk[-1], color=GREY, linestyle="--", linewidth=1)
    _note(axes, f"full coverage: {risk[-1]:.1%} wrong", (0, risk[-1]), (4, 4), color=GREY)
    axes.plot(curve.coverage, risk, color=BLUE, linewidth=1.8)
    if accuracy is not None:
        axes.plot([answered], [1 - accuracy], "o", color=ORANGE, markersize=8)
        text = f"the app: {answered:.0%} coverage\n{1 - accuracy:.1%} wrong"
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
        at = (answered, 1 - accuracy)
        _note(axes, text, at, (-14, 0), color=ORANGE, ha="right", va="center", bbox=box)
    axes.set(xlabel="Coverage, by descending confidence", xlim=(0, 1.01))
    top = max(1.2 * float(risk[-1]), 0.02)
    axes.set(ylabel="Error rate of the covered images", ylim=(0, top))
    _in_per_cent(axes.xaxis)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    style_axes(axes)
    return _save_titled(figure, path, title)


def trade_off(rows: Sequence[Mapping[str, float]], chosen: float, path: Path, title: str) -> Path:
    """Draw several metrics over a weight.

    Args:
        rows: in ascending order of the weight: the weight, then metrics 0..1 by "SET: METRIC".
        chosen: the weight in use, which is marked.
        path: of the PNG file.
        title: of the figure.
    """
    weight, *names = rows[0]
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    axes = figure.subplots()
    weights = [row[weight] for row in rows]
    sets = list(dict.fromkeys(name.partition(": ")[0] for name in names))
    styles = {"mean recall": "-", "neutral": "--"}
    for name in names:
        of_set, _, measure = name.partition(": ")
        color = (BLUE, ORANGE, GREEN, "#cc79a7", "#000000")[sets.index(of_set) % 5]
        values, style = [row[name] for row in rows], styles.get(measure, ":")
        axes.plot(weights, values, linestyle=style, color=color, marker="o", label=name)
    axes.axvline(chosen, color=GREY, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_xticks(weights, [f"{value:g}" for value in weights])
    axes.minorticks_off()
    axes.set_xlabel(weight.capitalize())
    _in_per_cent(axes.yaxis)
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    style_axes(axes)
    return _save_titled(figure, path, title)


def learning_curves(history: Sequence[Mapping[str, float]], best: int, path: Path) -> Path:
    """Draw training loss and PublicTest accuracy over epochs.

    Args:
        history: at least one epoch, from `read_history` of train.artifacts.run_folder.
        best: the epoch of the saved weights.
        path: of the PNG file.
    """
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [row["loss"] for row in history], color=BLUE, marker="o", markersize=3)
    left.set_title("Training loss")
    heads = {"public_fer2013": "FER2013", "public_ferplus": "FER+"}
    for (key, label), (color, style) in zip(heads.items(), LINES, strict=True):
        if key in history[0]:
            values = [row[key] for row in history]
            right.plot(epochs, values, style, color=color, marker="o", markersize=3, label=label)
            text, at = f" {label} {values[-1]:.1%}", (epochs[-1], values[-1])
            _note(right, text, at, (4, 0), color=color, va="center", annotation_clip=False)
    right.set_title("Accuracy on PublicTest")
    _in_per_cent(right.yaxis)
    for axes in (left, right):
        axes.axvline(best, color=GREY, linestyle=":", linewidth=1)
        axes.set(xlabel="Epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style_axes(left, right)
    side, shift = ("right", -4) if best > epochs[-1] / 2 else ("left", 4)
    top = ("data", "axes fraction")
    _note(left, "best epoch", (best, 1), (shift, 0), xycoords=top, ha=side, va="top", color=GREY)
    return save(figure, path)


def style_axes(*several: Axes) -> None:
    """Add a grid and remove the top and right border."""
    for axes in several:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)


def _in_per_cent(*several: Axis) -> None:
    for axis in several:
        axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _note(
    axes: Axes, text: str, at: tuple[float, float], shift: tuple[int, int], **options: Any
) -> None:
    """Write a text beside a point, shifted by (x, y) points."""
    axes.annotate(text, at, xytext=shift, textcoords="offset points", **options)


def add_title(figure: Figure, title: str) -> None:
    """Set the title of a figure."""
    figure.suptitle(title, fontsize=12, weight="bold", x=0.02, ha="left")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=DPI)
    return path


def _save_titled(figure: Figure, path: Path, title: str) -> Path:
    add_title(figure, title)
    return save(figure, path)
