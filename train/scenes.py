"""Whole pictures as the internet has them, around faces whose right answer is known.

A dataset's face is cut already; a visitor's is somewhere in a picture, small or large, rolled,
badly lit, compressed. The scenes made here are the measure of that difference (`train.gap`): faces
are set into generated backgrounds, and the whole is then photographed badly. Everything is decided
by the seed. The ranges were fixed before anything was tuned against them; a change of this module
makes older figures incomparable, so it carries a version.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import UInt8Array
from train.inputs.jpeg import jpeg

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


def background(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """One of `BACKGROUNDS`, drawn evenly."""
    return BACKGROUNDS[rng.integers(len(BACKGROUNDS))](width, height, rng)


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in rng.integers(20, 236, 3))
    return red, green, blue


def _gradient(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    corners = rng.integers(20, 236, (2, 2, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(corners, (width, height)), dtype=np.uint8)


def _clouds(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Noise of several octaves: foliage, water, cloth."""
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 8):
        cells = rng.standard_normal((2**octave, 2**octave, 3)).astype(np.float32)
        large = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.asarray(large, np.float32) / 2 ** (octave * rng.uniform(0.5, 0.9))
    total = 128 + 60 * total / max(1e-6, float(total.std()))
    return np.clip(total, 0, 255).astype(np.uint8)


def _shapes(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Things out of focus: blurred boxes and ellipses."""
    canvas = _gradient(width, height, rng)
    for _ in range(int(rng.integers(8, 30))):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(10, width // 4)), int(rng.integers(10, height // 4)))
        if rng.random() < 0.5:
            cv2.ellipse(canvas, center, axes, float(rng.uniform(0, 180)), 0, 360, _color(rng), -1)
        else:
            far = (center[0] + axes[0], center[1] + axes[1])
            cv2.rectangle(canvas, center, far, _color(rng), -1)
    blur = float(rng.uniform(0.5, 12))
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur), dtype=np.uint8)


def _room(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Wall, floor, window, picture frames, a table."""
    canvas = np.full((height, width, 3), _color(rng), np.uint8)
    floor = int(height * rng.uniform(0.55, 0.85))
    canvas[floor:] = _color(rng)
    for _ in range(int(rng.integers(1, 6))):
        w, h = int(rng.uniform(0.08, 0.3) * width), int(rng.uniform(0.1, 0.4) * height)
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, max(1, floor - h)))
        cv2.rectangle(canvas, (x, y), (x + w, y + h), _color(rng), -1)
        cv2.rectangle(canvas, (x, y), (x + w, y + h), _color(rng), int(rng.integers(2, 12)))
        if rng.random() < 0.5:
            cv2.line(canvas, (x + w // 2, y), (x + w // 2, y + h), _color(rng), 4)
            cv2.line(canvas, (x, y + h // 2), (x + w, y + h // 2), _color(rng), 4)
    left, right = sorted(int(x) for x in rng.integers(0, width, 2))
    cv2.rectangle(canvas, (left, floor - 20), (right, floor + 60), _color(rng), -1)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.0), dtype=np.uint8)


def _pattern(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Stripes, checks, bricks or dots."""
    first, second = np.array(_color(rng)), np.array(_color(rng))
    step = int(rng.integers(6, 90))
    y, x = np.mgrid[:height, :width]
    kind = rng.integers(4)
    if kind == 0:
        chosen = (x * np.cos(step) + y * np.sin(step)) // step % 2 == 0
    elif kind == 1:
        chosen = (x // step + y // step) % 2 == 0
    elif kind == 2:
        row = y // step
        chosen = (y % step < max(2, step // 8)) | ((x + row % 2 * step) % (2 * step) < 3)
    else:
        chosen = (x % step - step / 2) ** 2 + (y % step - step / 2) ** 2 < (step / 3) ** 2
    return np.where(chosen[..., np.newaxis], first, second).astype(np.uint8)


def _writing(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """A page or poster: lines of random letters."""
    canvas = np.full((height, width, 3), _color(rng), np.uint8)
    letters = np.array(
        list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ     .,0123456789")
    )
    size, y, color = float(rng.uniform(0.5, 3.0)), 0, _color(rng)
    while y < height:
        y += int(34 * size)
        text = "".join(rng.choice(letters, int(width / (14 * size))))
        cv2.putText(canvas, text, (10, y), int(rng.integers(0, 5)), size, color, 1 + int(size))
    return canvas


def _drawing(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Strokes, houses, trees and suns on paper; nothing with eyes."""
    canvas = np.full((height, width, 3), int(rng.integers(200, 256)), np.uint8)
    for _ in range(int(rng.integers(5, 25))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size, color, kind = int(rng.integers(20, 200)), _color(rng), rng.integers(4)
        if kind == 0:
            points = np.cumsum(rng.integers(-size, size + 1, (6, 2)), axis=0) // 3 + (x, y)
            cv2.polylines(canvas, [points.astype(np.int32)], False, color, 3)
        elif kind == 1:
            cv2.rectangle(canvas, (x, y), (x + size, y + size), color, 3)
            roof = np.array([(x, y), (x + size // 2, y - size // 2), (x + size, y)], np.int32)
            cv2.polylines(canvas, [roof], False, color, 3)
        elif kind == 2:
            cv2.line(canvas, (x, y), (x, y + size), color, 5)
            cv2.circle(canvas, (x, y), size // 2, color, -1)
        else:
            for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
                tip = (round(x + size * np.cos(angle)), round(y + size * np.sin(angle)))
                cv2.line(canvas, (x, y), tip, color, 2)
    return canvas


def _noise(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Pixels, or blocks of pixels, of random levels."""
    block = int(rng.integers(1, 24))
    cells = rng.integers(0, 256, (-(-height // block), -(-width // block), 3)).astype(np.uint8)
    large = cv2.resize(cells, None, fx=block, fy=block, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(np.asarray(large, dtype=np.uint8)[:height, :width])


BACKGROUNDS: tuple[Callable[[int, int, np.random.Generator], UInt8Array], ...] = (
    _gradient,
    _clouds,
    _shapes,
    _room,
    _pattern,
    _writing,
    _drawing,
    _noise,
)
