"""Writes report.md and the contact sheet of `train.ingest`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_core.emotions import FER2013_LABELS
from train.ingestion.faces import BLURRED, NO_FACE, SMALL, UNREADABLE, Face, LeftOut
from train.ingestion.splits import CONFLICT, EQUAL, NEAR
from train.reporting.contact_sheet import Tile, draw_contact_sheet
from train.reporting.markdown import table

REPORT, NUMBERS, SHEET = "report.md", "report.json", "sheet.png"
REASONS = (UNREADABLE, NO_FACE, SMALL, BLURRED, EQUAL, NEAR, CONFLICT)
LISTED = 50  # most files of a reason that report.md lists
TILES = 27  # most tiles of a section of the sheet


def draw_sheet(kept: Sequence[tuple[Face, str]], left_out: Sequence[LeftOut], path: Path) -> None:
    """Draw a sample of the faces kept, with the folder of their split, and of what is left out."""
    sections: dict[str, list[Tile]] = {f"Kept: {emotion}": [] for emotion in FER2013_LABELS}
    sections |= {f"Left out: {reason}": [] for reason in REASONS}
    for face, folder in kept:
        tile = Tile(face.crop, f"{_shortened(face.title)}\n{_shortened(folder)}")
        sections[f"Kept: {FER2013_LABELS[face.source.label]}"].append(tile)
    for item in left_out:
        tile = Tile(item.thumbnail, f"{_shortened(item.title)}\n{_shortened(item.detail)}")
        sections[f"Left out: {item.reason}"].append(tile)
    draw_contact_sheet(sections, path, most=TILES)


def _shortened(text: str, length: int = 20) -> str:
    """Keep the end of a text, where names differ."""
    return text if len(text) <= length else f"..{text[2 - length :]}"


def markdown(numbers: Mapping[str, Any]) -> str:
    """Format report.md from the content of report.json."""
    looked, kept, left_out = numbers["looked_at"], numbers["kept"], numbers["left_out"]
    by_class = [
        [emotion, *(f"{kept[folder][emotion]:,}" for folder in kept)] for emotion in FER2013_LABELS
    ]
    by_class.append(["all", *(f"{sum(counts.values()):,}" for counts in kept.values())])
    parts = [
        "# Faces of photographs and videos",
        f"```\n{numbers['command']}\n```",
        *(f"> **Warning.** {sentence}" for sentence in numbers["warnings"]),
        (
            f"{looked['faces_found']:,} faces were found in {looked['pictures']:,} images and in "
            f"{looked['frames']:,} frames of {looked['videos']:,} videos; "
            f"{looked['faces_not_asked_for']:,} of them are not the largest of their image and "
            f"were not requested. {len(numbers['passed_over']):,} other files were ignored."
        ),
        "## Kept",
        table(["", *kept], by_class),
        "## Left out",
        table(["reason", "count"], [[reason, f"{len(left_out[reason]):,}"] for reason in REASONS]),
        *(_listed(reason, items) for reason, items in left_out.items() if items),
        "## Contact sheet",
        f"![Kept and left out]({SHEET})",
    ]
    return "\n\n".join(parts) + "\n"


def _listed(reason: str, items: Sequence[Mapping[str, str]]) -> str:
    lines = [
        f"- `{item['source']}`" + (f" ({item['detail']})" if item["detail"] else "")
        for item in items[:LISTED]
    ]
    if len(items) > LISTED:
        lines.append(f"- and {len(items) - LISTED:,} more, in {NUMBERS}")
    return "\n".join([f"{reason}:\n", *lines])
