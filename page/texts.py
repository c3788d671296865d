"""Every text of the page, in English and French: texts.json, and what is made of it.

Texts that stand still are handed to Gradio, which follows the browser; those that depend on an
answer are made here, in the language that the page says it is shown in.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from fer_core import (
    FerError,
    ImageTooLargeError,
    InvalidImageError,
    RecognitionResult,
)
from fer_core.drawing import face_label, percent
from fer_core.model import ModelInfo
from fer_core.results import FaceResult

ENGLISH, FRENCH = "en", "fr"
LANGUAGES = (ENGLISH, FRENCH)

TEXTS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).resolve().parent / "texts.json").read_text(encoding="utf-8")
)
"""By key and language."""

i18n = gr.I18n(
    **{language: {key: text[language] for key, text in TEXTS.items()} for language in LANGUAGES}
)
"""The same for Gradio, which translates what stands still in the browser."""


def known_language(said: str | None) -> str:
    """`fr` for any French, `en` for all others: `fr-CA` is French, None English."""
    return FRENCH if (said or "").lower().startswith(FRENCH) else ENGLISH


def say(key: str, language: str, **values: Any) -> str:
    """A text in a language, with what it leaves open filled in."""
    return TEXTS[key][known_language(language)].format(**values)


def emotion_title(name: str, language: str) -> str:
    """An emotion as a person reads it."""
    return say(f"emotion.{name}", language)


def confidence_words(face: FaceResult, language: str) -> str:
    """Tell how sure the answer is, in words and as a percentage, or why it is not.

    The percentage is calibrated: of the answers with 80 %, about 80 % are right. Below the
    abstention threshold the answer is not sure.
    """
    if reasons := doubts(face, language):
        return " ".join([say("answer.doubted", language), *reasons])
    value = face.emotion.confidence
    if face.emotion.is_uncertain:
        key = "unsure"
    else:
        key = "certain" if value >= 0.95 else "sure" if value >= 0.8 else "fairly"
    return say(f"answer.{key}", language, percent=share_text(value, language))


def doubts(face: FaceResult, language: str) -> list[str]:
    """Tell why a face cannot be read well, a sentence each."""
    return [say(f"quality.{reason}", language) for reason in face.quality.reasons]


def share_text(share: float, language: str) -> str:
    """A probability as a percentage."""
    return number(percent(share), language)


def face_text(face: FaceResult, language: str) -> str:
    """What stands on a face, without its number."""
    return number(face_label(face, emotion_title(face.emotion.label, language)), language)


def status_text(result: RecognitionResult, language: str) -> str:
    """One sentence above the answer."""
    count = len(result.faces)
    key = "none" if count == 0 else "one" if count == 1 else "several"
    return say(f"answer.{key}", language, count=count)


def picture_text(result: RecognitionResult, language: str) -> str:
    """What was found, for who cannot see the annotated picture."""
    if not result.faces:
        return say("answer.alt_none", language)
    faces = "; ".join(
        say("answer.alt_face", language, number=place, label=face_text(face, language))
        for place, face in enumerate(result.faces, 1)
    )
    return say("answer.alt", language, faces=faces)


def number(text: str, language: str) -> str:
    """An English number or percentage as the language writes it.

    In French, `3,153` is `3 153` and `87.7%` is `87,7 %`, with narrow spaces that do not break.
    """
    if known_language(language) == ENGLISH:
        return text
    return text.translate({ord(","): "\u202f", ord("."): ",", ord("%"): "\u202f%"})


def about_text(info: ModelInfo, language: str) -> tuple[str, str]:
    """What stands before and after the confusion matrix; figures are those of model.json."""
    figures, parameters = info.figures, f"{info.training.get('parameters', 0):,}"
    before = say(
        "about.body", language, parameters=number(parameters, language), version=info.version
    )
    for ending, kept in ("", "about.tested"), ("_public", "about.chosen"):
        sets = [f"{name}{ending}" for name in ("answer", "coverage", "happy_sad")]
        photos, press = (
            info.calibration.figures.get("cross_validated", {}).get(name)
            for name in ("photos", "press")
        )
        if photos is not None and press is not None and set(sets) <= set(figures):
            answer, coverage, happy_sad = (figures[name] for name in sets)
            told = {
                "n": f"{answer['n']:,}",
                "accuracy": f"{answer['accuracy']:.1%}",
                "answered": f"{coverage['accuracy_answered']:.1%}",
                "happy_sad": f"{happy_sad['accuracy']:.1%}",
                "photos": f"{photos['mean_recall']:.0%}",
                "disgust": f"{photos['recall']['disgust']:.0%}",
                "fear": f"{photos['recall']['fear']:.0%}",
                "press": f"{press['mean_recall']:.0%}",
            }
            written = {key: number(text, language) for key, text in told.items()}
            before += "\n" + say("about.figures", language, kept=say(kept, language), **written)
            break
    return before, say("about.rest", language)


def error_text(error: FerError, language: str) -> str:
    """An error as a visitor reads it; fer_core's own English says more than a translation would."""
    if known_language(language) == ENGLISH:
        return str(error)
    if isinstance(error, ImageTooLargeError):
        return say("error.large", language)
    return say("error.image" if isinstance(error, InvalidImageError) else "error.other", language)
