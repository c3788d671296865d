import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from fer_core import EmotionRecognizer
from page.handlers import (
    BROKEN,
    EXAMPLES,
    SEARCH_EVERY,
    SEVEN,
    TWO,
    Handlers,
    Shown,
    Source,
    gallery_value,
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
    return named(handlers.show(GROUP, "en", SEVEN, Source()))


@pytest.fixture
def live(handlers: Handlers) -> Source:
    """That of a visitor who has opened the live camera."""
    source = Source()
    handlers.begin_live(source)
    return source


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


def test_one_example_has_no_face(handlers: Handlers) -> None:
    (name,) = [name for name, key in EXAMPLES.items() if key == "example.none"]
    assert handlers.read(str(EXAMPLES_DIR / name)).result.faces == ()


def test_an_example_is_answered_without_being_read_again(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = list(EXAMPLES).index(Path(GROUP).name)
    expected = named(handlers.show(GROUP, "fr", TWO, Source()))
    monkeypatch.setattr(handlers, "read", None)
    page = named(handlers.show_example("fr", TWO, Source(), SimpleNamespace(index=name)))
    assert (page.status, page.text) == (expected.status, expected.text)
    assert np.array_equal(page.picture["value"], expected.picture["value"])
    assert named(handlers.again(page.shown, "en", SEVEN)).picture["value"].shape == (438, 768, 3)


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
    page = named(handlers.show(GROUP, "fr-FR", SEVEN, Source()))
    assert "3 visages" in page.status
    assert "visage 3" in page.picture["alt_text"]
    labels = " ".join(label for label, _ in page.chooser.choices)
    assert re.search("Joie >?[0-9]+\u202f%", labels)
    assert not re.search("[0-9]%", labels + re.sub("(style|href)=.*?>", "", page.text))
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


def test_a_large_picture_is_shown_smaller_and_clicked_where_it_is_shown(
    handlers: Handlers, tmp_path: Path
) -> None:
    path = tmp_path / "large.jpg"
    with Image.open(GROUP) as picture:
        picture.resize((4096, 2336)).save(path)
    page = named(handlers.show(str(path), "en", SEVEN, Source()))
    assert page.picture["value"].shape == (1168, 2048, 3)
    assert page.shown.result.image_size == (4096, 2336)
    for number, face in enumerate(page.shown.result.faces):
        box = face.detection.box
        event = SimpleNamespace(index=[(box.x_min + box.x_max) / 4, (box.y_min + box.y_max) / 4])
        *_, shown = handlers.choose_at(page.shown, "en", SEVEN, event)
        assert shown.chosen == number


@pytest.mark.parametrize("suffix", [".heic", ".tiff"])
def test_a_file_that_browsers_do_not_show_gets_a_preview(
    handlers: Handlers, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"picture{suffix}"
    with Image.open(GROUP) as picture:
        picture.save(path)
    assert handlers.preview(str(path)).shape == (438, 768, 3)
    path.write_bytes(path.read_bytes()[:500])
    assert handlers.preview(str(path)) == gr.skip()


def test_other_pictures_are_their_own_preview(handlers: Handlers) -> None:
    assert handlers.preview(GROUP) == gr.skip()
    assert handlers.preview(None) == gr.skip()


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
    page = named(handlers.show(str(path), "en", SEVEN, Source()))
    assert page.status == say("answer.none", "en")
    assert page.picture["visible"]
    assert not any(part.visible for part in (page.chooser, page.mode, page.why))
    assert page.text == ""


def test_what_stood_above_the_answer_comes_back(handlers: Handlers, group: SimpleNamespace) -> None:
    assert handlers.status(group.shown, "en") == group.status
    assert handlers.status(None, "fr") == say("answer.waiting", "fr")


def test_taking_the_picture_away_empties_the_answer(handlers: Handlers) -> None:
    page = named(handlers.show(None, "fr", SEVEN, Source()))
    assert page.status == say("answer.waiting", "fr")
    assert not any(part.visible for part in (page.picture, page.chooser, page.mode, page.why))
    assert (page.text, page.reasons, page.shown) == ("", "", None)


def test_frames_are_answered_one_after_the_other(
    handlers: Handlers, group: SimpleNamespace, live: Source
) -> None:
    frame = Path(GROUP).read_bytes()
    page = named(handlers.live(frame, group.shown, None, "en", SEVEN, live))
    assert page.picture["value"].shape == (438, 768, 3)
    assert page.why.open is False
    assert [label for label, _ in page.chooser.choices] == ["1", "2", "3"]
    left = [face.detection.box.x_min for face in page.shown.result.faces]
    mirrored = [768 - face.detection.box.x_max for face in group.shown.result.faces]
    assert sorted(left) == pytest.approx(sorted(mirrored), abs=4)
    then = named(handlers.live(frame, page.shown, 2, "en", TWO, live))
    assert then.picture["visible"]
    assert then.chooser == then.mode == then.why == then.reasons == gr.skip()
    assert "fer-two" in then.text
    assert (len(then.shown.result.faces), then.shown.chosen, then.shown.path) == (3, 2, None)
    assert all_skipped(handlers.live(frame[:5000], then.shown, 2, "en", SEVEN, live))
    assert all_skipped(handlers.live(None, then.shown, 2, "en", SEVEN, live))


def test_live_a_single_odd_frame_does_not_change_the_answer_and_a_lasting_one_does(
    handlers: Handlers, live: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two portraits whose faces lie at the same place, ten frames a second."""
    happy = (EXAMPLES_DIR / "happy_f_asian_01.jpg").read_bytes()
    surprise = (EXAMPLES_DIR / "surprise_m_african_01.jpg").read_bytes()
    clock = iter(step / 10 for step in range(100))
    monkeypatch.setattr("page.handlers.monotonic", lambda: next(clock))
    shown, labels = None, []
    for frame in [happy] * 3 + [surprise] + [happy] * 3 + [surprise] * 4:
        shown = named(handlers.live(frame, shown, None, "en", SEVEN, live)).shown
        labels.append(shown.result.faces[0].emotion.label)
    assert labels == ["happy"] * 8 + ["surprise"] * 3


def test_live_a_face_that_left_is_chosen_no_more(handlers: Handlers, live: Source) -> None:
    frame = (EXAMPLES_DIR / "happy_f_asian_01.jpg").read_bytes()
    page = named(handlers.live(frame, None, 2, "en", SEVEN, live))
    assert page.shown.chosen == 0
    lake = (EXAMPLES_DIR / "lake_01.jpg").read_bytes()
    empty = named(handlers.live(lake, page.shown, 0, "en", SEVEN, live))
    assert empty.status == say("answer.none", "en")
    assert not empty.mode.visible
    assert empty.text == ""
    assert named(handlers.live(frame, empty.shown, None, "en", SEVEN, live)).mode.visible


def test_live_a_small_face_is_followed_between_the_frames_that_are_searched(
    handlers: Handlers, live: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, searched = handlers.recognizer.detector, []
    detect = detector.detect

    def noted(*given: Any, **named: Any) -> Any:
        searched.append(named["small_faces"])
        return detect(*given, **named)

    monkeypatch.setattr(detector, "detect", noted)
    frame = Image.new("RGB", (640, 480), (150, 140, 130))
    with Image.open(EXAMPLES_DIR / "happy_f_asian_01.jpg") as portrait:
        frame.paste(portrait.resize((64, 64)), (400, 200))
    jpeg = io.BytesIO()
    frame.save(jpeg, "JPEG", quality=92)
    shown, found = None, []
    for _ in range(SEARCH_EVERY + 2):
        shown = named(handlers.live(jpeg.getvalue(), shown, None, "en", SEVEN, live)).shown
        found.append(len(shown.result.faces))
    assert found == [1] * (SEARCH_EVERY + 2)
    assert searched == [True, *[False] * (SEARCH_EVERY - 1), True, False]


OTHERS = {
    "a picture": lambda handlers, source: handlers.show(GROUP, "en", SEVEN, source),
    "nothing": lambda handlers, source: handlers.show(None, "en", SEVEN, source),
    "an example": lambda handlers, source: handlers.show_example(
        "en", SEVEN, source, SimpleNamespace(index=0)
    ),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("meanwhile", [False, True], ids=["before", "meanwhile"])
def test_a_frame_of_a_camera_that_was_left_changes_nothing(
    handlers: Handlers,
    live: Source,
    monkeypatch: pytest.MonkeyPatch,
    other: Any,
    meanwhile: bool,
) -> None:
    """It comes after the other was asked, or is being read when the other is."""
    frame = Path(GROUP).read_bytes()
    if meanwhile:
        read = handlers.read

        def read_while_another_is_asked(*given: Any, **named: Any) -> Any:
            monkeypatch.setattr(handlers, "read", read)
            other(handlers, live)
            return read(*given, **named)

        monkeypatch.setattr(handlers, "read", read_while_another_is_asked)
    else:
        other(handlers, live)
    assert all_skipped(handlers.live(frame, None, None, "en", SEVEN, live))
    handlers.begin_live(live)
    assert named(handlers.live(frame, None, None, "en", SEVEN, live)).picture["visible"]


def test_whatever_breaks_inside_is_one_sentence_and_the_next_picture_is_read(
    handlers: Handlers,
    live: Source,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, title: told.append(text))

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a network of 7 tensors fell over")

    with monkeypatch.context() as patch:
        patch.setattr(handlers.recognizer.detector, "detect", broken)
        values = named(handlers.show(GROUP, "en", SEVEN, Source()))
        assert all_skipped(handlers.live(Path(GROUP).read_bytes(), None, None, "en", SEVEN, live))
    assert values.status == told[0] == BROKEN
    assert "tensors" in caplog.text  # for who runs the app
    assert len(named(handlers.show(GROUP, "en", SEVEN, Source())).shown.result.faces) == 3
