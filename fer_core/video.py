"""Reads a video: time, faces with emotions and track numbers of each frame."""

import os
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import TruncatedVideoWarning
from fer_core.frames import VideoFrames
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import RecognitionResult
from fer_core.tracking import Tracker

TRUNCATED = "This video is damaged or incomplete; it was read up to {:.1f} seconds."


class VideoFrame:
    """The result for one frame of a video.

    Attributes:
        time: in seconds from the beginning, by the file's own timestamps.
        result: as `EmotionRecognizer.recognize` gives it, with probabilities and boxes smoothed
            over the frames before (see `Tracker.update`).
        tracks: for each face of `result.faces` a number that it keeps while it stays in view, from
            1 on. It identifies no person.
    """

    __slots__ = ("_image", "result", "time", "tracks")

    def __init__(
        self,
        time: float,
        result: RecognitionResult,
        tracks: tuple[int, ...],
        image: NDArray[np.uint8],
    ) -> None:
        """Join time, result, track numbers and image of a frame."""
        self.time, self.result, self.tracks = time, result, tracks
        self._image: NDArray[np.uint8] | None = image

    @property
    def image(self) -> NDArray[np.uint8]:
        """Get the frame itself, (H, W, 3) uint8 RGB, upright; only until the next frame is read.

        Frames that are kept in a list so take no memory for images. Copy what is needed longer.

        Raises:
            RuntimeError: the next frame was read, or the video closed.
        """
        if self._image is None:
            raise RuntimeError(
                "the image of a frame is kept until the next frame is read; use or copy it before"
            )
        return self._image

    def release(self) -> None:
        """Release the image."""
        self._image = None

    def __repr__(self) -> str:
        return f"VideoFrame(time={self.time}, tracks={self.tracks}, result={self.result!r})"


class VideoReader(Iterator[VideoFrame]):
    """Iterates over the frames of a video; made by `read_video`.

    Reading to the end, `close` and leaving a `with` block close the file.
    """

    def __init__(self, frames: VideoFrames, recognizer: EmotionRecognizer) -> None:
        """Read decoded frames with a recognizer."""
        self._frames = frames
        self._recognizer = recognizer
        self._tracker = Tracker()
        self._last: VideoFrame | None = None
        self._warned = False

    @property
    def duration(self) -> float | None:
        """Get the duration in seconds by the file's header; None where it states none."""
        return self._frames.duration

    @property
    def end(self) -> float:
        """Get the end of the last decoded frame, in seconds from the beginning."""
        return self._frames.end

    @property
    def truncated(self) -> bool:
        """Tell whether the file was found to be damaged or incomplete, as far as it was read."""
        return self._frames.truncated

    def __next__(self) -> VideoFrame:
        """Read the next frame that `every` selects."""
        self._forget()
        try:
            time, image = next(self._frames)
        except StopIteration:
            if self.truncated and not self._warned:
                self._warned = True
                warnings.warn(TRUNCATED.format(self.end), TruncatedVideoWarning, stacklevel=2)
            raise
        tracks, result = self._tracker.update(self._recognizer.recognize(image), time)
        self._last = VideoFrame(time, result, tracks, image)
        return self._last

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._forget()
        self._frames.close()

    def _forget(self) -> None:
        if self._last is not None:
            self._last.release()
            self._last = None


def read_video(
    path: str | os.PathLike[str],
    every: float = 0.2,
    recognizer: EmotionRecognizer | None = None,
) -> VideoReader:
    """Read the faces of a video, frame by frame, in constant memory whatever its length.

    >>> for frame in read_video("clip.mp4", every=0.2):
    ...     for face, track in zip(frame.result.faces, frame.tracks, strict=True):
    ...         print(f"{frame.time:.1f} s: face {track} looks {face.emotion.label}")

    Args:
        path: of an MP4, MOV, WebM, MKV, AVI, GIF or other usual video file. Rotation by its
            metadata is applied.
        every: seconds between the frames that are read: the first frame at or after each multiple,
            by the file's own timestamps; 0 for every frame.
        recognizer: to use; `EmotionRecognizer.load()` when None.

    Returns:
        An iterator over `VideoFrame`, to be closed when it is not read to the end. A file that is
        damaged or incomplete is read as far as possible, then a `TruncatedVideoWarning` is given
        and `truncated` is True.

    Raises:
        InvalidVideoError: not a video that can be read; also while reading, where no frame of a
            video can be decoded.
        VideoTooLargeError: its frames have more than 64 megapixels.
        ValueError: `every` is negative or not finite.
    """
    frames = VideoFrames(path, every)
    try:
        return VideoReader(frames, EmotionRecognizer.load() if recognizer is None else recognizer)
    except BaseException:
        frames.close()
        raise
