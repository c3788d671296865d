"""Converts results to rows of a table, one for each face, and writes CSV."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from fer_core.emotions import FER2013_LABELS
from fer_core.results import RecognitionResult

FIELDS = (
    "file", "time", "track", "face", "x_min", "y_min", "x_max", "y_max", "score", "label",
    "confidence", "uncertain", *FER2013_LABELS, "contempt", "reliable", "error",
)  # fmt: skip
"""Columns in order; a value that does not apply to a row is None, in CSV an empty cell."""
TIME_DECIMALS = 3
QUOTED = re.compile(r'[",\r\n]')  # cells that are quoted
# Where a spreadsheet may begin a cell: at the start, or after what it takes for a separator.
FORMULA = re.compile(r"(^|[,;\t\r\n])(?=\s*[=+\-@＝＋－＠])")  # noqa: RUF001  full-width signs, too

Row = dict[str, Any]


def rows(
    file: str | None,
    time: float | None,
    tracks: Sequence[int] | None,
    result: RecognitionResult,
) -> list[Row]:
    """Convert a result to one row for each face, largest face first.

    Args:
        file: name of the image or video, as given.
        time: of the frame, in seconds; None for an image.
        tracks: track number of each face; None for an image.
        result: of the image or frame.

    Returns:
        Rows with the keys `FIELDS`; none where there is no face. `face` counts from 1 in each
        image or frame.

    Raises:
        ValueError: there are more or fewer track numbers than faces.
    """
    numbers = [None] * len(result.faces) if tracks is None else tracks
    table = []
    for index, (face, track) in enumerate(zip(result.faces, numbers, strict=True), 1):
        answer = face.to_dict()
        emotion = answer["emotion"]
        row: Row = dict.fromkeys(FIELDS)
        row |= {
            "file": file,
            "time": None if time is None else round(time, TIME_DECIMALS),
            "track": track,
            "face": index,
            **answer["box"],
            "score": answer["score"],
            **{key: emotion[key] for key in ("label", "confidence", "uncertain", "contempt")},
            **emotion["probabilities"],
            "reliable": answer["quality"]["reliable"],
        }
        table.append(row)
    return table


def empty_row(file: str | None, time: float | None) -> Row:
    """Make the row of an image, or of a frame at `time` seconds, without a face."""
    shown = None if time is None else round(time, TIME_DECIMALS)
    return {**dict.fromkeys(FIELDS), "file": file, "time": shown}


def error_row(file: str | None, error: str) -> Row:
    """Make the row of a file that cannot be read: its name and one sentence."""
    return {**dict.fromkeys(FIELDS), "file": file, "error": error}


def write_csv(
    to: TextIO,
    table: Iterable[Mapping[str, Any]],
    fields: Sequence[str] = FIELDS,
    *,
    header: bool = True,
) -> None:
    """Write rows as CSV, in which no text is a formula of a spreadsheet.

    Args:
        to: an open text file; one on disk is opened with `newline=""`.
        table: rows.
        fields: the keys that become columns, in order; others are left out.
        header: write the names of the columns first.
    """
    if header:
        to.write(",".join(fields) + "\n")
    to.writelines(",".join(_cell(row.get(name)) for name in fields) + "\n" for row in table)


def _cell(value: Any) -> str:
    """Write a value as CSV (RFC 4180); Python's writer leaves a lone carriage return unquoted."""
    if value is None:
        return ""
    text = inert(value) if isinstance(value, str) else str(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def inert(text: str) -> str:
    """Escape text that a spreadsheet, with any separator, would read as a formula.

    A `'` is put before each `=`, `+`, `-` or `@` that stands at the beginning or after a comma, a
    semicolon, a tab or a line break.
    """
    return FORMULA.sub(r"\1'", text)
