import base64
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import ImageData
from PIL import Image

from fer_core import EmotionRecognizer
from page.handlers import (
    EXAMPLES,
    SEVEN,
    TWO,
    Handlers,
    Shown,
    frame_bytes,
    gallery_value,
    uploaded_path,
)
from page.texts import say
from tests.conftest import EXAMPLES as EXAMPLES_DIR

GROUP = str(EXAMPLES_DIR / "group_happy-surprise-angry_01.jpg")
NAMES = ("status", "picture", "chooser", "mode", "text", "why", "reasons", "shown")


@pytest.fixture(scope="module")
def handlers(recognizer: EmotionRecognizer) -> Handlers:
    return Handlers(recognizer)


def named(values: list[Any]) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(NAMES, values, strict=True)))


@pytest.fixture(scope="module")
def group(handlers: Handlers) -> SimpleNamespace:
    return named(handlers.show(GROUP, "en", SEVEN))


def all_skipped(values: list[Any]) -> bool:
    return all(value == gr.skip() for value in values)


def test_the_gallery_shows_files_that_exist() -> None:
    assert all((EXAMPLES_DIR / name).is_file() for name in EXAMPLES)
    assert "Joie" in [caption for _, caption in gallery_value("fr")]


def test_the_hard_example_is_one_where_the_model_is_not_sure(handlers: Handlers) -> None:
    (name,) = [name for name, key in EXAMPLES.items() if key == "example.hard"]
    (face,) = handlers.read(str(EXAMPLES_DIR / name)).result.faces
    assert face.emotion.is_uncertain


def test_every_other_example_is_read_as_its_caption_says(handlers: Handlers) -> None:
    for name, key in EXAMPLES.items():
        if key.startswith("emotion."):
            (face,) = handlers.read(str(EXAMPLES_DIR / name)).result.faces
            assert f"emotion.{face.emotion.label}" == key


def test_show_gives_a_picture_a_choice_and_the_answer_for_the_first(group: SimpleNamespace) -> None:
    assert "3 faces" in group.status
    assert group.picture["visible"]
    assert "face 3" in group.picture["alt_text"]
    assert [value for _, value in group.chooser.choices] == [0, 1, 2]
    assert group.mode.visible
    assert group.why.visible
    assert "fer-headline" in group.text
    assert "faces.json" in group.text
    assert group.shown.chosen == 0


def test_french_is_french_everywhere(handlers: Handlers) -> None:
    page = named(handlers.show(GROUP, "fr-FR", SEVEN))
    assert "3 visages" in page.status
    assert "visage 3" in page.picture["alt_text"]
    labels = " ".join(label for label, _ in page.chooser.choices)
    assert "Joie" in labels
    assert "Happy" not in page.text + labels


def test_an_answer_can_be_told_again_in_another_language(
    handlers: Handlers, group: SimpleNamespace, tmp_path: Path
) -> None:
    shown = replace(group.shown, chosen=2)
    page = named(handlers.again(shown, "fr", TWO))
    assert "3 visages" in page.status
    assert page.chooser.value == 2
    assert page.picture["value"].shape == (438, 768, 3)
    assert "Joie" in page.text
    assert page.shown == shown
    swept = named(handlers.again(replace(shown, path=str(tmp_path / "gone.jpg")), "fr", SEVEN))
    assert "value" not in swept.picture
    assert "3 visages" in swept.status
    assert named(handlers.again(None, "fr", SEVEN)).status == say("answer.waiting", "fr")


def test_choosing_a_face_by_number(handlers: Handlers, group: SimpleNamespace) -> None:
    for number, face in enumerate(group.shown.result.faces):
        text, why, reasons, shown = handlers.choose(number, group.shown, "en", SEVEN)
        assert say(f"emotion.{face.emotion.label}", "en").lower() in text.lower()
        assert shown.chosen == number
        assert (why.open, reasons) == (False, "")


def test_choosing_a_face_by_a_click_in_the_picture(
    handlers: Handlers, group: SimpleNamespace
) -> None:
    for number, face in enumerate(group.shown.result.faces):
        box = face.detection.box
        event = SimpleNamespace(index=[(box.x_min + box.x_max) // 2, (box.y_min + box.y_max) // 2])
        radio, _, _, _, shown = handlers.choose_at(group.shown, "en", SEVEN, event)
        assert radio.value == shown.chosen == number


@pytest.mark.parametrize("has_answer", [True, False])
def test_a_click_beside_all_faces_changes_nothing(
    handlers: Handlers, group: SimpleNamespace, has_answer: bool
) -> None:
    shown = group.shown if has_answer else None
    assert all_skipped(handlers.choose_at(shown, "en", SEVEN, SimpleNamespace(index=[1, 1])))


@pytest.mark.parametrize("number", [-1, 3, 99])
def test_a_face_that_is_not_there_cannot_be_chosen(
    handlers: Handlers, group: SimpleNamespace, number: int
) -> None:
    assert all_skipped(handlers.choose(number, group.shown, "en", SEVEN))


def test_the_switch_shows_the_same_face_in_the_other_mode(
    handlers: Handlers, group: SimpleNamespace
) -> None:
    shown = Shown(group.shown.result, 1)
    assert "fer-two" in handlers.switch(shown, "en", TWO)
    assert handlers.switch(shown, "en", SEVEN) == handlers.choose(1, shown, "en", SEVEN)[0]
    assert handlers.switch(None, "en", TWO) == ""


def test_why_is_told_of_the_chosen_face(handlers: Handlers, group: SimpleNamespace) -> None:
    told = {handlers.explain(Shown(group.shown.result, number), "en") for number in range(3)}
    assert len(told) == 3
    assert handlers.explain(None, "en") == ""


def test_a_picture_without_a_face_comes_back_unmarked(handlers: Handlers, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    assert np.array_equal(handlers.read(str(path)).annotated(), pixels)
    page = named(handlers.show(str(path), "en", SEVEN))
    assert page.status == say("answer.none", "en")
    assert page.picture["visible"]
    assert not any(part.visible for part in (page.chooser, page.mode, page.why))
    assert page.text == ""


def test_taking_the_picture_away_empties_the_answer(handlers: Handlers) -> None:
    page = named(handlers.show(None, "fr", SEVEN))
    assert page.status == say("answer.waiting", "fr")
    assert not any(part.visible for part in (page.picture, page.chooser, page.mode, page.why))
    assert (page.text, page.reasons, page.shown) == ("", "", None)


def test_frames_are_answered_one_after_the_other(
    handlers: Handlers, group: SimpleNamespace
) -> None:
    frame = Path(GROUP).read_bytes()
    view, before, *page = handlers.live(frame, None, "en", SEVEN)
    assert view.shape == (438, 768, 3)
    left = [face.detection.box.x_min for face in before.faces]
    mirrored = [768 - face.detection.box.x_max for face in group.shown.result.faces]
    assert sorted(left) == pytest.approx(sorted(mirrored), abs=4)
    assert named(page).picture.visible is False
    _, after, *page = handlers.live(frame, before, "en", TWO)
    assert named(page).picture == gr.skip()
    assert "fer-two" in named(page).text
    assert len(after.faces) == 3
    assert all_skipped(handlers.live(frame[:5000], after, "en", SEVEN))
    assert handlers.live(None, after, "en", SEVEN)[:2] == [None, None]


def test_a_frame_comes_inside_the_message_and_nothing_else_is_taken_for_one() -> None:
    data = base64.b64encode(b"pixels").decode()
    assert frame_bytes(ImageData(url=f"data:image/jpeg;base64,{data}")) == b"pixels"
    for url in ("http://example.org/a.jpg", "file:///etc/passwd", "data:image/jpeg;base64,%%%"):
        assert frame_bytes(ImageData(url=url)) is None
    assert frame_bytes(ImageData(path="/etc/passwd")) is None
    assert frame_bytes(None) is None


def test_an_upload_without_a_file_is_refused() -> None:
    with pytest.raises(gr.Error, match="Please give a picture"):
        uploaded_path(ImageData(url="data:image/png;base64,AAAA"))
