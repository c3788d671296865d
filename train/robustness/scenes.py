"""Generates scenes: images with labelled faces on generated backgrounds, and with image faults.

A dataset face is a crop; a face in a user's image is small or large, rotated, badly lit,
compressed. `train.gap` measures on scenes how much accuracy that costs. The seed decides
everything. The ranges were fixed before anything was tuned against them; results of other ranges
cannot be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import UInt8Array
from train.inputs.jpeg import jpeg
from train.robustness.backgrounds import background

SIZES = ((640, 480), (800, 600), (960, 720), (1280, 720), (1280, 960), (1600, 1200), (1920, 1080))
FACE_HEIGHT = (48.0, 480.0)  # pixels, log-uniform
LARGEST_SHARE = 0.85  # largest face height, relative to the shorter side of the image
MAX_ROLL = 30.0  # degrees
UPRIGHT_SHARE = 1 / 3  # of the faces that are not rotated
JPEG_QUALITY = (40, 95)
GAMMA = (0.6, 1.6)
CAST = 0.12  # largest relative gain or loss of a color channel
LIGHT = 0.35  # largest relative loss of light from one side of the image to the other
BLUR = 0.012  # largest standard deviation, in face heights
NOISE = 10.0  # largest standard deviation, in grey levels
FEATHER = 0.25  # width of the blended margin, relative to the face's side
SKIN = (1.10, 0.98, 0.88)  # RGB gains of the strongest tint of a grey face


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A labelled face to paste into a scene: in a square, which is what a dataset crop shows."""

    image: UInt8Array  # (h, w) grey or (h, w, 3) RGB
    center: tuple[float, float]  # (x, y) of the square, in pixels of `image`
    side: float  # of the square, in pixels; the face's height
    roll: float  # of the face in `image`, in degrees clockwise; it is undone first
    label: int  # index into `FER2013_LABELS`


@dataclass(frozen=True, slots=True)
class PlacedFace:
    """Position of a face in a scene, in pixels of the scene."""

    center: tuple[float, float]  # (x, y)
    height: float  # side of the square that a dataset crop shows
    roll: float  # in degrees clockwise
    label: int  # index into `FER2013_LABELS`


@dataclass(frozen=True, slots=True)
class Scene:
    """An image, (H, W, 3) uint8 RGB, and the faces in it."""

    image: UInt8Array
    faces: tuple[PlacedFace, ...]


def dataset_face(face: UInt8Array, label: int) -> KnownFace:
    """Make a `KnownFace` of a (s, s) uint8 FER2013 face, which fills its crop."""
    side = face.shape[0]
    return KnownFace(face, (side / 2, side / 2), float(side), 0.0, label)


def make_scene(
    faces: Sequence[KnownFace],
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
    sizes: tuple[tuple[int, int], ...] = SIZES,
    heights: tuple[float, float] = FACE_HEIGHT,
) -> Scene:
    """Paste faces into a generated background, and add image faults.

    Args:
        faces: to paste; one without room is left out.
        rng: the only source of randomness.
        strength: of the faults, see `add_faults`.
        sizes: (width, height) in pixels to choose from.
        heights: smallest and largest height of a face, in pixels.
    """
    width, height = sizes[rng.integers(len(sizes))]
    canvas = background(width, height, rng)
    placed: list[PlacedFace] = []
    for face in faces:
        place = _find_place(face.label, placed, rng, size=(width, height), heights=heights)
        if place is not None:
            _paste(canvas, face, place, rng)
            placed.append(place)
    smallest = min((face.height for face in placed), default=100.0)
    return Scene(add_faults(canvas, smallest, rng, strength), tuple(placed))


def make_empty_scene(rng: np.random.Generator) -> UInt8Array:
    """Generate (H, W, 3) uint8 RGB without a face: rooms, patterns, textures, drawings, noise."""
    width, height = SIZES[rng.integers(len(SIZES))]
    return add_faults(background(width, height, rng), 100.0, rng)


def add_faults(
    image: UInt8Array, face_height: float, rng: np.random.Generator, strength: float = 1.0
) -> UInt8Array:
    """Imitate faults of photographs: light, gamma, color cast, blur, noise, JPEG.

    Args:
        image: (H, W, 3) uint8 RGB; not changed.
        face_height: in pixels, the unit of blur.
        rng: the only source of randomness.
        strength: factor of every fault, 0 (none) to 2.
    """
    height, width = image.shape[:2]
    levels = image.astype(np.float32) / 255
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
    """Return (H, W) float32 relative loss of light, increasing from one side to the other."""
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, LIGHT)
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, np.newaxis]
    along = (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2)
    return np.asarray(fall * (along + 1) / 2, dtype=np.float32)


def _find_place(
    label: int,
    placed: Sequence[PlacedFace],
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    heights: tuple[float, float],
) -> PlacedFace | None:
    """Find a random position where the whole head is in the image and overlaps no other head."""
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
            return PlacedFace((x, y), height, roll, label)
    return None


def _paste(
    canvas: UInt8Array, face: KnownFace, place: PlacedFace, rng: np.random.Generator
) -> None:
    """Blend a face and its surroundings into the canvas, in place."""
    image = face.image
    if image.ndim == 2:
        gains = 1 + rng.uniform(0, 1) * (np.array(SKIN, np.float32) - 1)
        image = np.clip(image[..., np.newaxis] * gains, 0, 255).astype(np.uint8)
    reach = place.height * (0.5 + FEATHER)
    # Reduce by area averaging first: the warp only interpolates, which would alias.
    shrink = place.height / face.side
    if shrink < 1:
        size = (round(image.shape[1] * shrink), round(image.shape[0] * shrink))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # Sides are whole pixels, so that the factors of both axes differ slightly.
    factor = np.array(image.shape[1::-1]) / np.array(face.image.shape[1::-1])
    center = np.array(face.center) * factor - 0.5
    scale = place.height / (face.side * float(np.sqrt(factor.prod())))
    angle = face.roll - place.roll  # OpenCV's is counter-clockwise
    turn = cv2.getRotationMatrix2D(center.tolist(), angle, scale)
    left, top = (int(np.floor(center - 1.5 * reach)) for center in place.center)
    right, bottom = (int(np.ceil(center + 1.5 * reach)) for center in place.center)
    turn[:, 2] += np.array(place.center) - 0.5 - center
    turn[:, 2] -= (left, top)
    size = (right - left, bottom - top)
    patch = cv2.warpAffine(
        image, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = _soft_mask(place, (left, top, right, bottom))
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], right), min(canvas.shape[0], bottom)
    inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    below = canvas[y0:y1, x0:x1].astype(np.float32)
    share = alpha[inner][..., np.newaxis]
    canvas[y0:y1, x0:x1] = np.rint(share * patch[inner] + (1 - share) * below).astype(np.uint8)


def _soft_mask(place: PlacedFace, window: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Return the (h, w) float32 opacity of a patch: a rounded square with a soft margin."""
    left, top, right, bottom = window
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - place.center[0])[np.newaxis]
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - place.center[1])[:, np.newaxis]
    angle = np.deg2rad(place.roll)
    along = np.abs(np.cos(angle) * x + np.sin(angle) * y) / place.height
    down = np.abs(-np.sin(angle) * x + np.cos(angle) * y) / place.height
    distance = (along**4 + down**4) ** 0.25  # half a side at the middle of the face's edges
    fade = np.clip((0.5 + FEATHER - distance) / FEATHER, 0, 1)
    return np.asarray(fade * fade * (3 - 2 * fade), dtype=np.float32)
