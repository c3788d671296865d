import base64
import json
import re
from html import escape

import cv2
import numpy as np
import pytest

from fer_core import EmotionRecognizer, RecognitionResult
from fer_core.emotions import FER2013_LABELS
from fer_core.results import QUALITY_REASONS
from page.answer import answer_html, download_html, why_html
from page.texts import LANGUAGES, say
from tests.conftest import EXAMPLES
from tests.page.test_texts import answered


@pytest.fixture(scope="module")
def result(recognizer: EmotionRecognizer) -> RecognitionResult:
    return recognizer.recognize(EXAMPLES / "happy_f_asian_01.jpg")


def bars(html: str) -> list[str]:
    return re.findall(r"<li.*?</li>", html)


def test_it_names_all_seven_with_their_shares() -> None:
    html = answer_html(answered(happy=0.7, sad=0.2), "en", only_two=False)
    titles = [re.findall(r"<span>(\w+)</span>", bar)[0].lower() for bar in bars(html)]
    assert titles == list(FER2013_LABELS)
    assert "70%" in bars(html)[3]
    assert "20%" in bars(html)[4]


def test_the_best_bar_alone_is_emphasized() -> None:
    html = answer_html(answered(fear=0.9), "en", only_two=False)
    assert [("fer-best" in bar) for bar in bars(html)] == [n == "fear" for n in FER2013_LABELS]


def test_happy_or_sad_is_their_share_of_the_two() -> None:
    html = answer_html(answered(happy=0.1, sad=0.3, angry=0.5), "en", only_two=True)
    assert "Happy 25%" in html
    assert "Sad 75%" in html
    assert re.search(r"fer-headline.*?<span>Sad<small>", html)
    assert not bars(html)


def test_an_uncertain_answer_says_so_in_either_language() -> None:
    unsure, sure = answered(threshold=0.9, happy=0.8), answered(threshold=0.9, happy=0.95)
    assert "Perhaps happy" in answer_html(unsure, "en", only_two=False)
    assert "Pas sûr" in answer_html(unsure, "fr", only_two=False)
    assert "Not sure" not in answer_html(sure, "en", only_two=False)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", QUALITY_REASONS)
@pytest.mark.parametrize("only_two", [False, True], ids=["seven", "two"])
def test_an_answer_about_an_unreliable_face_says_why(
    reason: str, language: str, only_two: bool
) -> None:
    face = answered(happy=0.99, reasons=(reason,))
    html = answer_html(face, language, only_two=only_two)
    headline = re.search(r"fer-headline.*?</div>", html)
    assert headline is not None
    assert escape(say(f"quality.{reason}", language)) in headline[0]


def test_the_headline_of_an_unreliable_face_is_not_sure_however_confident() -> None:
    html = answer_html(answered(happy=0.99, reasons=("covered",)), "en", only_two=False)
    assert "<span>Perhaps happy<small>Not sure." in html


def test_a_reliable_face_has_no_doubt_in_its_headline() -> None:
    html = answer_html(answered(happy=0.99), "en", only_two=False)
    assert not any(say(f"quality.{reason}", "en") in html for reason in QUALITY_REASONS)


@pytest.mark.parametrize(("share", "told"), [(0.05, False), (0.4, True)])
def test_contempt_is_an_aside_when_it_is_strong(share: float, told: bool) -> None:
    face = answered(happy=0.9, contempt=share)
    assert ("contempt" in answer_html(face, "en", only_two=False)) == told


def test_the_download_holds_the_whole_answer(result: RecognitionResult) -> None:
    link = re.search(r'base64,([^"]+)"', download_html(result, "en"))
    assert link is not None
    assert json.loads(base64.b64decode(link[1])) == result.to_dict()


def test_why_does_without_the_map_where_the_network_has_none(
    recognizer: EmotionRecognizer, result: RecognitionResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer_core.model.MAPS", "_of_another_network")
    html = why_html(recognizer.model, result.faces[0], "en")
    assert html.count("alt=") == 6
    assert "signs of" not in html


def test_why_shows_the_face_the_map_and_the_filters(
    recognizer: EmotionRecognizer, result: RecognitionResult
) -> None:
    html = why_html(recognizer.model, result.faces[0], "en")
    pictures = [
        cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        for data in re.findall(r'base64,([^"]+)"', html)
    ]
    assert len(pictures) == 7
    small = cv2.resize(pictures[0], (48, 48), interpolation=cv2.INTER_AREA)[..., 0]
    assert np.abs(small.astype(int) - result.faces[0].aligned).mean() < 3
    assert np.ptp(pictures[1].astype(int), axis=2).max() > 60  # the map has colours
    assert html.count("alt=") == 7
    assert "signs of “Happy”" in html
