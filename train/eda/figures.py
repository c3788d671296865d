"""The figures of `train.explore`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fer_core.emotions import BY_NAME, FER2013_LABELS, FERPLUS_LABELS
from fer_core.filters import FILTERS
from fer_core.preprocessing import UInt8Array
from train.data.dataset import SPLITS, Dataset
from train.eda.statistics import NONE, brightness_and_contrast

if TYPE_CHECKING:  # matplotlib takes a second, which `--help` should not
    from matplotlib.figure import Figure

SAMPLES = 10  # faces of a class in a figure
BINS = 32  # of a histogram
OWN_EYES = "Pictures of the data set: they may not be passed on."


class Drawing(NamedTuple):
    """A figure of the report."""

    title: str
    text: str
    path: Path


class Row(NamedTuple):
    """A row of a grid of pictures: its name, pictures and as many captions."""

    name: str
    pictures: Sequence[UInt8Array] | UInt8Array
    captions: Sequence[str]


def draw_figures(
    splits: Mapping[str, Dataset], numbers: Mapping[str, Any], out: Path, seed: int = 0
) -> list[Drawing]:
    """Write the PNGs into a folder that is there.

    Args:
        splits: from `load_splits`.
        numbers: from `explore` of the same.
        out: where to.
        seed: decides which faces are shown.
    """
    return [
        _draw_classes(numbers["classes"], out / "classes.png"),
        *(
            _draw_faces(splits[split], split, out / f"faces_{split.lower()}.png", seed)
            for split in SPLITS
        ),
        _draw_grey_levels(splits["Training"], out / "grey_levels.png"),
        *([_draw_agreement(numbers["agreement"], out)] if numbers["agreement"] else []),
        _draw_filters(splits["Training"], out / "filters.png", seed),
    ]


def share_of(count: int, total: int) -> str:
    """A count, and what share of the total it is."""
    return f"{count:,} ({count / total:.1%})"


def class_title(name: str) -> str:
    """The name of a class as a person reads it."""
    if name == NONE:
        return "No majority"
    return BY_NAME[name].title if name in BY_NAME else name.capitalize()


def _draw_classes(classes: Mapping[str, Any], path: Path) -> Drawing:
    """Bars of the shares, a panel for each kind of label, with the counts beside them."""
    from matplotlib.ticker import PercentFormatter

    from train.reporting.plots import BLUE, GREEN, ORANGE

    panels = {
        title: classes[kind]
        for kind, title in (("fer2013", "By FER2013's label"), ("ferplus", "By FER+ majority"))
        if classes[kind] is not None
    }
    figure = _figure(5.2 * len(panels), 6.6, "Pictures of each class", layout="constrained")
    largest = max(r["share"] for p in panels.values() for s in p.values() for r in s.values())
    for axes, (title, counts) in zip(
        figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True
    ):
        names = list(counts[SPLITS[0]])
        places = np.arange(len(names))
        for offset, (split, color) in enumerate(zip(SPLITS, (BLUE, ORANGE, GREEN), strict=True)):
            rows = [counts[split][name] for name in names]
            bars = axes.barh(
                places + 0.27 * (offset - 1),
                [row["share"] for row in rows],
                height=0.25,
                color=color,
                label=split,
            )
            axes.bar_label(bars, [f"{row['pictures']:,}" for row in rows], padding=2, fontsize=7)
        axes.set_yticks(places, [class_title(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 1.15 * largest)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("Share of the split, with the number of pictures")
        axes.set_title(title, fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(loc="lower right", frameon=False)
    return _saved(figure, path, "Pictures of each class", "Shares, with the number of pictures:")


def _draw_faces(dataset: Dataset, split: str, path: Path, seed: int) -> Drawing:
    """`SAMPLES` faces of each class, or all where it has fewer."""
    rng = np.random.default_rng(seed)
    voted, majority = dataset.has_votes, dataset.majority
    grid = []
    for label, name in enumerate(FER2013_LABELS):
        there = np.flatnonzero(dataset.labels == label)
        rows = np.sort(rng.permutation(there)[:SAMPLES])
        votes = (f"\n{class_title(FERPLUS_LABELS[m] if m >= 0 else NONE)}" for m in majority[rows])
        captions = [f"{row}{vote if voted else ''}" for row, vote in zip(rows, votes, strict=True)]
        grid.append(Row(f"{class_title(name)}\n{len(there):,}", dataset.faces[rows], captions))
    _draw_grid(grid, path, f"{split}: faces by FER2013's label, drawn by chance")
    below = "its row within the split, from 0" + (", and the FER+ majority" if voted else "")
    text = f"{split}, drawn by chance with the seed {seed}. Below a face: {below}. {OWN_EYES}"
    return Drawing(f"Faces of {split}", text, path)


def _draw_filters(dataset: Dataset, path: Path, seed: int) -> Drawing:
    """A face of each class, as it is and through each filter alone."""
    rng = np.random.default_rng(seed)
    rows = [
        rng.choice(np.flatnonzero(there))
        for label in range(len(FER2013_LABELS))
        if (there := (dataset.labels == label) & dataset.is_face).any()
    ]
    faces, names = dataset.faces[rows], [FER2013_LABELS[label] for label in dataset.labels[rows]]
    grid = [Row("original", faces, [class_title(name) for name in names])]
    grid += [
        Row(name, [filtered(face) for face in faces], [""] * len(faces))
        for name, filtered in FILTERS.items()
    ]
    _draw_grid(grid, path, "Each filter alone")
    text = f"Each filter alone, on training faces drawn by chance with the seed {seed}. {OWN_EYES}"
    return Drawing("Filters", text, path)


def _draw_grey_levels(dataset: Dataset, path: Path) -> Drawing:
    """Histograms of each class, over the outline of all pictures."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    from train.reporting.plots import BLUE

    measured = brightness_and_contrast(dataset.faces)
    title = "Training: brightness and contrast of the pictures"
    figure = _figure(8, 9.5, title, layout="constrained")
    grid = figure.subplots(len(FER2013_LABELS), 2, sharex="col", sharey="col")
    names = ("Mean grey level", "Standard deviation of grey levels")
    ends = (256, 128)  # no deviation of levels 0..255 is larger
    for column, (values, name, end) in enumerate(zip(measured, names, ends, strict=True)):
        bins = np.linspace(0, end, BINS + 1)
        for label, emotion in enumerate(FER2013_LABELS):
            axes, chosen = grid[label, column], values[dataset.labels == label]
            for some, style in (
                (chosen, {"histtype": "stepfilled", "color": BLUE, "alpha": 0.75}),
                (values, {"histtype": "step", "color": "black", "linewidth": 1}),
            ):
                axes.hist(some, bins, weights=np.full(len(some), 1 / max(len(some), 1)), **style)
            if len(chosen):
                axes.axvline(chosen.mean(), color=BLUE, linestyle="--", linewidth=1.2)
                words = f"{class_title(emotion)}\nmean {chosen.mean():.0f}"
            else:
                words = f"{class_title(emotion)}\nno picture"
            # On the side where the histogram leaves room.
            at, side = ((0.02, "left"), (0.98, "right"))[column]
            axes.text(at, 0.93, words, transform=axes.transAxes, ha=side, va="top", fontsize=9)
            axes.yaxis.set_major_locator(MaxNLocator(3, steps=(1, 2, 5, 10)))  # whole per cents
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
        grid[-1, column].set_xlabel(name)
        grid[-1, column].set_xlim(0, end)
    figure.supylabel("Share of the pictures", fontsize=10)
    text = (
        "The training pictures of a class (filled, mean dashed) over all of the split (outline). "
        "The left shows how bright pictures are, the right how rich in contrast."
    )
    return _saved(figure, path, "Brightness and contrast", text)


def _draw_agreement(agreement: Mapping[str, Any], out: Path) -> Drawing:
    """Heat map of the majority by label: shares of each row in color, with the counts."""
    from matplotlib.ticker import PercentFormatter

    counts = np.array([list(row.values()) for row in agreement["counts"].values()])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    overall = agreement["splits"]["all"]
    title = f"FER2013 and FER+ agree on {share_of(overall['agreeing'], max(overall['judged'], 1))}"
    figure = _figure(9, 6.2, title, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(FERPLUS_LABELS)), [class_title(name) for name in FERPLUS_LABELS])
    names = zip(FER2013_LABELS, totals[:, 0], strict=True)
    axes.set_yticks(
        range(len(FER2013_LABELS)), [f"{class_title(name)} ({total:,})" for name, total in names]
    )
    axes.tick_params(length=0)
    axes.set_xlabel("FER+ majority")
    axes.set_ylabel("FER2013 label (pictures with a majority)")
    axes.spines[:].set_visible(False)
    for row, column in np.argwhere(counts):
        axes.text(
            column,
            row,
            f"{shares[row, column]:.0%}\n{counts[row, column]:,}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if shares[row, column] > 0.6 else "black",
            weight="bold" if row == column else "normal",
        )
    bar = figure.colorbar(image, shrink=0.6, format=PercentFormatter(1))
    bar.outline.set_visible(False)
    bar.set_label("Share of the row")
    text = "All splits: shares of each row, with the number of pictures; the diagonal agrees."
    return _saved(figure, out / "agreement.png", "FER+ majority by FER2013 label", text)


def _draw_grid(grid: Sequence[Row], path: Path, title: str) -> None:
    """Pictures in rows, each over its caption; all measures in inches."""
    side, step, left, top = 0.95, 1.0, 1.05, 0.55
    heights = [
        side + 0.05 + 0.14 * max((_lines(c) for c in row.captions), default=0) for row in grid
    ]
    across = max(len(row.pictures) for row in grid)
    width = max(left + across * step + 0.1, 6.5)  # room for the title
    height = top + sum(heights) + 0.1
    figure = _figure(width, height, title)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    y = top
    for row, taken in zip(grid, heights, strict=True):
        axes.text(left - 0.12, y + side / 2, row.name, ha="right", va="center", fontsize=10)
        for column, (picture, caption) in enumerate(zip(row.pictures, row.captions, strict=True)):
            x = left + column * step
            axes.imshow(
                picture,
                cmap="gray",
                vmin=0,
                vmax=255,
                extent=(x, x + side, y + side, y),
                interpolation="bicubic",
                aspect="auto",
            )
            axes.text(x + side / 2, y + side + 0.02, caption, ha="center", va="top", fontsize=7)
        y += taken
    axes.set(xlim=(0, width), ylim=(height, 0))
    _save(figure, path)


def _lines(caption: str) -> int:
    return caption.count("\n") + 1 if caption else 0


def _figure(width: float, height: float, title: str, layout: Any = None) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    figure.suptitle(title, fontsize=12, weight="bold", x=0.02, ha="left")
    return figure


def _saved(figure: "Figure", path: Path, title: str, text: str) -> Drawing:
    _save(figure, path)
    return Drawing(title, text, path)


def _save(figure: "Figure", path: Path) -> None:
    from train.reporting.plots import DPI

    figure.savefig(path, dpi=DPI)
