"""Reads batches of files, for the command line and for engines such as Ray Data, Spark and Beam."""

import io
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.errors import FerError, TruncatedVideoWarning
from fer_core.images import load_image
from fer_core.inference import limit_threads
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import RecognitionResult
from fer_core.table import FIELDS, Row, empty_row, error_row, rows
from fer_core.video import TRUNCATED, read_video

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif",
     ".heic", ".heif"}
)  # fmt: skip
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".qt", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts",
     ".m2ts", ".ogv", ".flv", ".wmv", ".asf", ".3gp", ".3g2", ".mxf", ".dv"}
)  # fmt: skip
SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES
PATH, BYTES = "path", "bytes"
NUMBERS = frozenset(FIELDS) - {"file", "track", "face", "label", "uncertain", "reliable", "error"}
"""Columns of floating-point numbers, in which NaN stands for a missing value."""
NO_NAME = "There is neither a path nor a file's content in this row."
EMPTY_FOLDER = "There is no image or video in this folder."
BROKEN = "This file could not be read because of a fault in the program ({})."
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class Reading:
    """The result for an image or for one frame of a video, or why a file cannot be read.

    Attributes:
        file: its name, as given; None for content without a name.
        time: of the frame, in seconds; None for an image.
        image: (H, W, 3) uint8 RGB, upright; a frame's is valid until the next one is read.
        result: the faces; None where there is an error.
        tracks: track number of each face; None for an image.
        error: one sentence; None where there is a result.
    """

    file: str | None
    time: float | None = None
    image: NDArray[np.uint8] | None = None
    result: RecognitionResult | None = None
    tracks: tuple[int, ...] | None = None
    error: str | None = None

    def rows(self) -> list[Row]:
        """Convert to a row for each face, or to one row without a face or with the error."""
        if self.result is None:
            return [error_row(self.file, self.error or "")]
        found = rows(self.file, self.time, self.tracks, self.result)
        return found or [empty_row(self.file, self.time)]


class FaceReader:
    """Reads batches of images and videos: columns in, columns out, errors in a column.

    Engines make one instance in each of their workers and call it with batches. It is not meant to
    be shared by threads: two batches at a time would wait for each other.

    >>> reader = FaceReader()
    >>> table = reader({"path": ["examples/happy_f_asian_01.jpg", "no-such-file.jpg"]})
    >>> list(zip(table["file"], table["label"], table["error"]))
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        every: float = 0.2,
        threads: int | None = None,
    ) -> None:
        """Load the networks.

        Args:
            model: a folder with model.json and its TFLite file; the model of this package when
                None.
            every: seconds between the frames of a video that are read; 0 for every frame.
            threads: that a network may use, from now on and in the whole process; 1 where several
                workers share a machine. At most two, and no more than there are cores, when None.

        Raises:
            ModelLoadError: a file of the model is missing or malformed.
            ValueError: `every` is negative or not a number.
        """
        if not 0 <= every < float("inf"):
            raise ValueError(f"every must be a number of seconds, at least 0, not {every}")
        if threads is not None:
            limit_threads(threads)
        self.every = every
        self.recognizer = EmotionRecognizer.load(model)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Read a batch of files into the rows of a table.

        Args:
            batch: columns of equal length. `path`: names of files; `bytes`: their content. With
                both, the content is read and the path names it (its suffix says whether it
                is a video). Further columns are repeated on each row of their file.

        Returns:
            The columns of `fer_core.table.FIELDS`, of equal length, then the further columns of
            the batch: a row for each face, largest first; a row with empty face columns for an
            image or frame without a face; a row with `error`, one sentence, for a file that cannot
            be read. Numbers are float64 with NaN where they are missing; text, counts and truth
            values are objects with None where they are missing.

        Raises:
            ValueError: there is neither a column `path` nor `bytes`, or a further column has the
                name of an answer's column.
        """
        others = [name for name in batch if name not in (PATH, BYTES)]
        if taken := set(others) & set(FIELDS):
            raise ValueError(
                f"a column of the batch has the name of an answer's column: {', '.join(taken)}; "
                "rename it"
            )
        table: list[Row] = []
        origins: list[int] = []
        for index, (path, content) in enumerate(_files(batch)):
            for reading in self.read(path, content):
                found = reading.rows()
                table += found
                origins += [index] * len(found)
        columns = {name: _column(name, table) for name in FIELDS}
        return columns | {name: _objects(batch[name])[origins] for name in others}

    def answers(self, batch: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Read a batch of images into one answer each, for engines that need a row for each row.

        Args:
            batch: as above. Of a video the first frame is read.

        Returns:
            `answer`: the JSON answer as text, None where there is an error; `error`: one sentence,
            None where there is an answer. As many rows as the batch has.

        Raises:
            ValueError: there is neither a column `path` nor `bytes`.
        """
        readings = [next(self.read(path, content)) for path, content in _files(batch)]
        answers = [
            None if reading.result is None else json.dumps(reading.result.to_dict())
            for reading in readings
        ]
        return {
            "answer": _objects(answers),
            "error": _objects([reading.error for reading in readings]),
        }

    def read(self, file: str | None, content: bytes | None = None) -> Iterator[Reading]:
        """Read one file.

        Args:
            file: its name; a suffix of `VIDEO_SUFFIXES`, or an animated GIF, makes it a video.
            content: of the file, which is then not opened.

        Yields:
            One reading of an image, or one for each frame of a video that is read, in constant
            memory. What goes wrong is the last reading, with `error`; nothing is raised.
        """
        try:
            if file is None and content is None:
                yield Reading(None, error=NO_NAME)
            elif content is None and Path(str(file)).is_dir():
                yield Reading(file, error=EMPTY_FOLDER)
            elif is_video(file, content):
                yield from self._read_video(file, content)
            else:
                image = load_image(str(file) if content is None else content)
                yield Reading(file, image=image, result=self.recognizer.recognize(image))
        except (FerError, TruncatedVideoWarning) as error:
            yield Reading(file, error=str(error))
        except Exception as error:  # one file of a million must not end the work on the others
            LOG.exception("%s could not be read", file)
            yield Reading(file, error=BROKEN.format(type(error).__name__))

    def _read_video(self, file: str | None, content: bytes | None) -> Iterator[Reading]:
        if content is not None:
            with tempfile.NamedTemporaryFile(suffix=PurePath(file or "").suffix) as copy:
                copy.write(content)
                copy.flush()
                yield from self._read_frames(file, copy.name)
        else:
            yield from self._read_frames(file, str(file))

    def _read_frames(self, file: str | None, path: str) -> Iterator[Reading]:
        with read_video(path, self.every, self.recognizer) as frames:
            for frame in frames:
                yield Reading(file, frame.time, frame.image, frame.result, frame.tracks)
            if frames.truncated:
                yield Reading(file, error=TRUNCATED.format(frames.end))


def is_video(file: str | None, content: bytes | None = None) -> bool:
    """Tell by a file's suffix whether it is a video; a GIF is one when it is animated."""
    suffix = PurePath(file or "").suffix.lower()
    if suffix != ".gif":
        return suffix in VIDEO_SUFFIXES
    try:
        if content is None and not Path(str(file)).is_file():  # a pipe may have no end
            return False
        with Image.open(str(file) if content is None else io.BytesIO(content)) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001  loading it as an image gives the error
        return False


def _files(batch: Mapping[str, Any]) -> Iterator[tuple[str | None, bytes | None]]:
    given = [batch[name] for name in (PATH, BYTES) if name in batch]
    if not given:
        raise ValueError(f"a batch needs a column '{PATH}' or '{BYTES}', not {list(batch)}")
    missing = [None] * len(given[0])
    paths, contents = batch.get(PATH, missing), batch.get(BYTES, missing)
    for path, content in zip(paths, contents, strict=True):
        yield None if path is None else str(path), None if content is None else bytes(content)


def _column(name: str, table: list[Row]) -> NDArray[Any]:
    values = [row[name] for row in table]
    if name in NUMBERS:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return _objects(values)


def _objects(values: Any) -> NDArray[Any]:
    """Make an (N,) array of any Python objects, lists and byte strings among them."""
    column = np.empty(len(values), object)
    for index, value in enumerate(values):
        column[index] = value
    return column
