import re
import string
from dataclasses import replace

import numpy as np
import pytest

from fer_core import (
    EMOTIONS,
    EmotionPrediction,
    EmotionRecognizer,
    FerError,
    ImageTooLargeError,
    InvalidImageError,
)
from fer_core.calibration import Calibration
from fer_core.emotions import FER2013_LABELS
from fer_core.results import QUALITY_REASONS, BoundingBox, FaceDetection, FaceQuality, FaceResult
from page.handlers import EXAMPLES
from page.texts import (
    LANGUAGES,
    TEXTS,
    about_text,
    confidence_words,
    doubts,
    error_text,
    i18n,
    known_language,
    number,
    picture_text,
    say,
    status_text,
)
from tests.conftest import EXAMPLES as EXAMPLES_DIR


def answered(
    threshold: float = 0.5, contempt: float = 0.0, reasons: tuple[str, ...] = (), **shares: float
) -> FaceResult:
    """A face with these probabilities; what they leave goes to the other emotions."""
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    probabilities = {name: shares.get(name, rest) for name in FER2013_LABELS}
    return FaceResult(
        FaceDetection(BoundingBox(0, 0, 60, 60), np.zeros((6, 2)), 0.9),
        np.zeros((48, 48), np.uint8),
        EmotionPrediction(probabilities, contempt, threshold, reliable=not reasons),
        FaceQuality(reasons),
    )


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_every_text_is_there_in_both_languages_with_the_same_gaps(key: str) -> None:
    def gaps(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    assert set(TEXTS[key]) == set(LANGUAGES)
    assert all(TEXTS[key].values())
    assert gaps(TEXTS[key]["en"]) == gaps(TEXTS[key]["fr"])


def test_every_emotion_and_every_caption_has_a_text() -> None:
    names = {f"emotion.{emotion.name}" for emotion in EMOTIONS}
    assert names | set(EXAMPLES.values()) <= set(TEXTS)


def test_gradio_gets_the_same_texts() -> None:
    assert i18n.translations["fr"]["why.title"] == TEXTS["why.title"]["fr"]


@pytest.mark.parametrize(
    ("said", "known"),
    [("fr", "fr"), ("fr-CA", "fr"), ("FR", "fr"), ("en-US", "en"), ("de", "en"), ("", "en"),
     (None, "en"), ("<script>", "en")],
)  # fmt: skip
def test_any_french_is_french_and_all_else_english(said: str | None, known: str) -> None:
    assert known_language(said) == known


def test_words_of_confidence_follow_it() -> None:
    words = [confidence_words(answered(happy=p), "en") for p in (0.99, 0.85, 0.6, 0.4)]
    said = [text.split(":")[0] for text in words]
    assert said == ["Very sure", "Sure", "Fairly sure", "Not sure"]
    assert "99%" in words[0]


REASONS = {
    "cut off": ("outside the picture", "hors de l"),
    "turned away": ("turned too far", "trop tourné"),
    "too small": ("too small", "trop petit"),
    "blurred": ("blurred", "flou"),
    "covered": ("covered", "cachée"),
    "distorted": ("squeezed", "écrasée"),
    "drawn": ("drawing", "dessin"),
}


def test_every_reason_of_doubt_has_a_text() -> None:
    assert tuple(REASONS) == QUALITY_REASONS
    assert {f"quality.{reason}" for reason in QUALITY_REASONS} <= set(TEXTS)


@pytest.mark.parametrize("reason", QUALITY_REASONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_of_doubt_stands_in_the_place_of_the_confidence(
    reason: str, language: str
) -> None:
    text = confidence_words(answered(happy=0.99, reasons=(reason,)), language)
    assert text.startswith(say("answer.doubted", language) + " ")
    assert REASONS[reason][LANGUAGES.index(language)] in text
    assert "99" not in text


def test_several_reasons_of_doubt_are_a_sentence_each_in_their_order() -> None:
    face = answered(happy=0.99, reasons=("cut off", "blurred"))
    assert doubts(face, "en") == [say("quality.cut off", "en"), say("quality.blurred", "en")]
    assert all(sentence.endswith(".") for sentence in doubts(face, "fr"))


def test_a_face_without_a_reason_of_doubt_has_none() -> None:
    assert doubts(answered(happy=0.4), "en") == []


def test_numbers_are_written_as_the_language_does() -> None:
    assert number("3,153", "en") == "3,153"
    assert number("3,153", "fr") == "3\u202f153"
    assert number("87.7%", "fr") == "87,7\u202f%"


def test_the_status_and_the_alternative_text_say_what_was_found(
    recognizer: EmotionRecognizer,
) -> None:
    result = recognizer.recognize(EXAMPLES_DIR / "group_happy-surprise-angry_01.jpg")
    assert "3 faces" in status_text(result, "en")
    assert "3 visages" in status_text(result, "fr")
    text = picture_text(result, "fr")
    for index, face in enumerate(result.faces, 1):
        assert f"visage {index} : {say(f'emotion.{face.emotion.label}', 'fr')}" in text
    nobody = replace(result, faces=())
    assert "no face was found" in picture_text(nobody, "en")
    assert "No face was found" in status_text(nobody, "en")


def test_errors_are_told_in_the_visitors_language() -> None:
    assert error_text(InvalidImageError("This is not a picture."), "en") == "This is not a picture."
    assert "trop grande" in error_text(ImageTooLargeError("too large"), "fr")
    assert "pas une image" in error_text(InvalidImageError("bad"), "fr")
    assert "Réessayez" in error_text(FerError("anything"), "fr")


def test_about_tells_the_figures_of_the_model_and_none_that_it_has_not(
    recognizer: EmotionRecognizer,
) -> None:
    figures = {
        "answer": {"n": 3153, "accuracy": 0.8764},
        "coverage": {"accuracy_answered": 0.92},
        "happy_sad": {"accuracy": 0.984},
    }
    fitted = replace(
        Calibration.temperature(1.0),
        figures={
            "cross_validated": {
                "photos": {"mean_recall": 0.82, "recall": {"disgust": 0.64, "fear": 0.66}},
                "press": {"mean_recall": 0.71},
            }
        },
    )
    info = replace(recognizer.model.info, figures=figures, calibration=fitted)
    before, after = about_text(info, "en")
    for said in ("3,153", "87.6%", "92.0%", "98.4%", "82%", "64%", "66%", "71%", info.version):
        assert said in before
    assert "kept for testing" in before
    assert "87,6\u202f%" in about_text(info, "fr")[0]
    assert "Privacy" in after
    info = replace(info, figures={f"{name}_public": row for name, row in figures.items()})
    before, _ = about_text(info, "en")
    assert "in choosing among models" in before
    assert "87.6%" in before
    elsewhere = replace(info, calibration=Calibration.temperature(1.0))
    for lacking in (elsewhere, replace(info, figures={}, training={})):
        assert not re.search(r"\d\s?%", about_text(lacking, "en")[0])
