"""What programs call: `/predict`, `/annotate` and, not as MCP tools, those that take more."""

import io
import logging
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fer_core import FerError
from fer_core.summary import VideoSummary
from fer_core.table import FIELDS, TIME_DECIMALS, Row, rows, write_csv
from page import videos
from page.handlers import BROKEN, Handlers, Reading
from page.pictures import NO_PICTURE, NO_VIDEO

MAX_BATCH = 32  # pictures a call
NOT_IN_BATCH = {"file", "time", "track", "error"}
BATCH_FIELDS = ("picture", *(name for name in FIELDS if name not in NOT_IN_BATCH))
LOG = logging.getLogger(__name__)

VideoAnswer = tuple[dict[str, Any], list[dict[str, Any]], str]


class Endpoints:
    """Answers for programs; errors are one sentence."""

    def __init__(self, handlers: Handlers) -> None:
        """Read pictures as the page does."""
        self._handlers = handlers

    def predict(self, image: str) -> dict[str, Any]:
        """Find every face in a picture and say which emotion people would read in it.

        Args:
            image: a picture file (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC; at most 20 MB).

        Returns:
            The picture's size and, for each face, largest first: box in pixels, score, label,
            calibrated probabilities of the seven emotions, and happy versus sad.
        """
        return self._read(image).result.to_dict()

    def annotate(self, image: str) -> NDArray[np.uint8]:
        """Draw a box and the emotion on every face of a picture.

        Args:
            image: a picture file (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC; at most 20 MB).

        Returns:
            The picture with boxes and labels; unmarked when it has no face.
        """
        return self._read(image).annotated()

    def predict_batch(self, images: list[str] | None) -> tuple[list[dict[str, Any]], str]:
        """Find every face in several pictures and say which emotion people would read in each.

        Args:
            images: picture files, at most 32, each as for predict.

        Returns:
            A list with an object for each picture, in their order: its file name as `picture` and
            the answer of predict, or `error`, one sentence, where it cannot be read. And the same
            as CSV text, a line for each face.
        """
        if not images:
            raise gr.Error(NO_PICTURE, print_exception=False)
        if len(images) > MAX_BATCH:
            raise gr.Error(f"Please give at most {MAX_BATCH} pictures.", print_exception=False)
        answers: list[dict[str, Any]] = []
        table: list[Row] = []
        for path in images:
            name = Path(path).name
            try:
                result = self._handlers.read(path).result
            except FerError as error:
                answers.append({"picture": name, "error": str(error)})
            else:
                answers.append({"picture": name, **result.to_dict()})
                table += ({"picture": name, **row} for row in rows(name, None, None, result))
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
        try:
            with videos.open_video(video, self._handlers.recognizer) as reader:
                for frame in reader:
                    time, tracks, result = frame.time, frame.tracks, frame.result
                    videos.check_time(time)
                    summary.add(time, tracks, result)
                    table += rows(Path(video).name, time, tracks, result)
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

    def _read(self, path: str | None) -> Reading:
        if path is None:
            raise gr.Error(NO_PICTURE, print_exception=False)
        try:
            return self._handlers.read(path)
        except FerError as error:
            raise gr.Error(str(error), print_exception=False) from error


def as_csv(table: Iterable[Row], fields: Sequence[str] = FIELDS) -> str:
    """Rows as text."""
    text = io.StringIO()
    write_csv(text, table, fields)
    return text.getvalue()
