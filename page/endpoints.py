"""What programs call: `/predict`, `/annotate` and, not as MCP tools, those that take more."""

import io
import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fer_core import FerError
from fer_core.images import MAX_BYTES
from fer_core.summary import VideoSummary
from fer_core.table import (
    FIELDS,
    TIME_DECIMALS,
    Row,
    empty_row,
    error_row,
    rows,
    write_csv,
)
from page import addresses, videos
from page.handlers import BROKEN, Handlers, Reading
from page.parameters import Given, PictureParameter, PicturesParameter, VideoParameter
from page.pictures import NO_PICTURE, NO_VIDEO

# Beside the page's own queues, so that no visitor waits for programs: calls may wait for what they
# fetch, and two pictures are read at a time.
QUEUE: dict[str, Any] = {"concurrency_id": "programs", "concurrency_limit": 8}
AT_ONCE = 2
# One at a time, beside the pictures: between two frames of a video these have their turn.
VIDEO_QUEUE: dict[str, Any] = {"concurrency_id": "video", "concurrency_limit": 1}
MAX_BATCH = 32  # pictures a call
BATCH_SECONDS, VIDEO_SECONDS = 40, 20  # for fetching all pictures of a call, or a video
BATCH_FIELDS = (
    "number", "picture", *(name for name in FIELDS if name not in {"file", "time", "track"}),
)  # fmt: skip
LOG = logging.getLogger(__name__)

VideoAnswer = tuple[dict[str, Any], list[dict[str, Any]], str]


class Endpoints:
    """Answers for programs; errors are one sentence."""

    def __init__(self, handlers: Handlers) -> None:
        """Read pictures as the page does."""
        self._handlers = handlers
        self._turns = BoundedSemaphore(AT_ONCE)

    def predict(self, image: Given | None) -> dict[str, Any]:
        """Find every face in a picture and say which emotion people would read in it.

        Args:
            image: a picture file (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC; at most 20 MB).

        Returns:
            The picture's size and, for each face, largest first: box in pixels, score, label,
            calibrated probabilities of the seven emotions, and happy versus sad.
        """
        return self._read_or_tell(image).result.to_dict()

    def annotate(self, image: Given | None) -> NDArray[np.uint8]:
        """Draw a box and the emotion on every face of a picture.

        Args:
            image: a picture file (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC; at most 20 MB).

        Returns:
            The picture with boxes and labels; unmarked when it has no face.
        """
        return self._read_or_tell(image).annotated()

    def predict_batch(self, images: list[Given] | None) -> tuple[list[dict[str, Any]], str]:
        """Find every face in several pictures and say which emotion people would read in each.

        Args:
            images: picture files, at most 32, each as for predict.

        Returns:
            A list with an object for each picture, in their order: its file name as `picture` and
            the answer of predict, or `error`, one sentence, where it cannot be read. And the same
            as CSV text, in which `number` counts the pictures from 1: a line for each face, one
            with these two columns alone for a picture without a face, one with `error` for a
            picture that cannot be read.
        """
        if not images:
            raise gr.Error(NO_PICTURE, print_exception=False)
        if len(images) > MAX_BATCH:
            raise gr.Error(f"Please give at most {MAX_BATCH} pictures.", print_exception=False)
        answers: list[dict[str, Any]] = []
        table: list[Row] = []
        until = monotonic() + BATCH_SECONDS
        for number, given in enumerate(images, 1):
            name = name_of(given)
            try:
                result = self._read(given, min(until, monotonic() + addresses.SECONDS)).result
            except FerError as error:
                answers.append({"picture": name, "error": str(error)})
                found = [error_row(None, str(error))]
            else:
                answers.append({"picture": name, **result.to_dict()})
                found = rows(None, None, None, result) or [empty_row(None, None)]
            table += ({**row, "number": number, "picture": name} for row in found)
        return answers, as_csv(table, BATCH_FIELDS)

    def predict_video(
        self,
        video: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  how Gradio is asked for one
    ) -> Generator[VideoAnswer | tuple[Any, Any, Any], None, None]:
        """Find every face in a video and say which emotion people would read in it over time.

        Args:
            video: a video file (MP4, MOV, WebM, AVI, GIF and others; at most 60 seconds and
                100 MB), of which five frames a second are read.
            progress: is told how much was read.

        Returns:
            A summary: duration, number of frames, and shares of time for each emotion, overall and
            for each face, which has a number, `track`, while it stays in view. A timeline: for each
            frame and face its `time` in seconds, its `track`, and all that predict says of a face.
            And the timeline as CSV text.
        """
        if video is None:
            raise gr.Error(NO_VIDEO, print_exception=False)
        summary = VideoSummary()
        timeline: list[dict[str, Any]] = []
        table: list[Row] = []
        name = name_of(video)
        try:
            with (
                _local_video(video) as path,
                videos.open_video(path, self._handlers.recognizer) as reader,
            ):
                for frame in reader:
                    time, tracks, result = frame.time, frame.tracks, frame.result
                    videos.check_time(time)
                    summary.add(time, tracks, result)
                    table += rows(name, time, tracks, result)
                    timeline += (
                        {"time": round(time, TIME_DECIMALS), "track": track, **face.to_dict()}
                        for track, face in zip(tracks, result.faces, strict=True)
                    )
                    progress(videos.share_read(reader))
                    yield gr.skip(), gr.skip(), gr.skip()  # where Gradio ends it for who has left
                answer = {**summary.finish(reader.end), "truncated": reader.truncated}
        except FerError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:  # programs get a sentence, whatever it was
            LOG.exception("a video could not be read")
            raise gr.Error(BROKEN, print_exception=False) from error
        yield answer, timeline, as_csv(table)

    def _read_or_tell(self, given: Given | None) -> Reading:
        if given is None:
            raise gr.Error(NO_PICTURE, print_exception=False)
        try:
            return self._read(given, monotonic() + addresses.SECONDS)
        except FerError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def _read(self, given: Given, until: float) -> Reading:
        """Read one picture; what is fetched for it never lies on the disk."""
        if addresses.is_address(given):
            address = str(given)
            given = addresses.served_file(address) or addresses.fetch(address, MAX_BYTES, until)
        with self._turns:
            return self._handlers.read(given)


@contextmanager
def _local_video(given: str) -> Iterator[str]:
    """Path of a video; one that is fetched lies among the uploads while the block runs."""
    if not addresses.is_address(given):
        yield given
    elif (path := addresses.served_file(given)) is not None:
        yield path
    else:
        with NamedTemporaryFile() as fetched:
            until = monotonic() + VIDEO_SECONDS
            addresses.fetch_into(fetched, given, videos.MAX_BYTES, until)
            fetched.flush()
            yield fetched.name


def name_of(given: Given) -> str:
    """File name of what a program gave."""
    if isinstance(given, bytes):
        return ""
    return addresses.file_name(given) if addresses.is_address(given) else Path(given).name


def as_csv(table: Iterable[Row], fields: Sequence[str] = FIELDS) -> str:
    """Rows as text."""
    text = io.StringIO()
    write_csv(text, table, fields)
    return text.getvalue()


def add_endpoints(handlers: Handlers) -> None:
    """Add the endpoints to the page that is being built, on components that it does not show."""
    endpoints = Endpoints(handlers)
    with gr.Row(visible=False):
        image = PictureParameter(type="filepath", image_mode=None, label="Picture")
        images = PicturesParameter(label="Pictures", file_count="multiple")
        video = VideoParameter(label="Video")
        trigger = gr.Button()
        faces, drawn = gr.JSON(label="Faces"), gr.Image(label="Annotated picture", format="jpeg")
        several, table = gr.JSON(label="Answers"), gr.Textbox(label="CSV")
        trigger.click(endpoints.predict, image, faces, api_name="predict", **QUEUE)
        trigger.click(endpoints.annotate, image, drawn, api_name="annotate", **QUEUE)
        trigger.click(
            endpoints.predict_batch,
            images,
            [several, table],
            api_name="predict_batch",
            **QUEUE,
        )
        trigger.click(
            endpoints.predict_video,
            video,
            [gr.JSON(label="Summary"), gr.JSON(label="Timeline"), gr.Textbox(label="CSV")],
            api_name="predict_video",
            **VIDEO_QUEUE,
        )
