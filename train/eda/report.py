"""What `train.explore` counted and drew, as Markdown."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fer_core.emotions import FER2013_LABELS
from train.data.dataset import SPLITS, Dataset
from train.eda.figures import Drawing, class_title, draw_figures, share_of
from train.eda.statistics import VOTE_KINDS
from train.reporting.markdown import table

NO_VOTES = "There are no FER+ votes beside these pictures, so nothing is said about them here."
NOT_LOOKED_FOR = (
    "Not looked for: only copies with equal pixels were counted. `python -m train.clean` finds "
    "those that are cut, mirrored, lit or packed anew; name its folder with --faults."
)
COPIES_EXPLAINED = (
    "Pictures of the row's split of which the column's split has a copy (their own: another copy)."
)


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
        [class_title(name), *(_counted(counts[split][name]) for split in SPLITS)]
        for name in counts[SPLITS[0]]
    ]
    totals = [sum(row["pictures"] for row in counts[split].values()) for split in SPLITS]
    return table(["", *SPLITS], [*rows, ["all", *(f"{total:,}" for total in totals)]])


def _counted(row: Mapping[str, Any]) -> str:
    return f"{row['pictures']:,} ({row['share']:.1%})"


def _grey_level_words(levels: Mapping[str, Any]) -> list[str]:
    def rows(mean: str, deviation: str) -> list[list[str]]:
        return [
            [
                class_title(name),
                *(_plus_minus(levels[s]["classes"][name], mean, deviation) for s in SPLITS),
            ]
            for name in ("all", *FER2013_LABELS)
        ]

    flat = ", ".join(f"{split} {levels[split]['single_level']:,}" for split in SPLITS)
    return [
        "Grey levels 0..255: mean and standard deviation of all pixels.",
        table(["", *SPLITS], rows("mean", "deviation")),
        "Contrast is the standard deviation within a picture; its mean and spread over pictures:",
        table(["", *SPLITS], rows("contrast", "contrast_deviation")),
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
    return table(["", *SPLITS], rows)


def _vote_words(votes: Mapping[str, Mapping[str, int]]) -> list[str]:
    rows = [
        [words, *(share_of(votes[split][kind], votes[split]["pictures"]) for split in SPLITS)]
        for kind, words in VOTE_KINDS.items()
    ]
    return [table(["pictures", *SPLITS], rows)]


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
        table(["", "pictures", "agreeing", "share"], rows),
    ]


def _embedded(drawing: Drawing) -> str:
    return f"{drawing.text}\n\n![{drawing.title}]({drawing.path.name})"


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
