"""Writes annotated copies of images and videos into a folder that mirrors their folders."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.batch import Reading
from fer_core.drawing import annotate
from fer_core.errors import OutputError
from fer_core.video_writer import VideoWriter

KEPT_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # others get .jpg appended
QUALITY = 92  # of JPEG and WebP, 0..100


class MarkedCopies:
    """Writes annotated copies, each when its file was read to the end."""

    def __init__(self, folder: Path, files: list[str]) -> None:
        """Determine the path of each copy.

        A file's path relative to the deepest common folder of all files is its copy's path in
        `folder`.

        Args:
            folder: for the copies; created when it is missing.
            files: all that may be added.

        Raises:
            OutputError: copies would replace the files, or the folder cannot be made.
        """
        whole = {file: os.path.abspath(file) for file in files}  # noqa: PTH100  links stay
        parents = {os.path.dirname(path) for path in whole.values()}  # noqa: PTH120
        common = os.path.commonpath(parents) if parents else ""
        self._folder = folder
        self._places = {file: os.path.relpath(path, common) for file, path in whole.items()}
        self._taken = set(self._places.values())
        self._originals = set(whole.values())
        self._video: _MarkedVideo | None = None
        if common and folder.resolve() == Path(common).resolve():
            raise _replaces(folder)
        with _sentences(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def add(self, reading: Reading) -> None:
        """Draw an image, or the next frame of a video; ignore an error.

        Raises:
            OutputError: the copy cannot be written.
        """
        if reading.result is None or reading.image is None or reading.file is None:
            return
        if reading.time is None:
            picture = annotate(reading.image, reading.result)
            path = self._place(reading.file, KEPT_SUFFIXES, ".jpg")
            with _sentences(path), _replacing(path) as unfinished:
                Image.fromarray(picture).save(unfinished, quality=QUALITY)
            return
        picture = annotate(reading.image, reading.result, numbers=reading.tracks)
        if self._video is None:
            self._video = _MarkedVideo(self._place(reading.file, (".mp4",), ".mp4"))
        self._video.add(picture, reading.time)

    def finish(self) -> None:
        """Complete the copy of a file that was read to the end.

        Raises:
            OutputError: the copy cannot be written.
        """
        video, self._video = self._video, None
        if video is not None:
            video.finish()

    def drop(self) -> None:
        """Delete the copy of a video that was not read to the end."""
        video, self._video = self._video, None
        if video is not None:
            video.drop()

    def _place(self, file: str, kept: tuple[str, ...], suffix: str) -> Path:
        place = self._places[file]
        if not place.lower().endswith(kept):
            place += suffix
            while place in self._taken:  # another file has this name
                place += suffix
        path = self._folder / place
        if os.path.abspath(path) in self._originals:  # noqa: PTH100  as above
            raise _replaces(path.parent)
        with _sentences(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path


class _MarkedVideo:
    """Writes a video of the frames that were read, at their own times."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = _unfinished(path)
        self._shape: tuple[int, ...] | None = None
        with _sentences(path):
            self._writer = VideoWriter(self._unfinished)

    def add(self, image: NDArray[np.uint8], time: float) -> None:
        if self._shape is None:
            self._shape = tuple(max(2, side) for side in image.shape)
        if (
            image.shape != self._shape
        ):  # the size may change within the source, but not within an MP4
            height, width = self._shape[:2]
            image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
        with _sentences(self._path):
            self._writer.write(image, time)

    def finish(self) -> None:
        with _sentences(self._path):
            self._writer.close()
            self._unfinished.replace(self._path)

    def drop(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()
        self._unfinished.unlink(missing_ok=True)


def _replaces(folder: Path) -> OutputError:
    return OutputError(
        f"The marked copies would replace files in {folder}; please name another folder."
    )


def _unfinished(path: Path) -> Path:
    return path.with_name(f".unfinished-{path.name}")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path, which replaces `path` when it is complete."""
    unfinished = _unfinished(path)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Convert an OSError into an OutputError with one sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The marked copy {path} cannot be written: {error.strerror or error}."
        ) from error
