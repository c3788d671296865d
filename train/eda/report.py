"""Writes the report of `train.explore`; needs matplotlib (train/requirements.txt)."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fer_core.emotions import FER2013_LABELS
from train.data.dataset import SPLITS, Dataset
from train.eda.figures import draw_figures, share_of
from train.eda.statistics import VOTE_KINDS
from train.reporting.markdown import Plot, class_title, figure, table

NO_VOTES = "The dataset has no FER+ votes."
NOT_SEARCHED = (
    "Not searched: only copies with equal pixels were counted. `python -m train.clean` finds "
    "near duplicates; pass its folder with --faults."
)


def write_report(
    splits: Mapping[str, Dataset], numbers: Mapping[str, Any], out: Path, seed: int = 0
) -> list[Path]:
    """Write report.md with its figures, and explore.json; return them, report.md first.

    Args:
        splits: from `load_splits`.
        numbers: from `explore` of the same data.
        out: folder, made if missing.
        seed: of the choice of faces.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "explore.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    plots = draw_figures(splits, numbers, out, seed)
    (out / "report.md").write_text(markdown(numbers, plots), "utf-8")
    return [out / "report.md", out / "explore.json", *(plot.path for plot in plots)]


def markdown(numbers: Mapping[str, Any], plots: Iterable[Plot]) -> str:
    """Format report.md, which lies in the folder of the plots."""
    shown = {plot.path.name: figure(plot, plot.path.parent) for plot in plots}
    sections = [
        "# FER2013 before training",
        "## Classes",
        *_class_section(numbers["classes"]),
        shown["classes.png"],
        "## Faces of each class",
        *(text for name, text in shown.items() if name.startswith("faces_")),
        "## Brightness and contrast",
        *_grey_level_section(numbers["grey_levels"]),
        shown["grey_levels.png"],
        "## Copies",
        "### Equal pixels",
        *_copy_section(numbers["copies"]["equal"]),
        "### The same photograph",
        *_copy_section(numbers["copies"]["same_photograph"]),
        "## Votes for unknown and not-a-face",
        _vote_table(numbers["votes"]) if numbers["votes"] else NO_VOTES,
        "## FER2013 label and FER+ majority",
        *(_agreement_section(numbers["agreement"]) if numbers["agreement"] else [NO_VOTES]),
        *([shown["agreement.png"]] if numbers["agreement"] else []),
        "## Filters",
        shown["filters.png"],
    ]
    return "\n\n".join(sections) + "\n"


def _class_section(classes: Mapping[str, Any]) -> list[str]:
    training = {name: row["pictures"] for name, row in classes["fer2013"]["Training"].items()}
    ranked = sorted(filter(training.get, training), key=training.__getitem__)
    rarest, commonest = ranked[0], ranked[-1]
    balance = (
        f"By FER2013 label {commonest} is {training[commonest] / training[rarest]:.1f} times as "
        f"frequent in the training split as {rarest}."
    )
    section = [balance, "By FER2013 label:", _class_table(classes["fer2013"])]
    if classes["ferplus"] is None:
        return [*section, NO_VOTES]
    return [*section, "By FER+ majority:", _class_table(classes["ferplus"])]


def _class_table(counts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        [
            class_title(name),
            *(f"{counts[s][name]['pictures']:,} ({counts[s][name]['share']:.1%})" for s in SPLITS),
        ]
        for name in counts["Training"]
    ]
    totals = [sum(row["pictures"] for row in counts[split].values()) for split in SPLITS]
    return table(["", *SPLITS], [*rows, ["all", *(f"{total:,}" for total in totals)]])


def _grey_level_section(levels: Mapping[str, Any]) -> list[str]:
    def plus_minus(mean: str, deviation: str) -> str:
        rows = [[class_title(name)] for name in ("all", *FER2013_LABELS)]
        for split in SPLITS:
            for row, values in zip(rows, levels[split]["classes"].values(), strict=True):
                row.append(f"{values[mean]:.1f} ± {values[deviation]:.1f}" if values else "-")
        return table(["", *SPLITS], rows)

    flat = ", ".join(f"{split} {levels[split]['single_level']:,}" for split in SPLITS)
    return [
        "Grey levels 0..255: mean and standard deviation of all pixels.",
        plus_minus("mean", "deviation"),
        "Contrast (standard deviation within an image): mean and deviation over images.",
        plus_minus("contrast", "contrast_deviation"),
        f"Images of a single grey level: {flat}.",
    ]


def _copy_section(kind: Mapping[str, Any] | None) -> list[str]:
    if kind is None:
        return [NOT_SEARCHED]
    repeated = ", ".join(f"{split} {count:,}" for split, count in kind["repeated"].items())
    counted = (
        f"{kind['distinct']:,} of {kind['pictures']:,} images are distinct; the most frequent "
        f"occurs {kind['largest_group']} times. Repeated within a split: {repeated}. "
        f"{kind['conflicting']:,} occur with more than one FER2013 label."
    )
    explained = "Images of the row's split with a copy in the column's split:"
    with_copy, pairs = (
        table(
            ["", *SPLITS],
            [[split, *(f"{count:,}" for count in row.values())] for split, row in counts.items()],
        )
        for counts in (kind["pictures_with_copy"], kind["pairs"])
    )
    return [counted, explained, with_copy, "Pairs of copies:", pairs]


def _vote_table(votes: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        [words, *(share_of(counts[kind], counts["pictures"]) for counts in votes.values())]
        for kind, words in VOTE_KINDS.items()
    ]
    return table(["images", *SPLITS], rows)


def _agreement_section(agreement: Mapping[str, Any]) -> list[str]:
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
        "Of the images with a majority. FER2013 has no contempt.",
        table(["", "images", "agreeing", "share"], rows),
    ]
