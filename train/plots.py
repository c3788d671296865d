"""Figures for reports; needs matplotlib (train/requirements.txt)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # the plain class: no window, no global state

DPI = 150


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str], path: Path) -> Path:
    """Draw a confusion matrix, shares of each row in colour and per cent, and save it as PNG.

    Args:
        counts: C rows of C counts; row: label, column: answer.
        classes: C names.
        path: where to.
    """
    table = np.asarray(counts, dtype=np.float64)
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    rows = [f"{name} ({int(n)})" for name, n in zip(classes, totals[:, 0], strict=True)]
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), rows)
    axes.set_xlabel("answer")
    axes.set_ylabel("majority of the annotators (pictures)")
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        if share >= 0.005:
            color = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=color)
    axes.set_title("Answers per class, in %")
    figure.savefig(path, dpi=DPI)
    return path


def reliability_diagram(bins: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw accuracy over confidence with the share of pictures in each bin; save it as PNG."""
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    confidence = [row["confidence"] for row in bins]
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfect")
    upper.plot(confidence, [row["accuracy"] for row in bins], marker="o", label="measured")
    upper.set_ylabel("share that is right")
    upper.set_ylim(0, 1)
    upper.legend()
    lower.bar(confidence, [row["share"] for row in bins], width=0.04)
    lower.set_xlabel("confidence")
    lower.set_ylabel("share of pictures")
    lower.set_xlim(0, 1)
    figure.savefig(path, dpi=DPI)
    return path
