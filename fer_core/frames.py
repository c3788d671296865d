"""Decodes a video file: upright RGB frames with their times, in constant memory.

FFmpeg decodes, through PyAV. It gets an open file, so that no name is interpreted as an address or
a pattern. Formats that name other files (playlists, scripts, image sequences) are not among
`FORMATS`, and opening another file is refused.
"""

import math
import os
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from fer_core.errors import InvalidVideoError, VideoTooLargeError
from fer_core.images import BAND_PIXELS, MAX_PIXELS, load_image

if TYPE_CHECKING:
    import av

# Containers, as FFmpeg names them.
FORMATS = (
    "mov", "matroska", "avi", "gif", "apng", "mpegts", "mpeg", "mpegvideo", "ogg", "flv", "asf",
    "mxf", "dv", "rm", "ivf", "h264", "hevc", "m4v", "yuv4mpegpipe",
)  # fmt: skip
STILL_BRANDS = {"avif", "heic", "heix", "mif1"}  # images in a container for videos
THREADS = 2  # of the decoder: each keeps another frame in memory
LIMITS = {"max_pixels": str(MAX_PIXELS)}  # of decoders
READ_BYTES = 1 << 18  # at a time
DECIMALS = 6  # of seconds, as FFmpeg counts
TIME_TOLERANCE = 1e-3  # seconds: rounding of times in containers
MISSING_SECONDS = 0.5  # tolerance of a header's duration
MAX_ASPECT = 4  # of a pixel that is not square; others are ignored as errors
GIF_ENDS = (b";", b"\0")  # the trailer, which some encoders pad
TELL_DURATION = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "asf")  # in the header

NO_FILE = "There is no readable file at this path."
UNREADABLE = (
    "This file is not a video that can be read; please use an MP4, MOV, WebM, AVI or GIF file that "
    "is complete."
)
NO_VIDEO = "There are no moving pictures in this file; please give a video."
NO_FRAME = "This video is damaged: no frame of it can be read; please save or send it again."
UNKNOWN_CODEC = "This video is coded in a way that is not supported; please save it as MP4 (H.264)."
TOO_SLOW = "Reading this video takes too long; please send a shorter or smaller one."
TOO_MANY_PIXELS = "The frames of this video have more than 64 megapixels; please make it smaller."


class VideoFrames(Iterator[tuple[float, NDArray[np.uint8]]]):
    """Iterates over `(time, image)` of a video's frames.

    `time` is in seconds from the beginning of the file, by its own timestamps; `image` is
    (H, W, 3) uint8 RGB, turned upright by the file's rotation, its pixels made square. Only the
    frames that are given are converted, and none is kept.

    Attributes:
        duration: in seconds, by the file's header; None where it states none.
        truncated: whether the file was found to be damaged or incomplete, which is certain only
            when the iteration has ended.
    """

    def __init__(
        self, path: str | os.PathLike[str], every: float = 0.0, deadline: float | None = None
    ) -> None:
        """Open a video.

        Args:
            path: of the file.
            every: seconds between the frames that are given: the first frame at or after each
                multiple; 0 for all frames.
            deadline: when reading must have ended, in seconds of `time.monotonic`.

        Raises:
            InvalidVideoError: not a video that can be read; while iterating also that no frame
                could be decoded or that the deadline has passed.
            VideoTooLargeError: its frames have more than 64 megapixels.
            ValueError: `every` is negative or not finite.
        """
        if not (every >= 0 and math.isfinite(every)):
            raise ValueError(f"every must be a number of seconds, at least 0, not {every}")
        self._every = every
        self._deadline = math.inf if deadline is None else deadline
        self.truncated = False
        self._file = _open(Path(path))
        try:
            self._container, self._stream = _open_container(self._file)
        except BaseException:
            self._file.close()
            raise
        claimed = self._container.duration or 0  # in microseconds
        self.duration = claimed / 1e6 if claimed > 0 else None
        self._clock = _Clock(self._container, self._stream)
        self._rotation: int | None = None
        self._matrix: bytes | None = None
        self._frames = self._read()

    @property
    def end(self) -> float:
        """Give the end of the last decoded frame, in seconds from the beginning."""
        return self._clock.end

    def __next__(self) -> tuple[float, NDArray[np.uint8]]:
        """Decode the next frame that `every` selects."""
        return next(self._frames)

    def close(self) -> None:
        """Free the file; iterating to the end does so, too."""
        self._frames.close()
        self._free()

    def _free(self) -> None:
        self._container.close()
        self._file.close()

    def _read(self) -> Generator[tuple[float, NDArray[np.uint8]], None, None]:
        wanted = 0  # the next multiple of `every`
        given = False
        try:
            for time, frame in self._decode():
                if time + TIME_TOLERANCE < wanted * self._every:
                    continue
                if self._every:
                    wanted = math.floor((time + TIME_TOLERANCE) / self._every) + 1
                given = True
                matrix = self._display_matrix(frame)
                yield time, _upright(frame, self._stream.sample_aspect_ratio, matrix)
        finally:
            self._free()
        if not given:
            raise InvalidVideoError(NO_FRAME)

    def _display_matrix(self, frame: "av.VideoFrame") -> bytes | None:
        """Get a frame's display matrix, again only when its rotation changes.

        PyAV's `side_data` refers back to its frame, which keeps it in memory until the garbage
        collector comes by: with large frames that is gigabytes.
        """
        if frame.rotation != self._rotation:
            self._rotation = frame.rotation
            matrix: Any = frame.side_data.get("DISPLAYMATRIX")
            self._matrix = None if matrix is None else bytes(matrix)
        return self._matrix

    def _decode(self) -> Iterator[tuple[float, "av.VideoFrame"]]:
        """Decode every frame that is not corrupt, with its time."""
        import av

        stream, clock = self._stream, self._clock
        for packet in self._packets():
            if monotonic() > self._deadline:
                raise InvalidVideoError(TOO_SLOW)
            if packet.stream.index != stream.index:
                clock.hear(packet)
                continue
            self.truncated |= packet.is_corrupt
            try:
                frames = [] if packet.is_corrupt else stream.decode(packet)
            except av.FFmpegError:
                frames = []
                self.truncated = True
            for frame in frames:
                time = clock.time_of(frame)
                self.truncated |= frame.is_corrupt
                if not frame.is_corrupt:
                    yield time, frame
        self.truncated |= self._ends_early()

    def _ends_early(self) -> bool:
        """Tell by the header or the trailer whether the end of the file is missing."""
        kind = self._container.format.name
        if kind == "gif":
            self._file.seek(-1, os.SEEK_END)
            return self._file.read(1) not in GIF_ENDS
        if kind not in TELL_DURATION or self.duration is None:
            return False
        return self._clock.latest + self._clock.longest + MISSING_SECONDS < self.duration

    def _packets(self) -> Iterator["av.Packet[Any]"]:
        """Read the packets of all streams; the last ones flush the decoders."""
        import av

        packets = self._container.demux()
        try:
            yield from packets
        except (av.FFmpegError, OSError):
            self.truncated = True


class _Clock:
    """Computes times of frames in seconds from the beginning of the file, which never decrease.

    Attributes:
        end: of the last frame, in seconds.
        latest: end of the last frame or sound, in seconds.
        longest: time between two frames so far, in seconds.
    """

    def __init__(self, container: "av.container.InputContainer", stream: "av.VideoStream") -> None:
        self._base = float(stream.time_base or 0)
        # Duration of a frame where the file does not state it.
        self._step = float(1 / (stream.average_rate or stream.guessed_rate or 25))
        begin: int | None = container.start_time  # of the stream that begins first, microseconds
        self._begin = None if begin is None else begin / 1e6
        self._last = self._next = self.end = self.latest = 0.0
        self.longest = self._step

    def time_of(self, frame: "av.VideoFrame") -> float:
        """Compute a frame's time; without a timestamp it is the end of the last frame."""
        stamp = frame.dts if frame.pts is None else frame.pts
        if self._begin is None:
            self._begin = (stamp or 0) * self._base
        time = self.end if stamp is None else round(stamp * self._base - self._begin, DECIMALS)
        if time < self._last - TIME_TOLERANCE:  # after timestamps restart, time continues
            self._begin -= self._next - time
            time = self._next
        time = max(time, self._last)
        self.longest = max(self.longest, time - self._last)
        self._last, self._next = time, time + self._step
        self.end = time + (frame.duration * self._base or self._step)
        self.latest = max(self.latest, self.end)
        return time

    def hear(self, packet: "av.Packet[Any]") -> None:
        """Note the end of a packet of sound."""
        if packet.pts is not None and self._begin is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self.latest = max(self.latest, end - self._begin)


def _open(path: Path) -> BinaryIO:
    try:
        if not path.is_file():  # a device or a pipe may have no end
            raise InvalidVideoError(NO_FILE)
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InvalidVideoError(NO_FILE) from error


def _open_container(
    file: BinaryIO,
) -> tuple["av.container.InputContainer", "av.VideoStream"]:
    """Open and check the container and the stream that is decoded."""
    container = _probe(file, LIMITS)
    try:
        stream = _video_stream(container)
        _check_size(stream.codec_context, file)
    except BaseException:
        container.close()
        raise
    stream.codec_context.options = LIMITS
    stream.thread_type = "AUTO"
    stream.thread_count = THREADS
    return container, stream


def _check_size(context: "av.VideoCodecContext", file: BinaryIO) -> None:
    width, height = context.width, context.height
    if not width or not height:
        # The decoder refused it, perhaps for its size; the header alone may state that.
        file.seek(0)
        with _probe(file, {"codec_whitelist": "none"}) as undecoded:
            claimed = _video_stream(undecoded).codec_context
            width, height = claimed.width, claimed.height
        if width * height <= MAX_PIXELS:
            raise InvalidVideoError(NO_FRAME)
    if width * height > MAX_PIXELS:
        raise VideoTooLargeError(TOO_MANY_PIXELS)


def _probe(file: BinaryIO, options: dict[str, str]) -> "av.container.InputContainer":
    """Open the container: read the header, and decode what it does not state.

    PyAV is imported where it is used: it loads FFmpeg, which images do not need.
    """
    import av

    whitelists = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": ""}
    try:
        return av.open(
            file,
            "r",
            options={**whitelists, **options},
            metadata_errors="replace",
            buffer_size=READ_BYTES,
            io_open=_refuse,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InvalidVideoError(UNREADABLE) from error


def _video_stream(container: "av.container.InputContainer") -> "av.VideoStream":
    """Find the first video stream that is not a still image."""
    from av.stream import Disposition

    if not container.streams:
        raise InvalidVideoError(UNREADABLE)
    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    shown = [stream for stream in container.streams.video if not stream.disposition & stills]
    if not shown or container.metadata.get("major_brand", "").strip() in STILL_BRANDS:
        raise InvalidVideoError(NO_VIDEO)
    context: av.VideoCodecContext | None = shown[0].codec_context
    if context is None:
        raise InvalidVideoError(UNKNOWN_CODEC)
    return shown[0]


def _refuse(*_given: object) -> NoReturn:
    raise PermissionError("a video opens no other file")


def _upright(
    frame: "av.VideoFrame", pixel_aspect: Fraction | None, matrix: bytes | None
) -> NDArray[np.uint8]:
    """Convert a frame to upright RGB with square pixels, transparency over white."""
    aspect = float(pixel_aspect or 1)
    width = frame.width
    if aspect != 1 and 1 / MAX_ASPECT <= aspect <= MAX_ASPECT:
        width = max(1, round(width * aspect))
    if width * frame.height > MAX_PIXELS:
        raise VideoTooLargeError(TOO_MANY_PIXELS)
    transparent = any(component.is_alpha for component in frame.format.components)
    pixels = frame.reformat(width=width, format="rgba" if transparent else "rgb24").to_ndarray()
    image = np.asarray(pixels, np.uint8)
    if transparent:
        image = _over_white(image)
    return image if matrix is None else _turned(image, matrix)


def _over_white(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blend over white in bands of rows: in one piece it takes five times the memory."""
    rows = max(1, BAND_PIXELS // image.shape[1])
    bands = [load_image(image[top : top + rows]) for top in range(0, len(image), rows)]
    return np.concatenate(bands)


def _turned(image: NDArray[np.uint8], matrix: bytes) -> NDArray[np.uint8]:
    """Rotate and mirror an image by a display matrix, to the nearest quarter turn.

    Args:
        image: (H, W, 3).
        matrix: nine int32 in native byte order, of which the first, second, fourth and fifth
            (a, b, c, d) take (x, y) to (a x + c y, b x + d y); y points down (ISO/IEC 14496-12).
    """
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float).tolist()
    if a * d - b * c < 0:
        image = image[::-1]
    quarters = round(math.atan2(b, a) / (math.pi / 2))  # clockwise
    return np.ascontiguousarray(np.rot90(image, -quarters))
