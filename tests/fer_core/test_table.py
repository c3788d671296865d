import csv
import io

import pytest

from fer_core import EmotionRecognizer, RecognitionResult
from fer_core.table import FIELDS, error_row, inert, rows, write_csv
from tests.conftest import EXAMPLES


@pytest.fixture(scope="module")
def group(recognizer: EmotionRecognizer) -> RecognitionResult:
    return recognizer.recognize(EXAMPLES / "group_happy-surprise-angry_01.jpg")


def test_the_columns_are_the_promised_ones() -> None:
    assert ", ".join(FIELDS) == (
        "file, time, track, face, x_min, y_min, x_max, y_max, score, label, confidence, uncertain, "
        "angry, disgust, fear, happy, sad, surprise, neutral, contempt, reliable, error"
    )


def test_a_row_holds_what_the_answer_says(group: RecognitionResult) -> None:
    table = rows("clip.mp4", 1.23456, (4, 2, 9), group)
    assert [tuple(row) for row in table] == [FIELDS] * 3
    for number, (row, face) in enumerate(zip(table, group.to_dict()["faces"], strict=True), 1):
        assert {key: row[key] for key in face["box"]} == face["box"]
        emotion = face["emotion"]
        assert {name: row[name] for name in emotion["probabilities"]} == emotion["probabilities"]
        for key in ("label", "confidence", "uncertain", "contempt"):
            assert row[key] == emotion[key]
        assert (row["file"], row["time"], row["face"]) == ("clip.mp4", 1.235, number)
        assert (row["score"], row["error"]) == (face["score"], None)
        assert row["reliable"] in {True, False}
    assert [row["track"] for row in table] == [4, 2, 9]


def test_an_image_has_neither_time_nor_track(group: RecognitionResult) -> None:
    table = rows("group.jpg", None, None, group)
    assert [(row["time"], row["track"]) for row in table] == [(None, None)] * 3


def test_too_few_tracks_are_an_error(group: RecognitionResult) -> None:
    with pytest.raises(ValueError, match="zip"):
        rows("clip.mp4", 0.0, (1, 2), group)


def test_a_file_that_cannot_be_read_has_a_row_with_its_error_alone() -> None:
    row = error_row("letter.jpg", "This is no picture.")
    assert tuple(row) == FIELDS
    told = {key: value for key, value in row.items() if value is not None}
    assert told == {"file": "letter.jpg", "error": "This is no picture."}


def test_csv_is_read_back_with_empty_cells_for_nothing(group: RecognitionResult) -> None:
    text = io.StringIO()
    write_csv(text, rows("a, b.jpg", None, None, group))
    write_csv(text, [error_row("c.jpg", "No.")], header=False)
    read = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [row["file"] for row in read] == ["a, b.jpg"] * 3 + ["c.jpg"]
    assert {row["time"] for row in read} == {""}
    assert read[3]["label"] == ""
    assert read[3]["error"] == "No."


def test_other_columns_are_left_out() -> None:
    text = io.StringIO()
    write_csv(text, [error_row("a.jpg", "No.")], ["error", "file"])
    assert text.getvalue() == "error,file\nNo.,a.jpg\n"


@pytest.mark.parametrize("separator", ["", ",", ";", "\t", "; ", "\r", "\n", "x;"])
@pytest.mark.parametrize("sign", "=+-@＝＠")  # noqa: RUF001  full-width signs
def test_no_cell_begins_with_a_formula_whatever_the_separator(separator: str, sign: str) -> None:
    name = f"{separator}{sign}cmd|'/C calc'!A1.jpg"
    for kind in (",", ";", "\t"):
        text = io.StringIO()
        write_csv(text, [error_row(name, "No.")], header=False)
        for line in csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=kind):
            for cell in line:
                assert not cell.lstrip().startswith(sign)


def test_an_ordinary_name_stays_as_it_is() -> None:
    for name in ("IMG-2024+1 (a=b).jpg", "me@home.jpg", "Zoë, Ana; Mei.jpg"):
        assert inert(name) == name
