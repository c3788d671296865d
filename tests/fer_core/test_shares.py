"""Shares of images and of time."""

from typing import Any

import pytest

from fer_core.shares import Shares
from fer_core.table import empty_row, error_row


def face(file: str, label: str, time: float | None = None, number: int = 1) -> dict[str, Any]:
    return {**empty_row(file, time), "label": label, "face": number}


def shares(rows: list[dict[str, Any]], every: float = 0.5) -> dict[str, list[str]]:
    """The cells of each line by its name."""
    summary = Shares(every)
    for row in rows:
        summary.add(row)
    lines = summary.text().splitlines()[1:]
    return {line[:10].strip(): line[10:].split() for line in lines}


def test_an_image_counts_by_its_largest_face() -> None:
    rows = [
        face("a", "happy"),
        face("a", "sad", number=2),
        face("b", "angry"),
        empty_row("c", None),
    ]
    found = shares([*rows, face("d", "happy")])
    assert found["happy"] == ["2", "50.0%"]
    assert found["angry"] == ["1", "25.0%"]
    assert found["sad"] == ["0", "0.0%"]
    assert found["no face"] == ["1", "25.0%"]


def test_a_frame_counts_until_the_next_and_the_last_for_the_interval() -> None:
    rows = [face("v", "happy", 0.0), face("v", "sad", 3.0), empty_row("v", 4.0)]
    found = shares([*rows, face("w", "sad", 0.0)], every=1.0)
    assert found["happy"] == ["0:00:03", "50.0%"]
    assert found["sad"] == ["0:00:02", "33.3%"]
    assert found["no face"] == ["0:00:01", "16.7%"]


def test_images_and_videos_stand_beside_each_other() -> None:
    assert shares([face("a", "sad"), face("v", "sad", 0.0)])["sad"] == [
        "1", "100.0%", "0:00:00", "100.0%",
    ]  # fmt: skip


@pytest.mark.parametrize("missing", [None, ""])
def test_rows_that_were_read_from_a_file_count_alike(missing: str | None) -> None:
    row = {"file": "a", "label": "happy", "face": "1", "time": missing, "error": missing}
    frame = {"file": "v", "label": missing, "face": missing, "time": "1.5", "error": missing}
    found = shares([row, frame])
    assert found["happy"][:2] == ["1", "100.0%"]
    assert found["no face"][2:] == ["0:00:00", "100.0%"]


def test_what_could_not_be_read_is_counted_apart() -> None:
    summary = Shares(0.2)
    for row in (face("a", "happy"), error_row("b", "No."), error_row("c", "No.")):
        summary.add(row)
    assert summary.text().endswith("2 files could not be read, or not to their end.")


def test_nothing_is_said_to_be_nothing() -> None:
    assert Shares(0.2).text() == "Nothing was read."
