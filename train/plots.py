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
) -> Path:
    """Draw a confusion matrix: the share of each row in color and per cent.

    Args:
        counts: C rows of C counts; row: label, column: answer.
        classes: C names of emotions.
        path: where to.
        title: above it.
    """
    table = np.asarray(counts, dtype=np.float64)
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    figure = Figure(figsize=(7, 5.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [BY_NAME[name].title for name in classes]
    rows = [f"{name} ({int(n):,})" for name, n in zip(names, totals[:, 0], strict=True)]
    axes.set_xticks(range(len(classes)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), rows)
    axes.tick_params(length=0)
    axes.set_xlabel("Answer")
    axes.set_ylabel("Label (pictures)")
    for edge in np.arange(0.5, len(classes) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        if share >= 0.005 or (row == column and totals[row, 0]):
            axes.text(
                column,
                row,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                color="white" if share > 0.5 else "black",
                weight="bold" if row == column else "normal",
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
        axes.set_title(BY_NAME[name].title if name in BY_NAME else "Mean", fontsize=11)
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


def risk_coverage(curve: RiskCoverage, threshold: float, path: Path, title: str) -> Path:
    """Draw the share of wrong answers over the share of answered pictures.

    Args:
        curve: from `fer_core.calibration.risk_coverage`.
        threshold: the confidence from which on the app answers; marked.
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
    answered = int((curve.threshold >= threshold).sum())
    if answered:
        at, wrong = curve.coverage[answered - 1], risk[answered - 1]
        axes.plot([at], [wrong], "o", color=ORANGE, markersize=8)
        axes.annotate(
            f"the app: {at:.0%} answered\n{wrong:.1%} of them wrong",
            (at, wrong),
            xytext=(-14, 0),
            textcoords="offset points",
            color=ORANGE,
            ha="right",
            va="center",
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


def mistakes(faces: UInt8Array, captions: Sequence[str], path: Path, title: str) -> Path:
    """Draw faces in a grid, each with its caption.

    Args:
        faces: (K, h, w) uint8 grey, K at least 1.
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
        axes.set_title(caption, fontsize=9)
    _title(figure, title)
    return _save(figure, path)


def learning_curves(history: Sequence[Mapping[str, float]], best: int, path: Path) -> Path:
    """Draw training loss and PublicTest accuracy over the epochs.

    Args:
        history: a row an epoch, at least one, as `train.runs.read_history` gives them.
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


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def _title(figure: Figure, title: str) -> None:
    figure.suptitle(title, fontsize=12, weight="bold", x=0.02, ha="left")


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    return path
