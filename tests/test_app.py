"""The page's parts without a browser: texts, answers, uploads, limits."""

import os
import re
import time
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import ImageData
from PIL import Image

import app
from fer_core import EmotionPrediction, EmotionRecognizer
from fer_core.emotions import FER2013_LABELS
from tests.conftest import EXAMPLES


def prediction(threshold: float = 0.5, **shares: float) -> EmotionPrediction:
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return EmotionPrediction({n: shares.get(n, rest) for n in FER2013_LABELS}, 0.0, threshold)


@pytest.fixture(scope="module")
def handlers(recognizer: EmotionRecognizer) -> app.Handlers:
    return app.Handlers(recognizer)


def test_the_gallery_shows_files_that_exist() -> None:
    assert all((EXAMPLES / name).is_file() for name in app.EXAMPLES)


def test_the_answer_names_all_seven_with_their_shares() -> None:
    html = app.answer_html(prediction(happy=0.7, sad=0.2))
    bars = re.findall(r"<li.*?</li>", html)
    titles = [re.findall(r"<span>(\w+)</span>", bar)[0].lower() for bar in bars]
    assert titles == list(FER2013_LABELS)
    assert "70%" in bars[3]
    assert "20%" in bars[4]


def test_the_best_bar_alone_is_emphasized() -> None:
    bars = re.findall(r"<li.*?</li>", app.answer_html(prediction(fear=0.9)))
    assert [("fer-best" in bar) for bar in bars] == [name == "fear" for name in FER2013_LABELS]


def test_happy_versus_sad_is_their_share_of_the_two() -> None:
    html = app.answer_html(prediction(happy=0.3, sad=0.1))
    assert "Happy 75%" in html
    assert "Sad 25%" in html


def test_an_uncertain_answer_says_so() -> None:
    assert "Not sure" in app.answer_html(prediction(threshold=0.9, happy=0.8))
    assert "Not sure" not in app.answer_html(prediction(threshold=0.9, happy=0.95))


def test_show_gives_one_answer_a_face(handlers: app.Handlers) -> None:
    path = str(EXAMPLES / "group_happy-surprise-angry_01.jpg")
    status, picture, chooser, answer, answers = handlers.show(path)
    assert "3 faces" in status
    assert picture.visible
    assert [value for _, value in chooser.choices] == [0, 1, 2]
    assert len(answers) == 3
    assert answer == answers[0]


def test_a_picture_without_a_face_comes_back_unmarked(
    handlers: app.Handlers, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    reading = handlers.read(str(path))
    assert np.array_equal(reading.annotated(), pixels)
    status, picture, chooser, answer, answers = handlers.show(str(path))
    assert status == app.NO_FACE
    assert picture.visible
    assert not chooser.visible
    assert (answer, answers) == ("", [])


def test_taking_the_picture_away_empties_the_answer(handlers: app.Handlers) -> None:
    status, picture, chooser, answer, answers = handlers.show(None)
    assert status == app.WAITING
    assert not picture.visible
    assert not chooser.visible
    assert (answer, answers) == ("", [])


def test_programs_get_an_unreadable_picture_as_an_error_of_one_sentence(
    handlers: app.Handlers, tmp_path: Path
) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear Sir")
    with pytest.raises(gr.Error, match="not a picture"):
        handlers.predict(str(path))


def test_an_upload_without_a_file_is_refused() -> None:
    with pytest.raises(gr.Error, match="Please give a picture"):
        app.uploaded_path(ImageData(url="data:image/png;base64,AAAA"))


def test_only_the_two_promised_endpoints_are_public(recognizer: EmotionRecognizer) -> None:
    demo = app.build_demo(recognizer)
    assert set(demo.get_api_info()["named_endpoints"]) == {"/predict", "/annotate"}


def test_copies_are_swept_when_old_and_only_then(tmp_path: Path) -> None:
    for name, age in (("old/upload.png", 300), ("old/new.png", 10), ("gone/broken-off", 300)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        written = time.time() - age
        os.utime(path, (written, written))
        os.utime(path.parent, (written, written))
    app.sweep(tmp_path, older_than=240)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["new.png"]
    assert not (tmp_path / "gone" / "broken-off").exists()


def test_an_empty_folder_is_swept_once_it_is_old(tmp_path: Path) -> None:
    for name, age in (("old", 300), ("new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    app.sweep(tmp_path, older_than=240)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_what_a_link_points_to_is_not_swept(tmp_path: Path) -> None:
    outside, swept = tmp_path / "outside", tmp_path / "swept"
    for folder in (outside, swept):
        folder.mkdir()
    (outside / "kept.png").touch()
    os.utime(outside / "kept.png", (0, 0))
    (swept / "link").symlink_to(outside)
    app.sweep(swept, older_than=0)
    assert (outside / "kept.png").exists()


def test_a_copy_lives_at_most_five_minutes() -> None:
    assert app.COPY_SECONDS + app.SWEEP_SECONDS <= 300


def test_the_gallery_needs_no_copies_that_a_sweep_would_take(
    recognizer: EmotionRecognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    config = str(app.build_demo(recognizer).get_config_file())
    assert "happy_f_asian_01.jpg" in config
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_building_the_page_leaves_no_file_beside_the_app(recognizer: EmotionRecognizer) -> None:
    app.build_demo(recognizer)
    assert not Path(app.__file__).with_suffix(".pyi").exists()
