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
    InvalidVideoError,
    VideoTooLargeError,
)
from fer_core.calibration import Calibration
from fer_core.emotions import FER2013_LABELS
from fer_core.results import QUALITY_REASONS, BoundingBox, FaceDetection, FaceQuality, FaceResult
from page.handlers import EXAMPLES
from page.texts import (
    CODE,
    LANGUAGES,
    TEXTS,
    about_text,
    error_text,
    face_text,
    i18n,
    known_language,
    number,
)


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


def test_every_text_is_there_in_both_languages_with_the_same_gaps() -> None:
    def gaps(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for key, text in TEXTS.items():
        assert set(text) == set(LANGUAGES), key
        assert all(text.values()), key
        assert gaps(text["en"]) == gaps(text["fr"]), key


def test_every_emotion_and_every_caption_has_a_text() -> None:
    names = {f"emotion.{emotion.name}" for emotion in EMOTIONS}
    assert names | set(EXAMPLES.values()) <= set(TEXTS)


def test_gradio_is_given_what_tells_the_language_of_its_settings() -> None:
    for language in LANGUAGES:
        assert i18n.translations[language] == {CODE: language}


QUOTES = re.compile(r"«[^\u00a0]|[^\u00a0]»|(?<![\u202f\u00a0])[!?;](?!\w)| :")


def test_french_has_spaces_that_do_not_break_where_it_sets_them() -> None:
    assert [key for key, text in TEXTS.items() if QUOTES.search(text["fr"])] == []


@pytest.mark.parametrize(
    ("said", "known"),
    [("fr", "fr"), ("fr-CA", "fr"), ("FR", "fr"), ("en-US", "en"), ("de", "en"), ("", "en"),
     (None, "en"), ("<script>", "en")],
)  # fmt: skip
def test_any_french_is_french_and_all_else_english(said: str | None, known: str) -> None:
    assert known_language(said) == known


def test_every_reason_of_doubt_has_a_text_that_is_a_sentence() -> None:
    for reason in QUALITY_REASONS:
        assert all(text.endswith(".") for text in TEXTS[f"quality.{reason}"].values())


def test_numbers_are_written_as_the_language_does() -> None:
    assert number("3,153", "en") == "3,153"
    assert number("3,153", "fr") == "3\u202f153"
    assert number("87.7%", "fr") == "87,7\u202f%"


def test_what_stands_on_a_face_is_in_the_language() -> None:
    assert face_text(answered(happy=0.9), "en") == "Happy 90%"
    assert face_text(answered(happy=0.4), "fr") == "Joie 40\u202f%?"


def test_errors_are_told_in_the_visitors_language() -> None:
    assert error_text(InvalidImageError("This is not a picture."), "en") == "This is not a picture."
    assert "trop grande" in error_text(ImageTooLargeError("too large"), "fr")
    assert "pas une image" in error_text(InvalidImageError("bad"), "fr")
    assert "Réessayez" in error_text(FerError("anything"), "fr")
    assert "60 secondes" in error_text(VideoTooLargeError("too long"), "fr")
    assert "pas une vidéo" in error_text(InvalidVideoError("bad"), "fr")


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
