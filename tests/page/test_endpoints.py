import csv
import io
import shutil
import time
from pathlib import Path

import gradio as gr
import pytest

import page.endpoints
from fer_core import EmotionRecognizer
from fer_core.emotions import FER2013_LABELS
from fer_core.images import UNREADABLE
from page.addresses import NOT_FETCHED, TOO_SLOW
from page.endpoints import MAX_BATCH, Endpoints, as_csv
from page.handlers import Handlers
from tests.conftest import EXAMPLES
from tests.web import ROOT, customize_here, web

LAKE = EXAMPLES / "lake_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
HAPPY = EXAMPLES / "happy_f_asian_01.jpg"


@pytest.fixture(scope="module")
def endpoints(recognizer: EmotionRecognizer) -> Endpoints:
    return Endpoints(Handlers(recognizer))


def letter(folder: Path) -> str:
    path = folder / "letter.jpg"
    path.write_text("Dear Sir")
    return str(path)


def test_an_unreadable_picture_is_an_error_of_one_sentence(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    with pytest.raises(gr.Error, match="not a picture"):
        endpoints.predict(letter(tmp_path))


def test_a_batch_answers_each_picture_in_order_and_tells_which_it_cannot_read(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    answers, table = endpoints.predict_batch([str(GROUP), letter(tmp_path), str(HAPPY)])
    assert [answer["picture"] for answer in answers] == [GROUP.name, "letter.jpg", HAPPY.name]
    assert answers[0] == {"picture": GROUP.name, **endpoints.predict(str(GROUP))}
    assert "not a picture" in answers[1]["error"]
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["face"]]
    faces = [
        (picture, number, answer["picture"], face)
        for picture, answer in enumerate(answers, 1)
        for number, face in enumerate(answer.get("faces", ()), 1)
    ]
    assert len(faces) == 4
    for row, (picture, number, name, face) in zip(rows, faces, strict=True):
        assert (int(row["number"]), row["picture"]) == (picture, name)
        assert int(row["face"]) == number
        assert int(row["x_max"]) == face["box"]["x_max"]
        assert row["label"] == face["emotion"]["label"]
        shares = {name: float(row[name]) for name in FER2013_LABELS}
        assert shares == face["emotion"]["probabilities"]
        assert row["error"] == ""


def test_the_table_of_a_batch_tells_pictures_of_one_name_and_those_without_faces_apart(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    copies = []
    for folder, picture in (("a", HAPPY), ("b", LAKE), ("c", HAPPY)):
        (tmp_path / folder).mkdir()
        copies.append(str(shutil.copy(picture, tmp_path / folder / "picture.jpg")))
    answers, table = endpoints.predict_batch([*copies, letter(tmp_path)])
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["number"], row["picture"], row["face"], row["label"]) for row in rows] == [
        ("1", "picture.jpg", "1", "happy"),
        ("2", "picture.jpg", "", ""),
        ("3", "picture.jpg", "1", "happy"),
        ("4", "letter.jpg", "", ""),
    ]
    assert [row["error"] for row in rows] == ["", "", "", answers[3]["error"]]
    assert answers[1]["faces"] == []


def test_pictures_come_inside_of_a_call_or_by_address(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web() as internet:
        customize_here(internet, monkeypatch)
        internet.pages |= {"/face%201.jpg": HAPPY.read_bytes(), "/page.html": b"<html>"}
        expected = endpoints.predict(str(HAPPY))
        assert endpoints.predict(HAPPY.read_bytes()) == expected
        assert endpoints.predict(f"{ROOT}/face%201.jpg") == expected
        assert endpoints.annotate(f"{ROOT}/face%201.jpg").shape == (512, 512, 3)
        given = [f"{ROOT}/face%201.jpg", f"{ROOT}/page.html", f"{ROOT}/missing.jpg"]
        answers, _ = endpoints.predict_batch(list(given))
    assert answers == [
        {"picture": "face 1.jpg", **expected},
        {"picture": "page.html", "error": UNREADABLE},
        {"picture": "missing.jpg", "error": NOT_FETCHED},
    ]


def test_a_batch_waits_no_longer_for_all_than_it_may(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.endpoints, "BATCH_SECONDS", 1)
    with web() as internet:
        customize_here(internet, monkeypatch)
        start = time.monotonic()
        answers, _ = endpoints.predict_batch([f"{ROOT}/slow", f"{ROOT}/slow", str(HAPPY)])
        assert time.monotonic() - start < 5
    assert [answer.get("error") for answer in answers] == [TOO_SLOW, TOO_SLOW, None]


def test_an_empty_or_a_too_long_batch_is_refused(endpoints: Endpoints) -> None:
    with pytest.raises(gr.Error, match="Please give a picture"):
        endpoints.predict_batch(None)
    with pytest.raises(gr.Error, match="at most 32"):
        endpoints.predict_batch([str(HAPPY)] * (MAX_BATCH + 1))


def test_a_file_name_is_no_formula_in_a_spreadsheet(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "=1+1.jpg"
    shutil.copy(HAPPY, path)
    answers, table = endpoints.predict_batch([str(path)])
    assert answers[0]["picture"] == "=1+1.jpg"
    assert next(csv.DictReader(io.StringIO(table)))["picture"] == "'=1+1.jpg"
    assert as_csv([]).count("\n") == 1
