"""Read the videos of programs, within the page's limits."""

import time
from pathlib import Path

from fer_core import (
    EmotionRecognizer,
    InvalidVideoError,
    VideoReader,
    VideoTooLargeError,
)
from fer_core.frames import VideoFrames

MAX_SECONDS, SLACK = 60, 0.5  # a recorder that stops after a minute writes a frame more
MAX_BYTES = 100_000_000
EVERY = 0.2  # seconds between the frames that are read
MAX_AGE = 280  # seconds since the upload; its copy must be gone after five minutes

TOO_LONG = "This video is longer than 60 seconds; please cut it."
TOO_MANY_BYTES = "This video is larger than 100 MB; please make it smaller or cut it."
GONE = "This video waited so long that its copy was deleted; please send it again."


def open_video(path: str, recognizer: EmotionRecognizer) -> VideoReader:
    """Begin to read an uploaded video.

    The file stays open until it is closed: sweeping its copy away does not disturb.

    Args:
        path: of the upload.
        recognizer: shared with all other requests.

    Returns:
        A reader of a frame every `EVERY` seconds, which refuses to go on after `MAX_AGE`.

    Raises:
        InvalidVideoError: not a video that can be read.
        VideoTooLargeError: beyond the limits, by what its header says.
    """
    try:
        file = Path(path).stat()
    except OSError as error:
        raise InvalidVideoError(GONE) from error
    if file.st_size > MAX_BYTES:
        raise VideoTooLargeError(TOO_MANY_BYTES)
    deadline = time.monotonic() + MAX_AGE - (time.time() - file.st_mtime)
    reader = VideoReader(VideoFrames(path, EVERY, deadline), recognizer)
    try:
        check_time(reader.duration or 0)
    except VideoTooLargeError:
        reader.close()
        raise
    return reader


def check_time(seconds: float) -> None:
    """Refuse what is longer than the page's limit, whatever its header says.

    Raises:
        VideoTooLargeError: it is.
    """
    if seconds > MAX_SECONDS + SLACK:
        raise VideoTooLargeError(TOO_LONG)


def share_read(reader: VideoReader) -> float:
    """How much was read, 0..1; of `MAX_SECONDS` where the header tells no duration."""
    return min(1.0, reader.end / (reader.duration or MAX_SECONDS))
