"""Every text of the page, in English and French: texts.json, and what the server makes of it.

The page says most of them itself, in page/web/words.js.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from fer_core import (
    FerError,
    ImageTooLargeError,
    InvalidImageError,
    InvalidVideoError,
    VideoTooLargeError,
)
from fer_core.drawing import face_label
from fer_core.model import ModelInfo
from fer_core.results import FaceResult

ENGLISH, FRENCH = "en", "fr"
LANGUAGES = (ENGLISH, FRENCH)

TEXTS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).resolve().parent / "texts.json").read_text(encoding="utf-8")
)
"""By key and language."""

CODE = "language.code"
"""Key of the text by which Gradio tells the page the language of its settings."""

i18n = gr.I18n(**{language: {CODE: TEXTS[CODE][language]} for language in LANGUAGES})
"""For Gradio, which follows the browser and its own settings."""


def known_language(said: str | None) -> str:
    """`fr` for any French, `en` for all others: `fr-CA` is French, None English."""
    return FRENCH if (said or "").lower().startswith(FRENCH) else ENGLISH


def say(key: str, language: str, **values: Any) -> str:
    """A text in a language, with what it leaves open filled in."""
    return TEXTS[key][known_language(language)].format(**values)


def face_text(face: FaceResult, language: str) -> str:
    """What stands on a face, without its number."""
    return number(face_label(face, say(f"emotion.{face.emotion.label}", language)), language)


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
    kinds = {
        ImageTooLargeError: "error.large",
        InvalidImageError: "error.image",
        VideoTooLargeError: "error.video_large",
        InvalidVideoError: "error.video",
        FerError: "error.other",
    }
    return say(next(key for kind, key in kinds.items() if isinstance(error, kind)), language)
