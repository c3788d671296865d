"""Writes images as a video, each at a given time."""

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

TIME_BASE = Fraction(1, 90_000)  # seconds; usual frame rates are whole multiples
QUALITY = {"crf": "20", "preset": "veryfast"}  # of x264; a CRF of 18 is visually nearly lossless


class VideoWriter:
    """Writes an MP4 (H.264) without sound, for example of annotated frames.

    >>> with VideoWriter("marked.mp4") as writer:
    ...     for frame in read_video("clip.mp4"):
    ...         writer.write(annotate(frame.image, frame.result), frame.time)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Create a file, or overwrite one.

        Raises:
            OSError: it cannot be written.
        """
        import av

        self._file = Path(path).open("wb")  # noqa: SIM115  `close` closes it
        self._container = av.open(self._file, "w", format="mp4")
        self._stream: av.VideoStream | None = None
        self._shape: tuple[int, ...] = ()
        self._next = 0  # the earliest timestamp of the next frame

    def write(self, image: NDArray[np.uint8], time: float) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3) uint8 RGB, of the same shape as the first one. An odd last row or
                column is left out, as H.264 has none.
            time: of the frame, in seconds from the beginning; after that of the last one.

        Raises:
            ValueError: another shape than before, or less than two pixels on a side.
            OSError: the file cannot be written.
        """
        import av

        stream = self._stream_for(image)
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(image[: stream.height, : stream.width]), format="rgb24"
        )
        frame.pts = max(self._next, round(time / TIME_BASE))
        frame.time_base = TIME_BASE
        self._next = frame.pts + 1
        self._container.mux(stream.encode(frame))

    def _stream_for(self, image: NDArray[np.uint8]) -> "av.VideoStream":
        if self._stream is None:
            height, width = (side // 2 * 2 for side in image.shape[:2])
            if height == 0 or width == 0:
                raise ValueError(f"a video has at least 2x2 pixels, not {image.shape}")
            stream = self._container.add_stream("libx264", rate=30, options=QUALITY)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = TIME_BASE
            self._stream, self._shape = stream, image.shape
        if image.shape != self._shape:
            raise ValueError(f"the video has frames of {self._shape}, not {image.shape}")
        return self._stream

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: it cannot be written.
        """
        with self._file:
            if self._stream is not None:
                self._container.mux(self._stream.encode())
            self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
