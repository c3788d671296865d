"""Writes the report of `train.gap`; needs matplotlib (train/requirements.txt)."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from train.reporting.markdown import table
from train.reporting.plots import BLUE, GREEN, GREY, ORANGE, save, style_axes
from train.robustness.corruptions import STRENGTHS
from train.robustness.on_photographs import SETTINGS

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
    title = f"# Robustness of {origin['model']} {origin['version']}"
    text = (
        f"{origin['date']}, commit `{origin['commit']}`; faces of scenes from {result['split']}. "
        "Printed by `python -m train.gap`; gap.json has all numbers."
    )
    parts = [title, text]
    path, figure = folder / "gap.md", folder / "accuracy.png"
    if "scenes" in result:
        draw_accuracy(result, figure)
        parts.append(f"![Accuracy over face height, roll and image faults]({figure.name})")
    parts += [write(result[part]) for part, write in SECTIONS.items() if part in result]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return [path, figure] if "scenes" in result else [path]


def _section(
    title: str, header: Sequence[str], rows: Iterable[Sequence[float | str | None]], text: str = ""
) -> str:
    """Format a title, a text and a table."""
    cells = table(header, ([_cell(value) for value in row] for row in rows))
    return "\n\n".join(part for part in (f"## {title}", text, cells) if part)


def _cell(value: float | str | None) -> str:
    """Format a share in per cent, a count or a name as it is, and None as "-"."""
    if value is None:
        return "-"
    return f"{100 * value:.1f}" if isinstance(value, float) else str(value)


def _scenes(part: dict[str, Any]) -> str:
    titles = {
        "all": f"All scenes ({part['n']}; dataset crops {_cell(part['ceiling'])} %)",
        "upright_96": "Upright, 96 pixels and more",
        "common": "Faces that Haar, MediaPipe's box and ours all found",
    }
    header = ("pipeline", "faces", "found", "accuracy, misses wrong", "accuracy of found",
              "points below dataset crops")  # fmt: skip
    keys = ("n", "found", "accuracy_misses_wrong", "accuracy")
    text = (
        "In per cent. Last column: percentage points below the dataset's crops of the faces found, "
        "± half the 95 % interval."
    )
    sections = [f"## One face in each image\n\n{text}"]
    for group, title in titles.items():
        rows = [
            (name, *(values[group][key] for key in keys), _loss(values[group]))
            for name, values in part["pipelines"].items()
        ]
        sections.append("#" + _section(title, header, rows))
    return "\n\n".join(sections)


def _loss(values: dict[str, Any]) -> str | None:
    if values["margin"] is None:
        return None
    return f"{_cell(values['below_ceiling'])} ± {_cell(values['margin'])}"


def _strengths(part: dict[str, Any]) -> str:
    return _section(
        f"Image faults of increasing strength ({part['n']} scenes)",
        ("accuracy, misses wrong", *(f"x {strength:g}" for strength in part["strengths"])),
        ((name, *values) for name, values in part["accuracy_misses_wrong"].items()),
    )


def _several(part: dict[str, Any], title: str = "Two to five faces in each image") -> str:
    return _section(
        title,
        ("face height", "faces", "found, %"),
        [
            ("all", part["faces"], part["found"]),
            ("64 pixels and more", part["faces_from_64"], part["found_from_64"]),
        ],
        f"In {part['pictures']} images; {part['invented_or_twice']} false or duplicate detections.",
    )


def _photographs(part: dict[str, Any]) -> str:
    return _section(
        f"Real photographs ({part['n']})",
        ("", "found", "mean recall"),
        (
            (name, values["found"], values["mean_recall"])
            for name, values in part["pipelines"].items()
        ),
        "Recall of the largest face in per cent; a miss is wrong.",
    )


def _rolls(part: dict[str, Any]) -> str:
    return _section(
        "Rotated photographs",
        ("clockwise", "changed, %"),
        ((f"{angle}°", value) for angle, value in part["changed"].items()),
        f"Of {part['right_upright']} correct predictions, rotating the photograph by up to 45° "
        f"changes {_cell(part['changed_up_to_45'])} %, misses included.",
    )


def _settings(part: dict[str, Any]) -> str:
    header = ("", "found", "mean recall, misses wrong", "of found: original", "of found: in scene")
    rows = [("original", None, part["alone"]["mean_recall"], None, None)]
    for name in SETTINGS:
        values, found = part[name], part[name]["without_misses"]
        recalls = (values["mean_recall"], found["alone"], found["in_scene"])
        rows.append((name, values["found"], *recalls))
    return _section(f"Photographs pasted into larger images ({part['n']})", header, rows)


def _corruptions(part: dict[str, Any]) -> str:
    return _section(
        f"Accuracy on corrupted dataset faces, relative to clean ones ({part['n']}; "
        f"{_cell(part['clean'])} % when clean)",
        ("in per cent, by strength", *map(str, STRENGTHS)),
        ((name, *values) for name, values in part["kept"].items()),
    )


SECTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "scenes": _scenes,
    "strengths": _strengths,
    "several": _several,
    "small": lambda part: _several(part, "Small faces in images 1280 pixels wide"),
    "empty": lambda part: _section(
        f"{part['pictures']} generated images without a face",
        ("pipeline", "images with a false detection"),
        part["with_a_face"].items(),
    ),
    "photographs": _photographs,
    "rolls": _rolls,
    "settings": _settings,
    "portraits": lambda part: _section(
        f"Rendered portraits ({part['n']})", ("change", "accuracy, %"), part["accuracy"].items()
    ),
    "corruptions": _corruptions,
}


def draw_accuracy(result: dict[str, Any], path: Path) -> None:
    """Draw accuracy, misses wrong, over height, roll and strength, a curve for each pipeline."""
    scenes = result["scenes"]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    height, roll, strength = figure.subplots(1, 3, sharey=True)
    for axes, key in ((height, "by_height"), (roll, "by_roll")):
        for name, values in scenes["pipelines"].items():
            rows = [row for row in values[key] if row["n"]]
            right = [row["accuracy_misses_wrong"] for row in rows]
            axes.plot(range(len(rows)), right, label=name, **STYLES[name])
            ranges = [f"{row['from']} to {row['to']}" for row in rows]
            axes.set_xticks(range(len(rows)), ranges, fontsize=8)
    if "strengths" in result:
        part = result["strengths"]
        for name, values in part["accuracy_misses_wrong"].items():
            strength.plot(part["strengths"], values, label=name, **STYLES[name])
    height.set_xlabel("Face height (pixels)")
    roll.set_xlabel("Face roll (degrees)")
    strength.set_xlabel("Strength of the image faults")
    for axes in (height, roll, strength):
        axes.axhline(
            scenes["ceiling"], color="black", linewidth=1, linestyle=(0, (6, 3)),
            label="dataset crops",
        )  # fmt: skip
        style_axes(axes)
    height.set_ylabel("Accuracy, misses wrong")
    height.set_ylim(0, 1)
    height.yaxis.set_major_formatter(PercentFormatter(1.0))
    handles, labels = height.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save(figure, path)
