"""Draws the figures of `train.explore`; needs matplotlib (train/requirements.txt)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.filters import FILTERS
from train.data.dataset import SPLITS, Dataset
from train.eda.statistics import NONE, brightness_and_contrast
from train.reporting.contact_sheet import Tile, draw_contact_sheet
from train.reporting.markdown import Plot, class_title
from train.reporting.plots import BLUE, GREEN, ORANGE, add_title, confusion_matrix, save

SAMPLES = 9  # faces of a class: a row of a contact sheet
BINS = 32  # of a histogram
TERMS = "Images of the dataset may not be passed on."


def draw_figures(
    splits: Mapping[str, Dataset], numbers: Mapping[str, Any], out: Path, seed: int = 0
) -> list[Plot]:
    """Write the figures of `train.eda.report.write_report` as PNG files."""
    figures = [_draw_classes(numbers["classes"], out / "classes.png")]
    for split in SPLITS:
        path = out / f"faces_{split.lower()}.png"
        figures.append(_draw_faces(splits[split], split, path, seed))
    figures.append(_draw_grey_levels(splits["Training"], out / "grey_levels.png"))
    if numbers["agreement"]:
        figures.append(_draw_agreement(numbers["agreement"], out / "agreement.png"))
    return [*figures, _draw_filters(splits["Training"], out / "filters.png", seed)]


def share_of(count: int, total: int) -> str:
    """Format a count with its share of a total."""
    return f"{count:,} ({count / total:.1%})"


def _draw_classes(classes: Mapping[str, Any], path: Path) -> Plot:
    """Draw the share of each class as bars with counts, a panel for each kind of label."""
    titles = {"fer2013": "By FER2013 label", "ferplus": "By FER+ majority"}
    kinds = [kind for kind in titles if classes[kind] is not None]
    figure = Figure(figsize=(5.2 * len(kinds), 6.6), layout="constrained")
    add_title(figure, "Images of each class")
    shares = [row["share"] for k in kinds for s in classes[k].values() for row in s.values()]
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False).flat, kinds, strict=True):
        names = list(classes[kind]["Training"])
        places = np.arange(len(names))
        for offset, (split, color) in enumerate(
            zip(SPLITS, (BLUE, ORANGE, GREEN), strict=True), -1
        ):
            rows = classes[kind][split].values()
            bars = axes.barh(
                places + 0.27 * offset,
                [row["share"] for row in rows],
                0.25,
                color=color,
                label=split,
            )
            axes.bar_label(bars, [f"{row['pictures']:,}" for row in rows], padding=2, fontsize=7)
        axes.set_yticks(places, [class_title(name) for name in names])
        axes.set(xlim=(0, 1.15 * max(shares)), ylim=(len(names) - 0.4, -0.6))
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("Share of the split, with the number of images")
        axes.set_title(titles[kind], fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(loc="lower right", frameon=False)
    text = "Share of each split, with the number of images."
    return Plot("Images of each class", text, save(figure, path))


def _draw_faces(dataset: Dataset, split: str, path: Path, seed: int) -> Plot:
    """Draw `SAMPLES` faces of each class, or all where there are fewer."""
    majority = [class_title(FERPLUS_LABELS[m] if m >= 0 else NONE) for m in dataset.majority]
    sections = {
        class_title(name): [
            Tile(dataset.faces[row], f"{row}\n{majority[row]}" if dataset.has_votes else f"{row}")
            for row in np.flatnonzero(dataset.labels == label)
        ]
        for label, name in enumerate(FER2013_LABELS)
    }
    draw_contact_sheet(sections, path, most=SAMPLES, seed=seed)
    caption = "row within the split, from 0" + (", and FER+ majority" * dataset.has_votes)
    text = f"A random sample by FER2013 label (seed {seed}). Below a face: {caption}. {TERMS}"
    return Plot(f"Faces of {split}", text, path)


def _draw_filters(dataset: Dataset, path: Path, seed: int) -> Plot:
    """Draw a face of each class, original and through each filter alone."""
    rng = np.random.default_rng(seed)
    rows = [
        rng.choice(np.flatnonzero(chosen))
        for label in range(len(FER2013_LABELS))
        if (chosen := (dataset.labels == label) & dataset.is_face).any()
    ]
    names = [class_title(FER2013_LABELS[label]) for label in dataset.labels[rows]]
    faces = list(zip(dataset.faces[rows], names, strict=True))
    sections = {"original": [Tile(face, name) for face, name in faces]}
    for filter_name, filtered in FILTERS.items():
        sections[filter_name] = [Tile(filtered(face), name) for face, name in faces]
    draw_contact_sheet(sections, path)
    text = f"Each filter alone on a random training face of each class (seed {seed}). {TERMS}"
    return Plot("Filters", text, path)


def _draw_grey_levels(dataset: Dataset, path: Path) -> Plot:
    """Draw histograms of each class, with that of all images as an outline."""
    measured = brightness_and_contrast(dataset.faces)
    figure = Figure(figsize=(8, 9.5), layout="constrained")
    add_title(figure, "Training: brightness and contrast of the images")
    grid = figure.subplots(len(FER2013_LABELS), 2, sharex="col", sharey="col")
    names = ("Mean grey level", "Standard deviation of grey levels")
    ends = (256, 128)  # no standard deviation of levels 0..255 is larger
    sides = ((0.02, "left"), (0.98, "right"))
    for column, values, name, end, (at, side) in zip(
        grid.T, measured, names, ends, sides, strict=True
    ):
        bins = np.linspace(0, end, BINS + 1)
        for label, (axes, emotion) in enumerate(zip(column, FER2013_LABELS, strict=True)):
            chosen = values[dataset.labels == label]
            shares = np.full(len(chosen), 1 / max(len(chosen), 1))
            axes.hist(chosen, bins, weights=shares, histtype="stepfilled", color=BLUE, alpha=0.75)
            every = np.full(len(values), 1 / len(values))
            axes.hist(values, bins, weights=every, histtype="step", color="black", linewidth=1)
            words = f"{class_title(emotion)}\nno image"
            if len(chosen):
                axes.axvline(chosen.mean(), color=BLUE, linestyle="--", linewidth=1.2)
                words = f"{class_title(emotion)}\nmean {chosen.mean():.0f}"
            axes.text(at, 0.93, words, transform=axes.transAxes, ha=side, va="top", fontsize=9)
            axes.yaxis.set_major_locator(MaxNLocator(3, steps=(1, 2, 5, 10)))
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
        column[-1].set(xlabel=name, xlim=(0, end))
    figure.supylabel("Share of the images", fontsize=10)
    text = (
        "Training images of each class (filled; dashed: mean) and of the whole split (outline). "
        "Left: mean grey level; right: standard deviation."
    )
    return Plot("Brightness and contrast", text, save(figure, path))


def _draw_agreement(agreement: Mapping[str, Any], path: Path) -> Plot:
    """Draw the confusion matrix of FER2013 labels and FER+ majorities."""
    overall = agreement["splits"]["all"]
    agreeing = share_of(overall["agreeing"], max(overall["judged"], 1))
    confusion_matrix(
        [list(row.values()) for row in agreement["counts"].values()],
        FER2013_LABELS,
        path,
        f"FER2013 and FER+ agree on {agreeing}",
        answers=FERPLUS_LABELS,
        axis_names=("FER+ majority", "FER2013 label (images with a majority)"),
    )
    text = "All splits, in per cent of each row; the diagonal agrees."
    return Plot("FER+ majority by FER2013 label", text, path)
