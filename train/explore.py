"""Look at FER2013, and at the FER+ votes where they are there, before anything is trained.

    python -m train.explore --data DIR --out OUTDIR
    python -m train.explore --data DIR --out OUTDIR --faults DIR     near copies, too

OUTDIR gets report.md with tables and figures, and explore.json with all numbers:

* how many pictures each class has in each split, by FER2013's label and by the FER+ majority;
* faces drawn by chance from every class and split (--seed draws others);
* brightness and contrast by class and split;
* copies within and across splits: those with equal pixels, and of the same photograph where
  --faults names the folder that python -m train.clean wrote for this data;
* what the annotators held for hidden, unreadable or not a face;
* how often FER2013's label and the FER+ majority agree, and what is taken for what;
* what each filter of fer_core.filters makes of a few faces.

Without votes the parts that need them are left out, and the report says so. The data is only looked
at, and no model is asked. faces_*.png and filters.png show pictures of the data set, which may not
be passed on: they are for your own eyes, and OUTDIR does not belong into a repository. About a
quarter of a minute for FER2013, most of it for reading a CSV.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import BY_NAME, FER2013_LABELS, FERPLUS_LABELS
from fer_core.filters import FILTERS
from fer_core.preprocessing import UInt8Array
from train.arguments import add_data_argument, data_dir, need
from train.clean import DOUBTFUL, Faults, load_faults
from train.dataset import SPLITS, DataError, Dataset, load_splits
from train.duplicates import connected_groups, copies_between, equal_groups, pairs_between

if TYPE_CHECKING:  # matplotlib takes a second, which `--help` should not
    from matplotlib.figure import Figure

NONE = "none"  # the key of pictures whose annotators have no majority
SAMPLES = 10  # faces of a class in a figure
BINS = 32  # of a histogram
NO_VOTES = "There are no FER+ votes beside these pictures, so nothing is said about them here."
OWN_EYES = "Pictures of the data set: they may not be passed on."
NOT_LOOKED_FOR = (
    "Not looked for: only copies with equal pixels were counted. `python -m train.clean` finds "
    "those that are cut, mirrored, lit or packed anew; name its folder with --faults."
)
COPIES_EXPLAINED = (
    "Pictures of the row's split of which the column's split has a copy (their own: another copy)."
)
VOTE_KINDS = {
    "judged": "judged by annotators",
    "majority": "with a majority for one emotion",
    "not_a_face": "not a face: no emotion has as many votes",
    "unknown": "hidden or unreadable: no emotion has as many votes as unknown",
    "doubtful": "half or more of the votes for unknown or not-a-face",
    "some_not_a_face": "with some vote for not-a-face",
    "some_unknown": "with some vote for unknown",
}

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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


def explore(splits: Mapping[str, Dataset], faults: Faults | None = None) -> dict[str, Any]:
    """All numbers, as explore.json has them.

    Args:
        splits: from `load_splits`; nothing in it is changed.
        faults: of the same data, for copies of the same photograph; without it None stands there.

    Returns:
        By name; `votes`, `agreement` and the FER+ classes are None where no split has votes.
    """
    voted = any(dataset.has_votes for dataset in splits.values())
    return {
        "classes": {
            "fer2013": {s: _class_counts(splits[s].labels, FER2013_LABELS) for s in SPLITS},
            "ferplus": {s: _majority_counts(splits[s]) for s in SPLITS} if voted else None,
        },
        "grey_levels": {split: _grey_levels(splits[split]) for split in SPLITS},
        "copies": _copies(splits, faults),
        "votes": {split: _votes(splits[split]) for split in SPLITS} if voted else None,
        "agreement": _agreement(splits) if voted else None,
    }


def brightness_and_contrast(faces: UInt8Array) -> tuple[FloatArray, FloatArray]:
    """(N,) mean and (N,) standard deviation of the grey levels of each of (N, h, w) pictures."""
    levels = [(face.mean(), face.std()) for face in faces]  # at once they would take gigabytes
    brightness, contrast = np.array(levels, np.float64).reshape(-1, 2).T
    return brightness, contrast


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


def write_report(
    splits: Mapping[str, Dataset], numbers: Mapping[str, Any], out: Path, seed: int = 0
) -> list[Path]:
    """Write everything into a folder, made when missing; the files, report.md first.

    Args:
        splits: from `load_splits`.
        numbers: from `explore` of the same.
        out: where to.
        seed: decides which faces are shown.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "explore.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    drawings = draw_figures(splits, numbers, out, seed)
    (out / "report.md").write_text(markdown(numbers, drawings), "utf-8")
    return [out / "report.md", out / "explore.json", *(drawing.path for drawing in drawings)]


def markdown(numbers: Mapping[str, Any], drawings: Iterable[Drawing]) -> str:
    """The text of report.md; the figures lie beside it."""
    by_file = {drawing.path.name: drawing for drawing in drawings}
    samples = [drawing for name, drawing in by_file.items() if name.startswith("faces_")]
    sections = [
        "# FER2013 before training",
        "## Classes",
        *_class_words(numbers["classes"]),
        _embedded(by_file["classes.png"]),
        "## Faces of each class",
        *(_embedded(drawing) for drawing in samples),
        "## Brightness and contrast",
        *_grey_level_words(numbers["grey_levels"]),
        _embedded(by_file["grey_levels.png"]),
        "## Copies",
        *_copy_words(numbers["copies"]),
        "## Hidden faces, and pictures of none",
        *(_vote_words(numbers["votes"]) if numbers["votes"] else [NO_VOTES]),
        "## FER2013's label and the FER+ majority",
        *(_agreement_words(numbers["agreement"]) if numbers["agreement"] else [NO_VOTES]),
        *([_embedded(by_file["agreement.png"])] if numbers["agreement"] else []),
        "## Filters",
        _embedded(by_file["filters.png"]),
    ]
    return "\n\n".join(sections) + "\n"


# Numbers.


def _class_counts(labels: IntArray, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    counts = np.bincount(labels, minlength=len(classes))
    return {
        name: {"pictures": count, "share": round(count / len(labels), 4)}
        for name, count in zip(classes, counts.tolist(), strict=True)
    }


def _majority_counts(dataset: Dataset) -> dict[str, dict[str, Any]]:
    majority = dataset.majority
    labels = np.where(majority < 0, len(FERPLUS_LABELS), majority)
    return _class_counts(labels, (*FERPLUS_LABELS, NONE))


def _grey_levels(dataset: Dataset) -> dict[str, Any]:
    """Statistics of all pictures and of each class that occurs, None for one that does not."""
    brightness, contrast = brightness_and_contrast(dataset.faces)
    chosen = {"all": np.ones(len(dataset), bool)}
    chosen |= {name: dataset.labels == label for label, name in enumerate(FER2013_LABELS)}
    by_class = {
        name: _grey_statistics(brightness[rows], contrast[rows]) if rows.any() else None
        for name, rows in chosen.items()
    }
    return {"classes": by_class, "single_level": int((contrast == 0).sum())}


def _grey_statistics(brightness: FloatArray, contrast: FloatArray) -> dict[str, float]:
    """Of pictures of one size, so that the variance of all their pixels follows from theirs."""
    values = {
        "mean": brightness.mean(),
        "deviation": np.sqrt((contrast**2).mean() + brightness.var()),
        "brightness_deviation": brightness.std(),
        "contrast": contrast.mean(),
        "contrast_deviation": contrast.std(),
    }
    return {name: round(float(value), 2) for name, value in values.items()}


def _copies(splits: Mapping[str, Dataset], faults: Faults | None) -> dict[str, Any]:
    everything = [splits[split] for split in SPLITS]
    labels = np.concatenate([dataset.labels for dataset in everything])
    split = np.repeat(np.arange(len(SPLITS)), [len(dataset) for dataset in everything])
    equal = equal_groups([mark for dataset in everything for mark in dataset.fingerprints()])
    same = None
    if faults is not None:
        near = zip(faults.near.first.tolist(), faults.near.second.tolist(), strict=True)
        same = connected_groups(len(equal), [*enumerate(equal.tolist()), *near])
    return {
        "equal": _copy_counts(equal, split, labels),
        "same_photograph": None if same is None else _copy_counts(same, split, labels),
    }


def _copy_counts(groups: IntArray, split: IntArray, labels: IntArray) -> dict[str, Any]:
    _, compact = np.unique(groups, return_inverse=True)
    has = np.zeros((int(compact.max()) + 1, len(FER2013_LABELS)), bool)
    has[compact, labels] = True
    return {
        "pictures": len(groups),
        "distinct": len(has),
        "repeated": {
            name: int((split == index).sum()) - len(np.unique(groups[split == index]))
            for index, name in enumerate(SPLITS)
        },
        "largest_group": int(np.bincount(compact).max()),
        "conflicting": int((has.sum(axis=1) > 1).sum()),
        "pictures_with_copy": _by_split(copies_between(groups, split, len(SPLITS))),
        "pairs": _by_split(pairs_between(groups, split, len(SPLITS))),
    }


def _by_split(table: IntArray) -> dict[str, dict[str, int]]:
    return {
        one: dict(zip(SPLITS, row, strict=True))
        for one, row in zip(SPLITS, table.tolist(), strict=True)
    }


def _votes(dataset: Dataset) -> dict[str, int]:
    most = dataset.votes.max(axis=1)
    unknown, not_a_face = dataset.rejections.T
    rejected = dataset.rejections.sum(axis=1)
    total = rejected + dataset.votes.sum(axis=1)
    kinds: dict[str, BoolArray] = {
        "judged": total > 0,
        "majority": dataset.majority >= 0,
        "not_a_face": ~dataset.is_face,
        "unknown": dataset.is_face & (unknown > most),
        "doubtful": (total > 0) & (rejected >= DOUBTFUL * total),
        "some_not_a_face": not_a_face > 0,
        "some_unknown": unknown > 0,
    }
    return {"pictures": len(dataset), **{name: int(kinds[name].sum()) for name in VOTE_KINDS}}


def _agreement(splits: Mapping[str, Dataset]) -> dict[str, Any]:
    """Over pictures with a majority; counts by FER2013's label, then by the majority."""
    counts = {split: _confusion(splits[split]) for split in SPLITS}
    together = np.sum(list(counts.values()), axis=0)
    return {
        "splits": {name: _agreed(table) for name, table in {**counts, "all": together}.items()},
        "counts": {
            label: dict(zip(FERPLUS_LABELS, row, strict=True))
            for label, row in zip(FER2013_LABELS, together.tolist(), strict=True)
        },
    }


def _confusion(dataset: Dataset) -> IntArray:
    counts = np.zeros((len(FER2013_LABELS), len(FERPLUS_LABELS)), np.int64)
    judged = dataset.majority >= 0
    np.add.at(counts, (dataset.labels[judged], dataset.majority[judged]), 1)
    return counts


def _agreed(counts: IntArray) -> dict[str, Any]:
    agreeing, judged = int(np.trace(counts)), int(counts.sum())
    share = round(agreeing / judged, 4) if judged else None
    return {"judged": judged, "agreeing": agreeing, "share": share}


# Words.


def _class_words(classes: Mapping[str, Any]) -> list[str]:
    training = {name: row["pictures"] for name, row in classes["fer2013"]["Training"].items()}
    ranked = sorted(filter(training.get, training), key=training.__getitem__)
    rarest, commonest = ranked[0], ranked[-1]
    balance = (
        f"By FER2013's label {commonest} is {training[commonest] / training[rarest]:.1f} times as "
        f"frequent in the training split as {rarest}."
    )
    words = [balance, "By FER2013's label:", _class_table(classes["fer2013"])]
    if classes["ferplus"] is None:
        return [*words, NO_VOTES]
    return [*words, "By the FER+ majority:", _class_table(classes["ferplus"])]


def _class_table(counts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        [_title(name), *(_counted(counts[split][name]) for split in SPLITS)]
        for name in counts[SPLITS[0]]
    ]
    totals = [sum(row["pictures"] for row in counts[split].values()) for split in SPLITS]
    return _table(["", *SPLITS], [*rows, ["all", *(f"{total:,}" for total in totals)]])


def _counted(row: Mapping[str, Any]) -> str:
    return f"{row['pictures']:,} ({row['share']:.1%})"


def _grey_level_words(levels: Mapping[str, Any]) -> list[str]:
    def rows(mean: str, deviation: str) -> list[list[str]]:
        return [
            [
                _title(name),
                *(_plus_minus(levels[s]["classes"][name], mean, deviation) for s in SPLITS),
            ]
            for name in ("all", *FER2013_LABELS)
        ]

    flat = ", ".join(f"{split} {levels[split]['single_level']:,}" for split in SPLITS)
    return [
        "Grey levels 0..255: mean and standard deviation of all pixels.",
        _table(["", *SPLITS], rows("mean", "deviation")),
        "Contrast is the standard deviation within a picture; its mean and spread over pictures:",
        _table(["", *SPLITS], rows("contrast", "contrast_deviation")),
        f"Pictures of a single grey level: {flat}.",
    ]


def _plus_minus(values: Mapping[str, float] | None, mean: str, deviation: str) -> str:
    return "-" if values is None else f"{values[mean]:.1f} ± {values[deviation]:.1f}"


def _copy_words(copies: Mapping[str, Any]) -> list[str]:
    words = ["### Equal pixels", *_copies_of_a_kind(copies["equal"]), "### The same photograph"]
    if copies["same_photograph"] is None:
        return [
            *words,
            NOT_LOOKED_FOR,
        ]
    return [
        *words,
        "Equal, or cut, mirrored, lit or packed anew, as `python -m train.clean` found them:",
        *_copies_of_a_kind(copies["same_photograph"]),
    ]


def _copies_of_a_kind(kind: Mapping[str, Any]) -> list[str]:
    repeated = ", ".join(f"{split} {kind['repeated'][split]:,}" for split in SPLITS)
    counted = (
        f"{kind['distinct']:,} of {kind['pictures']:,} pictures are different ones; the most "
        f"frequent occurs {kind['largest_group']} times. Repeated within their split: {repeated}. "
        f"{kind['conflicting']:,} occur with more than one FER2013 label."
    )
    return [
        counted,
        COPIES_EXPLAINED,
        _split_table(kind["pictures_with_copy"]),
        "Pairs, each once:",
        _split_table(kind["pairs"]),
    ]


def _split_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    rows = [[one, *(f"{counts[one][other]:,}" for other in SPLITS)] for one in SPLITS]
    return _table(["", *SPLITS], rows)


def _vote_words(votes: Mapping[str, Mapping[str, int]]) -> list[str]:
    rows = [
        [words, *(_of(votes[split][kind], votes[split]["pictures"]) for split in SPLITS)]
        for kind, words in VOTE_KINDS.items()
    ]
    return [_table(["pictures", *SPLITS], rows)]


def _of(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.1%})"


def _agreement_words(agreement: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            split,
            f"{values['judged']:,}",
            f"{values['agreeing']:,}",
            "-" if values["share"] is None else f"{values['share']:.1%}",
        ]
        for split, values in agreement["splits"].items()
    ]
    return [
        "Over the pictures with a majority. FER2013 has no contempt, so that it never agrees.",
        _table(["", "pictures", "agreeing", "share"], rows),
    ]


def _embedded(drawing: Drawing) -> str:
    return f"{drawing.text}\n\n![{drawing.title}]({drawing.path.name})"


def _title(name: str) -> str:
    """The name of a class as a person reads it."""
    if name == NONE:
        return "No majority"
    return BY_NAME[name].title if name in BY_NAME else name.capitalize()


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: names to the left, numbers to the right."""
    rules = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rules, *rows))


# Figures.


def _draw_classes(classes: Mapping[str, Any], path: Path) -> Drawing:
    """Bars of the shares, a panel for each kind of label, with the counts beside them."""
    from matplotlib.ticker import PercentFormatter

    from train.plots import BLUE, GREEN, ORANGE

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
        axes.set_yticks(places, [_title(name) for name in names])
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
        votes = (f"\n{_title(FERPLUS_LABELS[m] if m >= 0 else NONE)}" for m in majority[rows])
        captions = [f"{row}{vote if voted else ''}" for row, vote in zip(rows, votes, strict=True)]
        grid.append(Row(f"{_title(name)}\n{len(there):,}", dataset.faces[rows], captions))
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
    grid = [Row("original", faces, [_title(name) for name in names])]
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

    from train.plots import BLUE

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
                words = f"{_title(emotion)}\nmean {chosen.mean():.0f}"
            else:
                words = f"{_title(emotion)}\nno picture"
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
    title = f"FER2013 and FER+ agree on {_of(overall['agreeing'], max(overall['judged'], 1))}"
    figure = _figure(9, 6.2, title, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(FERPLUS_LABELS)), [_title(name) for name in FERPLUS_LABELS])
    names = zip(FER2013_LABELS, totals[:, 0], strict=True)
    axes.set_yticks(
        range(len(FER2013_LABELS)), [f"{_title(name)} ({total:,})" for name, total in names]
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
    from train.plots import DPI

    figure.savefig(path, dpi=DPI)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options, data = _parse(arguments)
    need("exploring", "matplotlib")
    try:
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        faults = load_faults(options.faults, splits) if options.faults else None
        options.out.mkdir(parents=True, exist_ok=True)
        print(f"counting {sum(map(len, splits.values())):,} pictures and their copies", flush=True)
        numbers = explore(splits, faults)
        print("drawing", flush=True)
        for path in write_report(splits, numbers, options.out, options.seed):
            print(f"wrote {path}")
    except DataError as error:
        raise SystemExit(f"error: {error}") from error
    except OSError as error:
        raise SystemExit(f"error: {options.out} cannot be written to ({error}).") from error
    print(_in_short(numbers))


def _in_short(numbers: Mapping[str, Any]) -> str:
    """What one wants to know first, for the terminal."""
    equal, agreement = numbers["copies"]["equal"], numbers["agreement"]
    copies = f"{equal['pictures'] - equal['distinct']:,} pictures repeat an earlier one."
    if agreement is None:
        return f"{copies} {NO_VOTES}"
    share = agreement["splits"]["all"]["share"]
    if share is None:
        return f"{copies} No picture has a FER+ majority."
    return f"{copies} FER2013 and FER+ agree on {share:.1%} of those with a FER+ majority."


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = argparse.ArgumentParser(
        prog="python -m train.explore",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUTDIR", help="for the report")
    parser.add_argument("--faults", type=Path, metavar="DIR", help="what train.clean wrote")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="which faces are shown (default: 0)"
    )
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must be 0 or more")
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()
