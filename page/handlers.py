"""What the page does with a picture.

All visitors share one recognizer; a visitor's state holds the answer of the last picture, never the
picture.
"""

import base64
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from numpy.typing import NDArray

from fer_core import EmotionRecognizer, FerError, RecognitionResult, annotate, load_image
from fer_core.drawing import label_text
from page.answer import answer_html, download_html, why_html
from page.live import smooth
from page.texts import emotion_titles, error_text, picture_text, say, status_text

EXAMPLES_DIR = Path(__file__).resolve().parent.parent / "examples"
EXAMPLES = {
    "happy_f_asian_01.jpg": "emotion.happy",
    "surprise_m_african_01.jpg": "emotion.surprise",
    "angry_f_african_02.jpg": "emotion.angry",
    "sad_f_african_01.jpg": "emotion.sad",
    "fear_m_asian_01.jpg": "emotion.fear",
    "disgust_m_european_01.jpg": "emotion.disgust",
    "neutral_m_european_01.jpg": "emotion.neutral",
    "happy_f_african_roll30_01.jpg": "example.tilted",
    "group_happy-surprise-angry_01.jpg": "example.group",
    "angry_f_european_02.jpg": "example.hard",
}
"""Pictures of the gallery, by file name, with the key of their caption."""

NO_PICTURE = "Please give a picture."
SEVEN, TWO = "seven", "two"


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture with its answer."""

    picture: NDArray[np.uint8]
    result: RecognitionResult

    def annotated(self, language: str = "en") -> NDArray[np.uint8]:
        """A copy of the picture with boxes and labels; drawn only for who looks at it."""
        return annotate(self.picture, self.result, emotion_titles(language))


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on a visitor's page.

    Attributes:
        result: of the last picture.
        chosen: index of the face whose answer is shown.
        path: of the picture, which is soon deleted; None for a frame of the live camera.
    """

    result: RecognitionResult
    chosen: int = 0
    path: str | None = None


class Handlers:
    """The page's events, as methods; values and updates in the order that page.layout wires."""

    def __init__(self, recognizer: EmotionRecognizer) -> None:
        """Keep the recognizer, which every request uses."""
        self._recognizer = recognizer

    def read(self, path: str) -> Reading:
        """Decode once, recognize."""
        picture = load_image(path)
        return Reading(picture, self._recognizer.recognize(picture))

    def show(self, path: str | None, language: str, mode: str) -> list[Any]:
        """What to show for a picture, or for none."""
        if path is None:
            return self._nothing(say("answer.waiting", language))
        try:
            reading = self.read(path)
        except FerError as error:
            text = error_text(error, language)
            gr.Warning(text, title=say("error.title", language))
            return self._nothing(text)
        return self._page(Shown(reading.result, path=path), reading, language, mode)

    def again(self, shown: Shown | None, language: str, mode: str) -> list[Any]:
        """The same answer in another language; the picture, too, while its copy is there."""
        if shown is None:
            return self._nothing(say("answer.waiting", language))
        reading = None
        if shown.path is not None:
            with suppress(FerError):
                reading = Reading(load_image(shown.path), shown.result)
        return self._page(shown, reading, language, mode)

    def _page(self, shown: Shown, reading: Reading | None, language: str, mode: str) -> list[Any]:
        """Everything about an answer; without a reading the picture stays as it is."""
        faces, titles = shown.result.faces, emotion_titles(language)
        choices = [
            (label_text(face, number, titles), number - 1) for number, face in enumerate(faces, 1)
        ]
        several, label = len(faces) > 1, say("answer.picture", language)
        text = picture_text(shown.result, language)
        drawn: dict[str, Any] = (
            {} if reading is None else {"value": reading.annotated(language), "visible": True}
        )
        modes = [(say("answer.seven", language), SEVEN), (say("answer.two", language), TWO)]
        return [
            status_text(shown.result, language),
            gr.update(label=label, alt_text=text, **drawn),
            gr.Radio(
                label=say("answer.face", language),
                choices=choices,
                value=shown.chosen if several else None,
                visible=several,
            ),
            gr.Radio(choices=modes, value=mode, visible=bool(faces)),
            self._answer(shown, language, mode),
            gr.Accordion(label=say("why.title", language), visible=bool(faces), open=False),
            "",
            shown,
        ]

    def show_example(self, language: str, mode: str, event: gr.SelectData) -> list[Any]:
        """The same for a picture of the gallery."""
        return self.show(str(EXAMPLES_DIR / list(EXAMPLES)[event.index]), language, mode)

    def choose(self, number: int, shown: Shown | None, language: str, mode: str) -> list[Any]:
        """Another face of the same picture."""
        if shown is None or not 0 <= number < len(shown.result.faces):
            return [gr.skip(), gr.skip(), gr.skip(), gr.skip()]
        shown = replace(shown, chosen=number)
        return [self._answer(shown, language, mode), gr.Accordion(open=False), "", shown]

    def choose_at(
        self, shown: Shown | None, language: str, mode: str, event: gr.SelectData
    ) -> list[Any]:
        """The face that was clicked in the picture: the smallest whose box holds the place."""
        faces = shown.result.faces if shown is not None else ()
        x, y = event.index
        hit = [
            (box.area, number)
            for number, box in enumerate(face.detection.box for face in faces)
            if box.x_min <= x < box.x_max and box.y_min <= y < box.y_max
        ]
        if not hit or len(faces) < 2:
            return [gr.skip()] * 5
        number = min(hit)[1]
        return [gr.Radio(value=number), *self.choose(number, shown, language, mode)]

    def switch(self, shown: Shown | None, language: str, mode: str) -> str:
        """The answer in the other mode."""
        return self._answer(shown, language, mode)

    def explain(self, shown: Shown | None, language: str) -> str:
        """The fold that tells why, made when it is opened."""
        if shown is None or not shown.result.faces:
            return ""
        return why_html(self._recognizer.model, shown.result.faces[shown.chosen], language)

    def live(
        self, frame: bytes | None, before: RecognitionResult | None, language: str, mode: str
    ) -> list[Any]:
        """One frame of the camera, mirrored as the preview beside it is."""
        skip = gr.skip()
        if frame is None:
            return [None, None, *[skip] * 8]
        try:
            picture = np.ascontiguousarray(load_image(frame)[:, ::-1])
        except FerError:  # a frame that was cut off; the next one comes at once
            return [skip] * 10
        result = smooth(self._recognizer.recognize(picture), before)
        shown = Shown(result)
        first = before is None
        return [
            annotate(picture, result, emotion_titles(language)),
            result,
            status_text(result, language),
            gr.Image(None, visible=False) if first else skip,  # of an earlier picture
            gr.Radio(visible=False) if first else skip,
            gr.Radio(visible=True) if first else skip,
            self._answer(shown, language, mode),
            gr.Accordion(visible=True) if first else skip,
            skip,
            shown,
        ]

    def _answer(self, shown: Shown | None, language: str, mode: str) -> str:
        if shown is None or not shown.result.faces:
            return ""
        emotion = shown.result.faces[shown.chosen].emotion
        answer = answer_html(emotion, language, only_two=mode == TWO)
        return answer + download_html(shown.result, language)

    def _nothing(self, status: str) -> list[Any]:
        return [
            status,
            gr.Image(None, visible=False),
            gr.Radio(visible=False),
            gr.Radio(visible=False),
            "",
            gr.Accordion(visible=False, open=False),
            "",
            None,
        ]


def gallery_value(language: str) -> list[tuple[str, str]]:
    """The gallery's pictures with their captions."""
    return [(str(EXAMPLES_DIR / name), say(key, language)) for name, key in EXAMPLES.items()]


def frame_bytes(payload: ImageData | None) -> bytes | None:
    """A frame of the live camera, which comes inside the message and never lies on the disk."""
    if payload is None or payload.url is None:
        return None
    head, _, data = payload.url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return None


def uploaded_path(payload: ImageData | None) -> str | None:
    """Where Gradio put the upload, or None when there is no picture."""
    if payload is None:
        return None
    if payload.path is None:  # a client sent the pixels in a URL, or something else
        raise gr.Error(NO_PICTURE, print_exception=False)
    return payload.path
