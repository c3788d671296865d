import csv
import io
import shutil
from pathlib import Path

import gradio as gr
import pytest

from fer_core import EmotionRecognizer
from fer_core.emotions import FER2013_LABELS
from page.endpoints import MAX_BATCH, Endpoints, as_csv
from page.handlers import Handlers
from tests.conftest import EXAMPLES

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
    rows = list(csv.DictReader(io.StringIO(table)))
    faces = [
        (answer["picture"], number, face)
        for answer in answers
        for number, face in enumerate(answer.get("faces", ()), 1)
    ]
    assert len(faces) == 4
    for row, (picture, number, face) in zip(rows, faces, strict=True):
        assert (row["picture"], int(row["face"])) == (picture, number)
        assert int(row["x_max"]) == face["box"]["x_max"]
        assert row["label"] == face["emotion"]["label"]
        shares = {name: float(row[name]) for name in FER2013_LABELS}
        assert shares == face["emotion"]["probabilities"]


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
