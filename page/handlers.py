"""What the page asks of the server.

The browser holds the picture and its answer; the server keeps neither. All visitors share one
recognizer. A fault is an answer, too: `{"error": {"en": ..., "fr": ...}}`, one sentence in each
language.
"""

import base64
import io
import logging
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import cv2
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
from fer_core.results import BoundingBox
from fer_core.summary import VideoSummary
from fer_core.table import FIELDS, Row, error_row, rows, write_csv
from page import videos
from page.explained import explain
from page.pictures import NO_PICTURE, NO_VIDEO, as_url, frame_bytes, within_uploads
from page.texts import LANGUAGES, error_text, face_text

EXAMPLES_DIR = Path(__file__).resolve().parent.parent / "examples"
EXAMPLES = {
    "happy_f_asian_01.jpg": "example.happy",
    "surprise_m_african_01.jpg": "example.surprise",
    "angry_f_african_02.jpg": "example.angry",
    "sad_f_african_01.jpg": "example.sad",
    "fear_m_asian_01.jpg": "example.fear",
    "group_happy-surprise-angry_01.jpg": "example.group",
    "disgust_m_european_01.jpg": "example.disgust",
    "neutral_m_european_01.jpg": "example.neutral",
    "happy_f_african_roll30_01.jpg": "example.tilted",
    "angry_f_african_01.jpg": "example.hard",
    "lake_01.jpg": "example.none",
}
"""Pictures of the gallery, by file name, with the key of what they show; six begin the page."""

MAX_VIEW = 2048  # pixels; more is not seen on a screen, and is slow to draw and send
MAX_PACKED = 32  # pictures
SEARCH_EVERY = 5  # frames of the live camera, for faces that are small and not known yet
NO_CROP = np.zeros((1, 1), np.uint8)
NO_FACE = "There is no such face in this picture."
BROKEN = "Something broke on our side; please try again in a moment."
LOG = logging.getLogger(__name__)

Answer = dict[str, Any]


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


@dataclass(slots=True)
class Live:
    """What is known of a visitor's live camera: where faces were, and their smoothed answers.

    Attributes:
        tracker: follows the faces; it is given no crops of them.
        near: boxes of the last frame.
        frames: that were answered.
        lock: several frames of one visitor may be on their way.
    """

    tracker: Tracker = field(default_factory=Tracker)
    near: tuple[BoundingBox, ...] = ()
    frames: int = 0
    lock: Lock = field(default_factory=Lock)


class Handlers:
    """The page's events, as methods that `page.layout` offers to page/web."""

    def __init__(self, recognizer: EmotionRecognizer) -> None:
        """Keep the recognizer, which every request uses, and read the pictures of the gallery.

        `examples` holds the answer of `read_picture` for each of them.
        """
        self.recognizer = recognizer
        self.examples = {
            name: _answer(self.read(str(EXAMPLES_DIR / name)), name) for name in EXAMPLES
        }

    def read(self, source: str | bytes, **search: Any) -> Reading:
        """Decode once, recognize.

        Args:
            source: a path or the bytes of a picture file.
            search: further arguments of `EmotionRecognizer.recognize`.

        Raises:
            InvalidImageError, ImageTooLargeError: not a picture that can be read.
            BrokenError: anything else went wrong, which the log tells.
        """
        try:
            picture = load_image(source)
            return Reading(picture, self.recognizer.recognize(picture, **search))
        except FerError:
            raise
        except Exception as error:  # visitors and programs get a sentence, whatever it was
            LOG.exception("a picture could not be read")
            raise BrokenError(BROKEN) from error

    def read_picture(self, path: str, name: str) -> Answer:
        """Read an uploaded picture.

        Args:
            path: of the upload.
            name: of the visitor's file, for the table.

        Returns:
            `result`, the JSON answer, and `csv`, a line for each face without the columns' names.
            Where it cannot be read, `error` and its line.
        """
        try:
            return _answer(self.read(_uploaded(path)), name)
        except FerError as error:
            return told(error) | {"csv": _lines([error_row(name, str(error))])}

    def preview(self, path: str) -> Answer:
        """Give a picture as `url`, a JPEG, where the browser cannot show the visitor's own file."""
        try:
            return {"url": as_url(shrink(load_image(_uploaded(path)), MAX_VIEW)[0])}
        except FerError as error:
            return told(error)

    def explain(self, path: str, face: int) -> Answer:
        """Tell what the model saw in a face of a picture, an upload or the name of an example.

        Returns:
            `views`, a picture as URL for each key of `page.explained.explain`.
        """
        try:
            file = str(EXAMPLES_DIR / path) if path in EXAMPLES else _uploaded(path)
            faces = self.read(file).result.faces
        except FerError as error:
            return told(error)
        if not 0 <= face < len(faces):
            return told(FerError(NO_FACE))
        return {"views": explain(self.recognizer.model, faces[face])}

    def pack(self, files: list[dict[str, str]], language: str) -> Iterator[Answer]:
        """Draw boxes and labels on pictures and pack them.

        Args:
            files: `path` of each upload and `name` of the visitor's file.
            language: of the labels.

        Yields:
            `progress`, 0..1; in the end `zip`, the archive in base64.
        """
        archive, names = io.BytesIO(), set[str]()
        try:
            with zipfile.ZipFile(archive, "w") as packed:
                for number, file in enumerate(files[:MAX_PACKED]):
                    yield {"progress": number / len(files)}
                    picture = self.read(_uploaded(file.get("path"))).view(language)
                    packed.writestr(_unused(str(file.get("name")), names), _jpeg(picture))
        except FerError as error:
            yield told(error)
        else:
            yield {"zip": base64.b64encode(archive.getvalue()).decode()}

    def read_video(self, path: str, name: str) -> Iterator[Answer]:
        """Read an uploaded video.

        Args:
            path: of the upload.
            name: of the visitor's file, for the table.

        Yields:
            For each frame its `time` in seconds, `image`, its size, its `faces` as in the JSON
            answer, each with its `track`, and `progress`, 0..1; in the end `summary`, `csv` and
            `truncated`.
        """
        summary, table = VideoSummary(), list[Row]()
        try:
            with closing(videos.open_video(_uploaded(path, NO_VIDEO), self.recognizer)) as reader:
                for frame in reader:
                    videos.check_time(frame.time)
                    summary.add(frame.time, frame.tracks, frame.result)
                    table += rows(name, frame.time, frame.tracks, frame.result)
                    yield {
                        "time": frame.time,
                        "image": frame.result.to_dict()["image"],
                        "faces": _tracked(frame.tracks, frame.result),
                        "progress": videos.share_read(reader),
                    }
                end, truncated = reader.end, reader.truncated
        except FerError as error:
            yield told(error)
        except Exception:  # visitors get a sentence, whatever it was
            LOG.exception("a video could not be read")
            yield told(BrokenError(BROKEN))
        else:
            yield {
                "summary": summary.finish(end),
                "csv": _lines(table),
                "truncated": truncated,
            }

    def read_frame(self, given: dict[str, Any], live: Live | None) -> tuple[Answer, Live | None]:
        """Read one frame of the live camera.

        Args:
            given: `frame`, a picture as URL, and `first`, true where the camera was opened anew.
            live: what the frames before have told.

        Returns:
            `image`, its size, and `faces` as in the JSON answer, each with its `track`; nothing
            where the frame cannot be read.
        """
        frame = frame_bytes(given.get("frame"))
        if live is None or given.get("first"):
            live = Live()
        if frame is None:
            return {}, live
        with live.lock:
            every = live.frames % SEARCH_EVERY == 0
            try:
                result = self.read(frame, small_faces=every, near=live.near).result
            except FerError:  # a frame that was cut off; the next one comes at once
                return {}, live
            blank = replace(
                result, faces=tuple(replace(face, aligned=NO_CROP) for face in result.faces)
            )
            tracks, calm = live.tracker.update(blank, monotonic())
            live.near = tuple(face.detection.box for face in calm.faces)
            live.frames += 1
        return {"image": calm.to_dict()["image"], "faces": _tracked(tracks, calm)}, live


def _answer(reading: Reading, name: str) -> Answer:
    result = reading.result
    return {"result": result.to_dict(), "csv": _lines(rows(name, None, None, result))}


def told(error: FerError) -> Answer:
    """An error as the page shows it, in each language."""
    return {"error": {language: error_text(error, language) for language in LANGUAGES}}


def _uploaded(path: object, otherwise: str = NO_PICTURE) -> str:
    """The path, if it is an upload: anybody may call the page's events with anything.

    Raises:
        FerError: it is not.
    """
    try:
        return within_uploads(path if isinstance(path, str) else None, otherwise)
    except gr.Error as error:
        raise FerError(str(error.message)) from error


def _tracked(tracks: tuple[int, ...], result: RecognitionResult) -> list[Answer]:
    return [
        {"track": track, **face.to_dict()} for track, face in zip(tracks, result.faces, strict=True)
    ]


def _lines(table: list[Row]) -> str:
    text = io.StringIO()
    write_csv(text, table, FIELDS, header=False)
    return text.getvalue()


def _unused(name: str, names: set[str]) -> str:
    """A name for the annotated copy, as JPEG, that no other has."""
    stem, number = Path(name).stem, 1
    unused = f"{stem}.jpg"
    while unused in names:
        number += 1
        unused = f"{stem} ({number}).jpg"
    names.add(unused)
    return unused


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return jpeg.tobytes()
