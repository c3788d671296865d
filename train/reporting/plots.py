"""Plots for reports; needs matplotlib (train/requirements.txt).

Every function writes a PNG and returns its path. Colors are those of Okabe and Ito 2008, which
people with any color vision tell apart, and no meaning hangs on color alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure  # the plain class: no window, no global state
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from fer_core.calibration import RiskCoverage
from fer_core.emotions import BY_NAME
from fer_core.preprocessing import UInt8Array

DPI = 150
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#6b6b6b"
LINES: tuple[tuple[str, Literal["-", "--"]], ...] = ((BLUE, "-"), (ORANGE, "--"))
MISTAKES_A_ROW = 6

Curve = tuple[NDArray[np.floating], NDArray[np.floating]]


def confusion_matrix(
    counts: Sequence[Sequence[int]],
    classes: Sequence[str],
    path: Path,
    title: str = "Answers by label",
    answers: Sequence[str] | None = None,
) -> Path:
    """Draw a confusion matrix: the share of each row in color and per cent.

    Args:
        counts: a row for each label, a column for each answer.
        classes: names of the labels.
        path: where to.
        title: above it.
        answers: names of the answers, where they are not the labels.
    """
    answers = classes if answers is None else answers
    table = np.asarray(counts, dtype=np.float64)
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    figure = Figure(figsize=(7, 1.75 + 0.55 * len(classes)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    columns = [_title_of(name) for name in answers]
    rows = [
        f"{_title_of(name)} ({int(n):,})" for name, n in zip(classes, totals[:, 0], strict=True)
    ]
    axes.set_xticks(range(len(answers)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), rows)
    axes.tick_params(length=0)
    axes.set_xlabel("Answer")
    axes.set_ylabel("Label (pictures)")
    for edge in np.arange(0.5, len(classes) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
    for edge in np.arange(0.5, len(answers) - 1):
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(shares.shape):
        share, is_right = shares[row, column], classes[row] == answers[column]
        if share >= 0.005 or (is_right and totals[row, 0]):
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                color="white" if share > 0.5 else "black",
                weight="bold" if is_right else "normal",
            )
    bar = figure.colorbar(image, shrink=0.6, format=PercentFormatter(1))
    bar.outline.set_visible(False)
    bar.set_label("Share of the row")
    _title(figure, title)
    return _save(figure, path)


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
        areas: the areas under them, by the same names.
        path: where to.
        title: above it.
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
        axes.set_title("Mean" if name == "macro" else _title_of(name), fontsize=11)
        axes.set(xlim=(-0.02, 1), ylim=(0, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_box_aspect(1)
        _plain(axes)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("False positive rate", fontsize=10)
    figure.supylabel("True positive rate", fontsize=10)
    styles = [
        Line2D([], [], color=color, linestyle=style, label=f"by {label}")
        for label, (color, style) in zip(curves, LINES, strict=False)
    ]
    figure.legend(handles=styles, loc="upper right", ncols=2, frameon=False, borderaxespad=0)
    _title(figure, title)
    return _save(figure, path)


def reliability_diagram(
    bins: Sequence[dict[str, Any]], path: Path, title: str = "Reliability"
) -> Path:
    """Draw accuracy over confidence with the share of pictures in each bin.

    Args:
        bins: with confidence, accuracy and share, 0..1 each, from low to high confidence.
        path: where to.
        title: above it.
    """
    confidence, accuracy, share = (
        np.array([row[key] for row in bins]) for key in ("confidence", "accuracy", "share")
    )
    figure = Figure(figsize=(5.4, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as sure as right")
    upper.vlines(confidence, confidence, accuracy, color=ORANGE, linewidth=1.5, label="gap")
    upper.plot(confidence, accuracy, color=BLUE, linewidth=1.8)
    upper.scatter(
        confidence, accuracy, 20 + 400 * share, BLUE, zorder=3, clip_on=False, label="measured"
    )
    upper.set_ylabel("Right answers")
    upper.set_ylim(0, 1.03)
    upper.legend(loc="upper left", frameon=False)
    for handle in upper.get_legend().legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([30])
    lower.bar(confidence, share, width=0.05, color=BLUE)
    lower.set_xlabel("Confidence")
    lower.set_ylabel("Pictures")
    lower.set_xlim(0, 1.03)
    for axes in (upper, lower):
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        _plain(axes)
    lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _title(figure, title)
    return _save(figure, path)


def risk_coverage(
    curve: RiskCoverage, answered: float, accuracy: float | None, path: Path, title: str
) -> Path:
    """Draw the share of wrong answers over the share of answered pictures.

    Args:
        curve: from `fer_core.calibration.risk_coverage`.
        answered: share of the pictures that the app answers; marked where it is above 0.
        accuracy: of these answers; None where there are none.
        path: where to.
        title: above it.
    """
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    risk = 1 - curve.accuracy
    axes.axhline(risk[-1], color=GREY, linestyle="--", linewidth=1)
    axes.annotate(
        f"all answered: {risk[-1]:.1%} wrong",
        (0, risk[-1]),
        xytext=(4, 4),
        textcoords="offset points",
        color=GREY,
    )
    axes.plot(curve.coverage, risk, color=BLUE, linewidth=1.8)
    if accuracy is not None:
        axes.plot([answered], [1 - accuracy], "o", color=ORANGE, markersize=8)
        axes.annotate(
            f"the app: {answered:.0%} answered\n{1 - accuracy:.1%} of them wrong",
            (answered, 1 - accuracy),
            xytext=(-14, 0),
            textcoords="offset points",
            color=ORANGE,
            ha="right",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        )
    axes.set_xlabel("Answered pictures, the surest first")
    axes.set_ylabel("Wrong among the answered")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(1.2 * float(risk[-1]), 0.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _plain(axes)
    _title(figure, title)
    return _save(figure, path)


def trade_off(rows: Sequence[Mapping[str, float]], chosen: float, path: Path, title: str) -> Path:
    """Draw what a weight does to several figures.

    Args:
        rows: one a weight, rising: first the weight, then figures 0..1 by "SET: MEASURE".
        chosen: the weight that is used; marked.
        path: where to.
        title: above it.
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
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    _plain(axes)
    _title(figure, title)
    return _save(figure, path)


def mistakes(
    faces: Sequence[UInt8Array] | UInt8Array, captions: Sequence[str], path: Path, title: str
) -> Path:
    """Draw faces in a grid, each with its caption.

    Args:
        faces: K pictures, at least 1, each (h, w) uint8 grey or (h, w, 3) uint8 RGB.
        captions: K, of two short lines.
        path: where to.
        title: above it.
    """
    down = -(-len(faces) // MISTAKES_A_ROW)
    figure = Figure(figsize=(10, 2.05 * down + 0.6), layout="constrained")
    grid = figure.subplots(down, MISTAKES_A_ROW, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, face, caption in zip(grid.flat, faces, captions, strict=False):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
        axes.set(box_aspect=1, adjustable="datalim")  # captions in line, whatever a face's shape
        axes.set_title(caption, fontsize=9)
    _title(figure, title)
    return _save(figure, path)


def learning_curves(history: Sequence[Mapping[str, float]], best: int, path: Path) -> Path:
    """Draw training loss and PublicTest accuracy over the epochs.

    Args:
        history: a row an epoch, at least one, as `read_history` of train.artifacts.run_folder gives
            them.
        best: the epoch that was kept.
        path: where to.
    """
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [row["loss"] for row in history], color=BLUE, marker="o", markersize=3)
    left.set_title("Training loss")
    for key, label, (color, style) in zip(
        ("public_fer2013", "public_ferplus"), ("FER2013", "FER+"), LINES, strict=True
    ):
        if key not in history[0]:
            continue
        values = [row[key] for row in history]
        right.plot(epochs, values, style, color=color, marker="o", markersize=3, label=label)
        right.annotate(
            f" {label} {values[-1]:.1%}",
            (epochs[-1], values[-1]),
            xytext=(4, 0),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )
    right.set_title("Right on PublicTest")
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes in (left, right):
        axes.axvline(best, color=GREY, linestyle=":", linewidth=1)
        axes.set_xlabel("Epoch")
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _plain(axes)
    left.annotate(
        "best epoch",
        (best, 1),
        xytext=(-4 if best > epochs[-1] / 2 else 4, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if best > epochs[-1] / 2 else "left",
        va="top",
        color=GREY,
    )
    return _save(figure, path)


def _title_of(name: str) -> str:
    """An emotion as a person reads it; other names with a capital."""
    return BY_NAME[name].title if name in BY_NAME else name.capitalize()


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def _title(figure: Figure, title: str) -> None:
    figure.suptitle(title, fontsize=12, weight="bold", x=0.02, ha="left")


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    return path
