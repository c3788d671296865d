"""The answer for one face as HTML: headline, bars, happy or sad, downloads, and why."""

import base64
import json
from contextlib import suppress
from html import escape

import cv2

from fer_core import Emotion, RecognitionResult
from fer_core.emotions import BY_NAME
from fer_core.explanation import draw_evidence, enlarge, evidence_for, evidence_maps, filter_views
from fer_core.model import EmotionModel
from fer_core.preprocessing import UInt8Array
from fer_core.results import FaceResult
from page.texts import confidence_words, doubts, emotion_title, say, share_text

STRONG_CONTEMPT = 0.2
"""Share of the FER+ head from which on contempt is mentioned."""
WHY_SIZE = 192  # pixels of a face in the fold that explains


def answer_html(face: FaceResult, language: str, *, only_two: bool) -> str:
    """Format the answer for one face.

    Args:
        face: with its answer.
        language: of the page.
        only_two: happy or sad instead of the seven.
    """
    parts = _two(face, language) if only_two else _seven(face, language)
    return f'<div class="fer-answer">{parts}</div>'


def _seven(face: FaceResult, language: str) -> str:
    emotion = face.emotion
    best = BY_NAME[emotion.label]
    title = emotion_title(best.name, language)
    if emotion.is_uncertain:
        title = say("answer.perhaps", language, emotion=title.lower())
    bars = "".join(
        f'<li class="{"fer-best" if name == emotion.label else ""}">{_emoji(BY_NAME[name])}'
        f"<span>{escape(emotion_title(name, language))}</span>"
        f"{_track((share, BY_NAME[name].color))}"
        f'<span class="fer-value">{share_text(share, language)}</span></li>'
        for name, share in emotion.probabilities.items()
    )
    label = escape(say("answer.bars", language))
    contempt = ""
    if emotion.contempt >= STRONG_CONTEMPT:
        aside = say("answer.contempt", language, percent=share_text(emotion.contempt, language))
        contempt = f'<p class="fer-aside">{_emoji(BY_NAME["contempt"])} {escape(aside)}</p>'
    return (
        f"{_headline(best, title, confidence_words(face, language))}"
        f'<ul class="fer-bars" aria-label="{label}">{bars}</ul>{contempt}'
    )


def _two(face: FaceResult, language: str) -> str:
    happy, sad = BY_NAME["happy"], BY_NAME["sad"]
    share = face.emotion.happy_sad
    best = happy if share["happy"] >= share["sad"] else sad
    below = ". ".join([say("answer.if_two", language), *doubts(face, language)[:1]])
    ends = [
        f"<span>{_emoji(one)} {escape(emotion_title(one.name, language))} "
        f"{share_text(share[one.name], language)}</span>"
        for one in (happy, sad)
    ]
    return (
        f"{_headline(best, emotion_title(best.name, language), below)}"
        f'<div class="fer-two">{_track((share["happy"], happy.color), (share["sad"], sad.color))}'
        f"<p>{''.join(ends)}</p></div>"
    )


def download_html(result: RecognitionResult, language: str) -> str:
    """A link that holds the JSON answer itself: no copy of it is written on the server."""
    text = json.dumps(result.to_dict(), ensure_ascii=False, indent=2)
    data = base64.b64encode(text.encode()).decode()
    return (
        f'<a class="fer-download" download="faces.json" href="data:application/json;base64,{data}">'
        f"{escape(say('answer.json', language))}</a>"
    )


def why_html(model: EmotionModel, face: FaceResult, language: str) -> str:
    """What the model saw, where it saw signs of its answer, and a predecessor's filters."""
    title = emotion_title(face.emotion.label, language)
    large = [_figure(enlarge(face.aligned, WHY_SIZE), say("why.seen", language))]
    note = ""
    with suppress(ValueError):  # a network of another kind, which has no such maps
        maps = evidence_maps(model, face.aligned)
        evidence = evidence_for(maps, face.emotion.probabilities, face.emotion.label)
        heat = draw_evidence(face.aligned, evidence, WHY_SIZE)
        large.append(_figure(heat, say("why.evidence", language, emotion=title)))
        note = f"<p>{escape(say('why.note', language))}</p>"
    views = {key: view for key, view in filter_views(face.aligned).items() if key != "original"}
    small = [
        _figure(enlarge(view, WHY_SIZE), say(f"filter.{key}", language))
        for key, view in views.items()
    ]
    return (
        f'<div class="fer-why"><div class="fer-figures">{"".join(large)}</div>{note}'
        f"<p>{escape(say('why.filters', language))}</p>"
        f'<div class="fer-figures fer-small">{"".join(small)}</div></div>'
    )


def _headline(emotion: Emotion, title: str, below: str) -> str:
    return (
        f'<div class="fer-headline">{_emoji(emotion)}'
        f"<span>{escape(title)}<small>{escape(below)}</small></span></div>"
    )


def _figure(picture: UInt8Array, caption: str) -> str:
    """Inside the page, so that nothing is written on the server."""
    colors = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, png = cv2.imencode(".png", colors)
    data, text = base64.b64encode(png.tobytes()).decode(), escape(caption)
    source = f"data:image/png;base64,{data}"
    return f'<figure><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _emoji(emotion: Emotion) -> str:
    return f'<span class="fer-emoji" aria-hidden="true">{emotion.emoji}</span>'


def _track(*parts: tuple[float, str]) -> str:
    inner = "".join(
        f'<i style="width:{100 * share:.1f}%;background:{color}"></i>' for share, color in parts
    )
    return f'<span class="fer-track" aria-hidden="true">{inner}</span>'
