"""What `train.gap` measured, as gap.md with figures; needs matplotlib (train/requirements.txt)."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from train.reporting.markdown import table
from train.reporting.plots import BLUE, DPI, GREEN, GREY, ORANGE
from train.robustness.corruptions import STRENGTHS

# name: color, line and mark, so that none hangs on color alone
STYLES: dict[str, dict[str, Any]] = {
    "whole picture": {"color": GREY, "linestyle": ":", "marker": "s"},
    "Haar crop": {"color": ORANGE, "linestyle": "--", "marker": "^"},
    "MediaPipe box": {"color": GREEN, "linestyle": "-.", "marker": "D"},
    "our faces, box only": {"color": "#cc79a7", "linestyle": (0, (1, 1)), "marker": "v"},
    "ours": {"color": BLUE, "linestyle": "-", "marker": "o"},
}


def write_report(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write gap.md and its figures.

    Args:
        result: from `train.robustness.suite.measure`; parts may be missing.
        folder: where to.

    Returns:
        What was written.
    """
    origin = result["origin"]
    lines = [
        f"# The wall, measured on {origin['model']} {origin['version']}",
        "",
        (
            f"{origin.get('date', '')}, commit `{origin.get('commit', '')}`; faces of scenes from "
            f"{result['split']}. Printed by `python -m train.gap`; every figure is in gap.json."
        ),
    ]
    written = []
    if "scenes" in result:
        written.append(_draw_wall(result, folder / "wall.png"))
        lines += ["", "![accuracy over height, roll and faults](wall.png)"]
    for part, write in SECTIONS.items():
        if part in result:
            lines += ["", *write(result[part])]
    if "corruptions" in result:
        written.append(_draw_corruptions(result["corruptions"], folder / "corruptions.png"))
        lines += ["", "![accuracy kept by fault](corruptions.png)"]
    path = folder / "gap.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [path, *written]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _points(row: dict[str, Any]) -> str:
    if row["below_ceiling"] is None:
        return "-"
    return f"{100 * row['below_ceiling']:.1f} ± {100 * row['margin']:.1f}"


def _scenes(part: dict[str, Any]) -> list[str]:
    chosen = {
        "all": f"All scenes ({part['n']}; ceiling {_percent(part['ceiling'])} %)",
        "upright_96": "Upright, 96 pixels and more "
        f"(ceiling {_percent(part['ceiling_upright_96'])} %)",
        "common": "Faces that Haar, MediaPipe's box and ours all found",
    }
    lines = ["## One face a picture", "",
             ("In per cent. Below ceiling: points that are lost to the dataset's own crops of the "
             "same faces, misses left out, with half the 95 % interval.")]  # fmt: skip
    for key, title in chosen.items():
        rows = (
            (
                name,
                str(values[key]["n"]),
                _percent(values[key]["found"]),
                "-" if values[key]["invented"] is None else str(values[key]["invented"]),
                _percent(values[key]["accuracy_misses_wrong"]),
                _percent(values[key]["accuracy"]),
                _points(values[key]),
            )
            for name, values in part["pipelines"].items()
        )
        head = ("", "faces", "found", "invented", "right, misses wrong", "right, of found",
                "below ceiling")  # fmt: skip
        lines += ["", f"### {title}", "", table(head, rows)]
    return lines


def _strengths(part: dict[str, Any]) -> list[str]:
    rows = (
        (name, *map(_percent, values)) for name, values in part["accuracy_misses_wrong"].items()
    )
    head = ("right, misses wrong", *(f"x {strength:g}" for strength in part["strengths"]))
    return [f"## Faults of the photograph, times a strength ({part['n']} scenes)", "",
            table(head, rows)]  # fmt: skip


def _several(part: dict[str, Any], title: str = "Two to five faces a picture") -> list[str]:
    rows = (
        (f"{row['from']} to {row['to']} pixels", str(row["n"]), _percent(row["found"]))
        for row in part["by_height"]
    )
    return [
        f"## {title}",
        "",
        f"{part['faces']} faces in {part['pictures']} pictures, found {_percent(part['found'])} %"
        + (f", of those from 64 pixels {_percent(part['found_from_64'])} %"
           if part["found_from_64"] is not None else "")
        + f"; {part['invented_or_twice']} invented or found twice.",
        "",
        table(("face's height", "faces", "found, %"), rows),
    ]  # fmt: skip


def _small(part: dict[str, Any]) -> list[str]:
    return _several(part, "Small faces in pictures 1280 wide")


def _empty(part: dict[str, Any]) -> list[str]:
    rows = ((name, str(number)) for name, number in part["with_a_face"].items())
    return [f"## {part['pictures']} generated pictures without a face", "",
            table(("", "pictures in which one was found"), rows)]  # fmt: skip


def _photographs(part: dict[str, Any]) -> list[str]:
    names = list(next(iter(part["pipelines"].values()))["recall"])
    rows = (
        (
            name,
            _percent(values["found"]),
            _percent(values["mean_recall"]),
            *(_percent(values["recall"][label]) for label in names),
        )
        for name, values in part["pipelines"].items()
    )
    return [f"## Real photographs ({part['n']})", "",
            "Largest face of each; a miss is wrong. In per cent.", "",
            table(("", "found", "mean recall", *names), rows)]  # fmt: skip


def _rolls(part: dict[str, Any]) -> list[str]:
    rows = (
        (f"{angle}°", _percent(part["changed"][angle]), _percent(part["missed"][angle]))
        for angle in part["changed"]
    )
    return [
        "## Photographs rolled",
        "",
        (
            f"Of {part['right_upright']} that were right upright, rolling by up to 45° changes the "
            f"answer of {_percent(part['changed_up_to_45'])} %, misses included."
        ),
        "",
        table(("clockwise", "changed, %", "not found, %"), rows),
    ]


def _settings(part: dict[str, Any]) -> list[str]:
    rows = [("as they are", "-", _percent(part["alone"]["mean_recall"]), "-", "-")]
    for name in ("set in", "set in, bad photograph"):
        values = part[name]
        rows.append(
            (
                name,
                _percent(values["found"]),
                _percent(values["mean_recall"]),
                _percent(values["without_misses"]["alone"]),
                _percent(values["without_misses"]["in_scene"]),
            )
        )
    head = ("", "found", "mean recall, misses wrong", "of found: as they are", "of found: in scene")
    return [f"## The photographs set into larger pictures ({part['n']})", "", table(head, rows)]


def _corruptions(part: dict[str, Any]) -> list[str]:
    rows = ((name, *map(_percent, values)) for name, values in part["kept"].items())
    return [
        (
            f"## Accuracy kept on corrupted dataset faces ({part['n']}; "
            f"{_percent(part['clean'])} % when clean)"
        ),
        "",
        table(("kept, %", *map(str, STRENGTHS)), rows),
    ]


def _portraits(part: dict[str, Any]) -> list[str]:
    changed = ((name, _percent(value)) for name, value in part["accuracy"].items())
    expression = (
        (
            name,
            _percent(value),
            f"{part['spread'][name]['largest']:.2f}",
            f"{part['spread'][name]['deviation']:.2f}",
        )
        for name, value in part["by_expression"].items()
    )
    person = (
        (name, str(row["n"]), _percent(row["accuracy"]), f"{row['probability']:.2f}")
        for name, row in part["by_person"].items()
    )
    neutral = part["neutral"]
    pulls = [
        f"{name} {neutral[name]['answers']} (mean probability {neutral[name]['probability']:.2f})"
        for name in ("angry", "sad")
        if name in neutral
    ]
    return [
        f"## Rendered portraits ({part['n']})",
        "",
        table(("", "right, %"), changed),
        "",
        "Spread: of the probability of the right answer, over persons.",
        "",
        table(("", "right, %", "largest difference", "standard deviation"), expression),
        "",
        table(("person", "pictures", "right, %", "probability of the right answer"), person),
        "",
        f"Of {neutral['n']} neutral faces, answered as: {', '.join(pulls)}.",
    ]


SECTIONS = {
    "scenes": _scenes,
    "strengths": _strengths,
    "several": _several,
    "small": _small,
    "empty": _empty,
    "photographs": _photographs,
    "rolls": _rolls,
    "settings": _settings,
    "portraits": _portraits,
    "corruptions": _corruptions,
}


def _draw_wall(result: dict[str, Any], path: Path) -> Path:
    """Accuracy, misses counted as wrong, over height, roll and strength, a line a pipeline."""
    scenes = result["scenes"]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    height, roll, strength = figure.subplots(1, 3, sharey=True)
    _draw_bands(height, scenes, "by_height", "Height of the face (pixels)")
    _draw_bands(roll, scenes, "by_roll", "Roll of the face (degrees)")
    if "strengths" in result:
        part = result["strengths"]
        for name, values in part["accuracy_misses_wrong"].items():
            strength.plot(part["strengths"], values, label=name, **STYLES[name])
    strength.set_xlabel("Strength of the photograph's faults")
    for axes in (height, roll, strength):
        axes.axhline(scenes["ceiling"], color="black", linewidth=1, linestyle=(0, (6, 3)))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    height.annotate(
        "the dataset's own crops", (0.02, scenes["ceiling"]), xycoords=("axes fraction", "data"),
        xytext=(0, 4), textcoords="offset points", fontsize=9,
    )  # fmt: skip
    height.set_ylabel("Right, misses counted as wrong")
    height.set_ylim(0, 1)
    height.yaxis.set_major_formatter(PercentFormatter(1.0))
    handles, labels = height.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=DPI)
    return path


def _draw_bands(axes: Axes, scenes: dict[str, Any], key: str, title: str) -> None:
    for name, values in scenes["pipelines"].items():
        rows = [row for row in values[key] if row["n"]]
        places = range(len(rows))
        right = [row["accuracy_misses_wrong"] for row in rows]
        axes.plot(places, right, label=name, **STYLES[name])
        axes.set_xticks(places, [f"{row['from']} to {row['to']}" for row in rows], fontsize=8)
    axes.set_xlabel(title)


def _draw_corruptions(part: dict[str, Any], path: Path) -> Path:
    table = np.array(list(part["kept"].values()), dtype=np.float64)
    figure = Figure(figsize=(6, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_yticks(range(len(table)), list(part["kept"]))
    axes.set_xticks(range(len(STRENGTHS)), list(map(str, STRENGTHS)))
    axes.set_xlabel("Strength")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(table.shape):
        value = table[row, column]
        if np.isfinite(value):
            color = "white" if value > 0.6 else "black"
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=color)
    axes.set_title("Accuracy kept, in % of that on clean faces", fontsize=11)
    figure.savefig(path, dpi=DPI)
    return path
