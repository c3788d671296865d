"""Video files with known truth, made by the tests: portraits on a calm background."""

import os
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import EXAMPLES

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
SIDE = 220  # pixels of a portrait, of which the face takes about two thirds
FACE = (0.5, 0.45)  # of a portrait, where the middle of its face is
QUIET = {"x265-params": "log-level=none", "svtav1-params": "log=0"}
TIME_BASE = Fraction(1, 90_000)


class Part(NamedTuple):
    """A portrait in a frame.

    Attributes:
        name: of an example, without `.jpg`.
        x: of its centre, in pixels.
        y: of its centre, in pixels.
        side: in pixels.
        shown: 1 for all of it, 0 for nothing but the background.
    """

    name: str
    x: float = WIDTH / 2
    y: float = HEIGHT / 2
    side: int = SIDE
    shown: float = 1.0


def scene(*parts: Part, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """(height, width, 3) uint8 RGB: portraits in ovals, the later ones in front."""
    canvas = background(width, height).astype(np.float32)
    for part in parts:
        portrait, mask = _oval(part.name, part.side)
        shift = np.array(
            [[1, 0, part.x - part.side / 2], [0, 1, part.y - part.side / 2]], np.float64
        )
        moved = cv2.warpAffine(portrait, shift, (width, height), flags=cv2.INTER_LINEAR)
        share = cv2.warpAffine(mask, shift, (width, height), flags=cv2.INTER_LINEAR)
        share = part.shown * share[..., np.newaxis]
        canvas = share * moved + (1 - share) * canvas
    return np.rint(canvas).astype(np.uint8)


@lru_cache(maxsize=8)
def background(width: int, height: int) -> Picture:
    """A calm gradient."""
    ramp = np.linspace(90, 150, width)[np.newaxis, :] + np.linspace(-20, 20, height)[:, np.newaxis]
    return np.repeat(np.rint(ramp).astype(np.uint8)[..., np.newaxis], 3, axis=2)


@lru_cache(maxsize=64)
def _oval(name: str, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with Image.open(EXAMPLES / f"{name}.jpg") as opened:
        portrait = np.asarray(opened.convert("RGB").resize((side, side)), np.float32)
    mask = np.zeros((side, side), np.float32)
    center, axes = (side // 2, side // 2), (round(0.42 * side), round(0.49 * side))
    cv2.ellipse(mask, center, axes, 0, 0, 360, 1.0, cv2.FILLED)
    return portrait, cv2.GaussianBlur(mask, (0, 0), side / 60)


def write_clip(
    path: Path,
    images: Iterable[Picture],
    times: Sequence[float] | None = None,
    *,
    codec: str = "libx264",
    rotation: int = 0,
    container: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Encode images.

    Args:
        path: to write; its suffix tells the container.
        images: (H, W, 3) uint8 RGB.
        times: of the images, in seconds; 30 a second when None.
        codec: name of an FFmpeg encoder.
        rotation: degrees counter-clockwise by which players are told to turn the video.
        container: options of the container.
        options: of the encoder.
    """
    formats = {"gif": "rgb8", "mjpeg": "yuvj420p", "apng": "rgb24", "rawvideo": "rgb24"}
    with av.open(str(path), "w", options=container or {}) as output:
        stream: Any = None
        for number, image in enumerate(images):
            if stream is None:
                given = {**(QUIET if codec in ("libx265", "libsvtav1") else {}), **options}
                stream = output.add_stream(codec, rate=30, options=given)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = formats.get(codec, "yuv420p")
                if times is not None:
                    stream.codec_context.time_base = TIME_BASE
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] / TIME_BASE), TIME_BASE
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    if codec == "libsvtav1" and sys.platform == "linux":
        # For root, SVT-AV1 turns the thread that calls it into a real-time one (SCHED_FIFO 99), and
        # leaves it so: every process that a later test starts would starve the rest of the machine.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path
