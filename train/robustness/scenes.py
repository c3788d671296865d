"""Whole pictures as the internet has them, around faces whose right answer is known.

A dataset's face is cut already; a visitor's is somewhere in a picture, small or large, rolled,
badly lit, compressed. The scenes made here are the measure of that difference (`train.gap`): faces
are set into generated backgrounds, and the whole is then photographed badly. Everything is decided
by the seed. The ranges were fixed before anything was tuned against them; a change of this module
makes older figures incomparable, so it carries a version.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import UInt8Array
from train.inputs.jpeg import jpeg
from train.robustness.backgrounds import background

VERSION = 1

SIZES = ((640, 480), (800, 600), (960, 720), (1280, 720), (1280, 960), (1600, 1200), (1920, 1080))
FACE_HEIGHT = (48.0, 480.0)  # pixels, drawn evenly in the logarithm
LARGEST_SHARE = 0.85  # of the picture's shorter side that a face may take
MAX_ROLL = 30.0  # degrees
UPRIGHT_SHARE = 1 / 3  # of the faces are not rolled at all
JPEG_QUALITY = (40, 95)
GAMMA = (0.6, 1.6)
CAST = 0.12  # largest relative gain or loss of a colour channel
LIGHT = 0.35  # largest relative fall of the light from one side of the picture to the other
BLUR = 0.012  # largest standard deviation, in face heights
NOISE = 10.0  # largest standard deviation, in grey levels
FEATHER = 0.25  # of the face's side, on each side: what surrounds the face and fades away
SKIN = (1.10, 0.98, 0.88)  # RGB gains that a grey face is tinted with, more or less


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A face to set into a scene.

    Attributes:
        picture: (h, w) grey or (h, w, 3) RGB uint8.
        center: (x, y) of the square that a dataset would cut, in pixels of `picture`.
        side: side of that square, in pixels; the face's height.
        roll: of the face in `picture`, in degrees, clockwise; it is set upright first.
        label: right answer, index into `FER2013_LABELS`.
    """

    picture: UInt8Array
    center: tuple[float, float]
    side: float
    roll: float
    label: int


@dataclass(frozen=True, slots=True)
class PlacedFace:
    """Where a face stands in a scene.

    Attributes:
        source: index into the faces that the scene was made from.
        center: (x, y) in pixels of the scene.
        height: side of the square that a dataset would cut, in pixels of the scene.
        roll: in degrees, clockwise.
        label: right answer, index into `FER2013_LABELS`.
    """

    source: int
    center: tuple[float, float]
    height: float
    roll: float
    label: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, (H, W, 3) uint8 RGB, and the faces that it shows."""

    picture: UInt8Array
    faces: tuple[PlacedFace, ...]


def dataset_face(face: UInt8Array, label: int) -> KnownFace:
    """A FER2013 face: the whole picture is the square."""
    side = face.shape[0]
    return KnownFace(face, (side / 2, side / 2), float(side), 0.0, label)


def make_scene(
    faces: Sequence[KnownFace],
    sources: Sequence[int],
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
    sizes: tuple[tuple[int, int], ...] = SIZES,
    heights: tuple[float, float] = FACE_HEIGHT,
) -> Scene:
    """Set faces into a generated picture, and photograph it.

    Args:
        faces: all that there are.
        sources: which of them the scene shall show; one that finds no room is left out.
        rng: the only source of chance.
        strength: of `photograph`.
        sizes: (width, height) of the pictures to draw from.
        heights: smallest and largest height of a face, in pixels.

    Returns:
        A scene of one of the sizes, by default 640x480 to 1920x1080 pixels.
    """
    width, height = sizes[rng.integers(len(sizes))]
    canvas = background(width, height, rng)
    placed: list[PlacedFace] = []
    for source in sources:
        place = _find_place(
            faces[source], source, placed, rng, size=(width, height), heights=heights
        )
        if place is not None:
            _paste(canvas, faces[source], place, rng)
            placed.append(place)
    smallest = min((face.height for face in placed), default=100.0)
    return Scene(photograph(canvas, smallest, rng, strength), tuple(placed))


def make_empty_scene(rng: np.random.Generator) -> UInt8Array:
    """(H, W, 3) uint8 RGB without a face: rooms, patterns, textures, drawings, noise."""
    width, height = SIZES[rng.integers(len(SIZES))]
    return photograph(background(width, height, rng), 100.0, rng)


def photograph(
    picture: UInt8Array, face_height: float, rng: np.random.Generator, strength: float = 1.0
) -> UInt8Array:
    """A bad photograph of a picture: light, gamma, colour cast, blur, noise, JPEG.

    Args:
        picture: (H, W, 3) uint8 RGB.
        face_height: in pixels; blur is measured by it.
        rng: the only source of chance.
        strength: what every fault is multiplied by, 0 (a perfect photograph) to 2.
    """
    height, width = picture.shape[:2]
    levels = picture.astype(np.float32) / 255
    levels *= (1 - strength * _light(width, height, rng))[..., np.newaxis]
    levels *= 1 + strength * rng.uniform(-CAST, CAST, 3).astype(np.float32)
    np.clip(levels, 0, 1, out=levels)
    levels **= np.float32(np.exp(strength * rng.uniform(*np.log(GAMMA))))
    if rng.random() < 0.5:
        sigma = max(0.01, strength * max(0.2, rng.uniform(0, BLUR) * face_height))
        levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), sigma), dtype=np.float32)
    if rng.random() < 0.5:
        sigma = strength * rng.uniform(0, NOISE) / 255
        levels += sigma * rng.standard_normal(levels.shape, dtype=np.float32)
    noisy = np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)
    quality = rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)
    return jpeg(noisy, max(5, round(100 - strength * (100 - quality))))


def _light(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W) float32 relative loss: light that falls from one side to the other."""
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, LIGHT)
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, np.newaxis]
    along = (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2)
    return np.asarray(fall * (along + 1) / 2, dtype=np.float32)


def _find_place(
    face: KnownFace,
    source: int,
    placed: Sequence[PlacedFace],
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    heights: tuple[float, float],
) -> PlacedFace | None:
    """A place where the whole head lies in the picture and touches no other."""
    largest = min(heights[1], LARGEST_SHARE * min(size))
    height = float(np.exp(rng.uniform(np.log(heights[0]), np.log(largest))))
    roll = 0.0 if rng.random() < UPRIGHT_SHARE else float(rng.uniform(-MAX_ROLL, MAX_ROLL))
    for _ in range(50):
        x, y = (float(rng.uniform(height / 2, length - height / 2)) for length in size)
        gaps = (
            np.hypot(x - other.center[0], y - other.center[1]) - 0.9 * (height + other.height)
            for other in placed
        )
        if all(gap > 0 for gap in gaps):
            return PlacedFace(source, (x, y), height, roll, face.label)
    return None


def _paste(
    canvas: UInt8Array, face: KnownFace, place: PlacedFace, rng: np.random.Generator
) -> None:
    """Blend a face with what surrounds it into the canvas, in place."""
    picture = face.picture
    if picture.ndim == 2:
        gains = 1 + rng.uniform(0, 1) * (np.array(SKIN, np.float32) - 1)
        picture = np.clip(picture[..., np.newaxis] * gains, 0, 255).astype(np.uint8)
    reach = place.height * (0.5 + FEATHER)
    # Shrinking by area has to come before the warp, which knows only interpolation.
    shrink = place.height / face.side
    if shrink < 1:
        size = (round(picture.shape[1] * shrink), round(picture.shape[0] * shrink))
        smaller = cv2.resize(
            picture, (max(1, size[0]), max(1, size[1])), interpolation=cv2.INTER_AREA
        )
        picture = np.asarray(smaller, dtype=np.uint8)
    # Whole pixels: each axis may have shrunk a little differently.
    factor = np.array(picture.shape[1::-1]) / np.array(face.picture.shape[1::-1])
    center = np.array(face.center) * factor - 0.5
    turn = cv2.getRotationMatrix2D(
        (float(center[0]), float(center[1])),
        face.roll - place.roll,  # OpenCV's angle is counter-clockwise
        place.height / (face.side * float(np.sqrt(factor.prod()))),
    )
    left, top = (int(np.floor(center - 1.5 * reach)) for center in place.center)
    right, bottom = (int(np.ceil(center + 1.5 * reach)) for center in place.center)
    turn[:, 2] += np.array(place.center) - 0.5 - center
    turn[:, 2] -= (left, top)
    patch = cv2.warpAffine(
        picture,
        turn,
        (right - left, bottom - top),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    alpha = _soft_mask(place, (left, top, right, bottom))
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], right), min(canvas.shape[0], bottom)
    inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    below = canvas[y0:y1, x0:x1].astype(np.float32)
    share = alpha[inner][..., np.newaxis]
    canvas[y0:y1, x0:x1] = np.rint(share * patch[inner] + (1 - share) * below).astype(np.uint8)


def _soft_mask(place: PlacedFace, window: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Opacity of a patch: a rounded square, whole over the face, fading within the feather."""
    left, top, right, bottom = window
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - place.center[0])[np.newaxis]
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - place.center[1])[:, np.newaxis]
    angle = np.deg2rad(place.roll)
    along = np.abs(np.cos(angle) * x + np.sin(angle) * y) / place.height
    down = np.abs(-np.sin(angle) * x + np.cos(angle) * y) / place.height
    distance = (along**4 + down**4) ** 0.25  # half a side at the middle of the face's edges
    fade = np.clip((0.5 + FEATHER - distance) / FEATHER, 0, 1)
    return np.asarray(fade * fade * (3 - 2 * fade), dtype=np.float32)


# Backgrounds: (width, height, rng) -> (H, W, 3) uint8 RGB that a human sees no face in.
