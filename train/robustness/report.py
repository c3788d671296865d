"""Writes the report of `train.gap`; needs matplotlib (train/requirements.txt)."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from train.reporting.markdown import table
from train.reporting.plots import BLUE, GREEN, GREY, ORANGE, save, style_axes
from train.robustness.corruptions import STRENGTHS

# By pipeline; line and marker differ, too, for readers who do not tell the colors apart.
STYLES: dict[str, dict[str, Any]] = {
    "whole picture": {"color": GREY, "linestyle": ":", "marker": "s"},
    "Haar crop": {"color": ORANGE, "linestyle": "--", "marker": "^"},
    "MediaPipe box": {"color": GREEN, "linestyle": "-.", "marker": "D"},
    "our faces, box only": {"color": "#cc79a7", "linestyle": (0, (1, 1)), "marker": "v"},
    "ours": {"color": BLUE, "linestyle": "-", "marker": "o"},
}


def write_report(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write gap.md and its figure.

    Args:
        result: from `train.robustness.suite.measure`; parts may be missing.
        folder: existing folder for the report.

    Returns:
        The files, gap.md first.
    """
    origin = result["origin"]
    lines = [
        f"# Robustness of {origin['model']} {origin['version']}",
        "",
        (
            f"{origin.get('date', '')}, commit `{origin.get('commit', '')}`; faces of scenes from "
            f"{result['split']}. Printed by `python -m train.gap`; gap.json has all numbers."
        ),
    ]
    written = []
    if "scenes" in result:
        written.append(_draw_accuracy(result, folder / "accuracy.png"))
        lines += ["", "![Accuracy over face height, roll and image faults](accuracy.png)"]
    for part, write in SECTIONS.items():
        if part in result:
            lines += ["", *write(result[part])]
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
        "all": f"All scenes ({part['n']}; dataset crops {_percent(part['ceiling'])} %)",
        "upright_96": "Upright, 96 pixels and more "
        f"(dataset crops {_percent(part['ceiling_upright_96'])} %)",
        "common": "Faces that Haar, MediaPipe's box and ours all found",
    }
    lines = ["## One face in each image", "",
             ("In per cent. Last column: percentage points below the dataset's crops of the faces "
             "found, ± half the 95 % interval.")]  # fmt: skip
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
        head = ("pipeline", "faces", "found", "false detections", "accuracy, misses wrong",
                "accuracy of found", "points below dataset crops")  # fmt: skip
        lines += ["", f"### {title}", "", table(head, rows)]
    return lines


def _strengths(part: dict[str, Any]) -> list[str]:
    rows = (
        (name, *map(_percent, values)) for name, values in part["accuracy_misses_wrong"].items()
    )
    head = ("accuracy, misses wrong", *(f"x {strength:g}" for strength in part["strengths"]))
    return [f"## Image faults of increasing strength ({part['n']} scenes)", "",
            table(head, rows)]  # fmt: skip


def _several(part: dict[str, Any], title: str = "Two to five faces in each image") -> list[str]:
    rows = (
        (f"{row['from']} to {row['to']} pixels", str(row["n"]), _percent(row["found"]))
        for row in part["by_height"]
    )
    return [
        f"## {title}",
        "",
        f"{part['faces']} faces in {part['pictures']} images, found {_percent(part['found'])} %"
        + (f", of those from 64 pixels {_percent(part['found_from_64'])} %"
           if part["found_from_64"] is not None else "")
        + f"; {part['invented_or_twice']} false or duplicate detections.",
        "",
        table(("face height", "faces", "found, %"), rows),
    ]  # fmt: skip


def _small(part: dict[str, Any]) -> list[str]:
    return _several(part, "Small faces in images 1280 pixels wide")


def _empty(part: dict[str, Any]) -> list[str]:
    rows = ((name, str(number)) for name, number in part["with_a_face"].items())
    return [f"## {part['pictures']} generated images without a face", "",
            table(("pipeline", "images with a false detection"), rows)]  # fmt: skip


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
            "Recall of the largest face in per cent; a miss is wrong.", "",
            table(("", "found", "mean recall", *names), rows)]  # fmt: skip


def _rolls(part: dict[str, Any]) -> list[str]:
    rows = (
        (f"{angle}°", _percent(part["changed"][angle]), _percent(part["missed"][angle]))
        for angle in part["changed"]
    )
    return [
        "## Rotated photographs",
        "",
        (
            f"Of {part['right_upright']} correct predictions, rotating the photograph by up to 45° "
            f"changes {_percent(part['changed_up_to_45'])} %, misses included."
        ),
        "",
        table(("clockwise", "changed, %", "not found, %"), rows),
    ]


def _settings(part: dict[str, Any]) -> list[str]:
    rows = [("original", "-", _percent(part["alone"]["mean_recall"]), "-", "-")]
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
    head = ("", "found", "mean recall, misses wrong", "of found: original", "of found: in scene")
    return [f"## Photographs pasted into larger images ({part['n']})", "", table(head, rows)]


def _corruptions(part: dict[str, Any]) -> list[str]:
    rows = ((name, *map(_percent, values)) for name, values in part["kept"].items())
    return [
        (
            f"## Accuracy on corrupted dataset faces, relative to clean ones ({part['n']}; "
            f"{_percent(part['clean'])} % when clean)"
        ),
        "",
        table(("in per cent, by strength", *map(str, STRENGTHS)), rows),
    ]


def _portraits(part: dict[str, Any]) -> list[str]:
    changed = ((name, _percent(value)) for name, value in part["accuracy"].items())
    expression = ((name, _percent(value)) for name, value in part["by_expression"].items())
    person = (
        (name, str(row["n"]), _percent(row["accuracy"]), f"{row['probability']:.2f}")
        for name, row in part["by_person"].items()
    )
    return [
        f"## Rendered portraits ({part['n']})",
        "",
        table(("change", "accuracy, %"), changed),
        "",
        table(("expression", "recall, %"), expression),
        "",
        table(("person", "images", "accuracy, %", "probability of the label"), person),
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


def _draw_accuracy(result: dict[str, Any], path: Path) -> Path:
    """Draw accuracy, misses wrong, over height, roll and strength, a curve for each pipeline."""
    scenes = result["scenes"]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    height, roll, strength = figure.subplots(1, 3, sharey=True)
    _draw_bands(height, scenes, "by_height", "Face height (pixels)")
    _draw_bands(roll, scenes, "by_roll", "Face roll (degrees)")
    if "strengths" in result:
        part = result["strengths"]
        for name, values in part["accuracy_misses_wrong"].items():
            strength.plot(part["strengths"], values, label=name, **STYLES[name])
    strength.set_xlabel("Strength of the image faults")
    for axes in (height, roll, strength):
        axes.axhline(scenes["ceiling"], color="black", linewidth=1, linestyle=(0, (6, 3)))
        style_axes(axes)
    height.annotate(
        "dataset crops", (0.02, scenes["ceiling"]), xycoords=("axes fraction", "data"),
        xytext=(0, 4), textcoords="offset points", fontsize=9,
    )  # fmt: skip
    height.set_ylabel("Accuracy, misses wrong")
    height.set_ylim(0, 1)
    height.yaxis.set_major_formatter(PercentFormatter(1.0))
    handles, labels = height.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return save(figure, path)


def _draw_bands(axes: Axes, scenes: dict[str, Any], key: str, title: str) -> None:
    for name, values in scenes["pipelines"].items():
        rows = [row for row in values[key] if row["n"]]
        places = range(len(rows))
        right = [row["accuracy_misses_wrong"] for row in rows]
        axes.plot(places, right, label=name, **STYLES[name])
        axes.set_xticks(places, [f"{row['from']} to {row['to']}" for row in rows], fontsize=8)
    axes.set_xlabel(title)
