"""What programs call: `/predict`, `/annotate` and, not as an MCP tool, `/predict_batch`."""

import csv
import io
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fer_core import FER2013_LABELS, FerError
from page.handlers import Handlers, Reading
from page.pictures import NO_PICTURE

MAX_BATCH = 32  # pictures a call
CSV_FIELDS = (
    "picture", "face", "x_min", "y_min", "x_max", "y_max", "score", "label", "confidence",
    "uncertain", *FER2013_LABELS, "contempt",
)  # fmt: skip


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
        answers = []
        for path in images:
            answer: dict[str, Any] = {"picture": Path(path).name}
            try:
                answer |= self._handlers.read(path).result.to_dict()
            except FerError as error:
                answer["error"] = str(error)
            answers.append(answer)
        return answers, as_csv(answers)

    def _read(self, path: str | None) -> Reading:
        if path is None:
            raise gr.Error(NO_PICTURE, print_exception=False)
        try:
            return self._handlers.read(path)
        except FerError as error:
            raise gr.Error(str(error), print_exception=False) from error


def as_csv(answers: list[dict[str, Any]]) -> str:
    """A line for each face, numbered from 1 in its picture; pictures without one have none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    for answer in answers:
        for number, face in enumerate(answer.get("faces", ()), 1):
            emotion = face["emotion"]
            kept = {key: emotion[key] for key in ("label", "confidence", "uncertain", "contempt")}
            writer.writerow(
                {
                    "picture": _inert(answer["picture"]),
                    "face": number,
                    **face["box"],
                    "score": face["score"],
                    **kept,
                    **emotion["probabilities"],
                }
            )
    return text.getvalue()


def _inert(name: str) -> str:
    """A file name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
