"""What the page does with a picture.

All visitors share one recognizer; a visitor's state holds the answer of the last picture, never the
picture.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fer_core import (
    EmotionRecognizer,
    FerError,
    RecognitionResult,
    Tracker,
    annotate,
    load_image,
)
from fer_core.geometry import shrink
from page.answer import answer_html, download_html, why_html
from page.texts import error_text, face_text, picture_text, say, status_text

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
    "angry_f_african_01.jpg": "example.hard",
    "lake_01.jpg": "example.none",
}
"""Pictures of the gallery, by file name, with the key of their caption."""

MAX_VIEW = 2048  # pixels; more is not seen on a screen, and is slow to draw and send
NOT_SHOWN = {".heic", ".heif", ".tif", ".tiff"}  # by most browsers
SEARCH_EVERY = 5  # frames of the live camera, for faces that are small and not known yet
SEVEN, TWO = "seven", "two"
BROKEN = "Something broke on our side; please try again in a moment."
LOG = logging.getLogger(__name__)


class BrokenError(FerError):
    """A fault of ours, or of the machine."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture with its answer."""

    picture: NDArray[np.uint8]
    result: RecognitionResult

    def annotated(self) -> NDArray[np.uint8]:
        """A copy of the picture with boxes and labels."""
        return annotate(self.picture, self.result)

    def view(self, language: str) -> NDArray[np.uint8]:
        """The same in a language, no larger than a screen needs."""
        small, _ = shrink(self.picture, MAX_VIEW)
        return annotate(small, self.result, lambda face: face_text(face, language))


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on a visitor's page.

    Attributes:
        result: of the last picture.
        chosen: index of the face whose answer is shown.
        path: of the picture, which is soon deleted; None for a frame of the live camera.
        tracker: follows the faces of the live camera; None for a picture.
        frames: of the live camera that were answered before.
    """

    result: RecognitionResult
    chosen: int = 0
    path: str | None = None
    tracker: Tracker | None = None
    frames: int = 0


@dataclass(slots=True)
class Source:
    """Whose answer a visitor's page shows.

    It is changed in place: several events of one visitor may run at once.

    Attributes:
        live: it is the live camera's, whose frames may replace it.
    """

    live: bool = False


class Handlers:
    """The page's events, as methods; values and updates in the order that page.layout wires."""

    def __init__(self, recognizer: EmotionRecognizer) -> None:
        """Keep the recognizer, which every request uses, and what it says of the examples."""
        self.recognizer = recognizer
        self._examples = [self.read(str(EXAMPLES_DIR / name)) for name in EXAMPLES]

    def read(self, source: str | bytes, *, mirror: bool = False, **search: Any) -> Reading:
        """Decode once, recognize.

        Args:
            source: a path or the bytes of a picture file.
            mirror: swap left and right, as a camera's preview does.
            search: further arguments of `EmotionRecognizer.recognize`.

        Raises:
            InvalidImageError, ImageTooLargeError: not a picture that can be read.
            BrokenError: anything else went wrong, which the log tells.
        """
        try:
            picture = load_image(source)
            if mirror:
                picture = np.ascontiguousarray(picture[:, ::-1])
            return Reading(picture, self.recognizer.recognize(picture, **search))
        except FerError:
            raise
        except Exception as error:  # visitors and programs get a sentence, whatever it was
            LOG.exception("a picture could not be read")
            raise BrokenError(BROKEN) from error

    def show(self, path: str | None, language: str, mode: str, source: Source) -> list[Any]:
        """What to show for a picture, or for none."""
        source.live = False
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
        faces = shown.result.faces
        choices = [
            (f"{number} · {face_text(face, language)}", number - 1)
            for number, face in enumerate(faces, 1)
        ]
        several = len(faces) > 1
        text = picture_text(shown.result, language)
        drawn: dict[str, Any] = (
            {} if reading is None else {"value": reading.view(language), "visible": True}
        )
        modes = [(say("answer.seven", language), SEVEN), (say("answer.two", language), TWO)]
        return [
            status_text(shown.result, language),
            gr.update(alt_text=text, **drawn),
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

    def show_example(
        self, language: str, mode: str, source: Source, event: gr.SelectData
    ) -> list[Any]:
        """The same for a picture of the gallery, which was read before anybody asked."""
        source.live = False
        reading = self._examples[event.index]
        path = str(EXAMPLES_DIR / list(EXAMPLES)[event.index])
        return self._page(Shown(reading.result, path=path), reading, language, mode)

    def preview(self, path: str | None) -> Any:
        """An uploaded picture as a browser can show it, where it cannot show the file."""
        if path is None or Path(path).suffix.lower() not in NOT_SHOWN:
            return gr.skip()
        try:
            return shrink(load_image(path), MAX_VIEW)[0]
        except FerError:  # `show` tells
            return gr.skip()

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
        if shown is None or len(shown.result.faces) < 2:
            return [gr.skip()] * 5
        faces, scale = shown.result.faces, max(1.0, max(shown.result.image_size) / MAX_VIEW)
        x, y = (scale * place for place in event.index)
        hit = [
            (box.area, number)
            for number, box in enumerate(face.detection.box for face in faces)
            if box.x_min <= x < box.x_max and box.y_min <= y < box.y_max
        ]
        if not hit:
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
        return why_html(self.recognizer.model, shown.result.faces[shown.chosen], language)

    def status(self, shown: Shown | None, language: str) -> str:
        """The sentence above the answer, where another one stood about the camera."""
        if shown is None:
            return say("answer.waiting", language)
        return status_text(shown.result, language)

    def begin_live(self, source: Source) -> None:
        """Let the frames of the live camera be answered from now on."""
        source.live = True

    def live(  # noqa: PLR0917  Gradio gives them by position
        self,
        frame: bytes | None,
        shown: Shown | None,
        number: int | None,
        language: str,
        mode: str,
        source: Source,
    ) -> list[Any]:
        """One frame of the camera, mirrored as the preview beside it is.

        `number` is that of the face that is chosen. A frame that comes, or is done, after something
        else was asked changes nothing.
        """
        skip = gr.skip()
        if frame is None or not source.live:
            return [skip] * 8
        before = shown if shown is not None and shown.tracker is not None else None
        tracker = (before and before.tracker) or Tracker()
        near = [face.detection.box for face in before.result.faces] if before else []
        frames = before.frames + 1 if before else 0
        every = frames % SEARCH_EVERY == 0
        try:
            reading = self.read(frame, mirror=True, small_faces=every, near=near)
        except FerError:  # a frame that was cut off; the next one comes at once
            return [skip] * 8
        _, result = tracker.update(reading.result, monotonic())
        faces = range(len(result.faces))
        chosen = number if number is not None and number in faces else 0
        shown = Shown(result, chosen, tracker=tracker, frames=frames)
        page = self._page(shown, replace(reading, result=result), language, mode)
        if before is not None and len(before.result.faces) == len(faces):
            # What would close the fold or move the focus stays as it is.
            page[2:4] = page[5:7] = [skip, skip]
        elif len(faces) > 1:
            page[2].choices = [(str(number + 1), number) for number in faces]
        return page if source.live else [skip] * 8

    def _answer(self, shown: Shown | None, language: str, mode: str) -> str:
        if shown is None or not shown.result.faces:
            return ""
        face = shown.result.faces[shown.chosen]
        answer = answer_html(face, language, only_two=mode == TWO)
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
