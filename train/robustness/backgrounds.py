"""Generates backgrounds without a face: gradients, rooms, patterns, lettering, drawings."""

from collections.abc import Callable
from string import ascii_letters, digits

import cv2
import numpy as np

from fer_core.preprocessing import UInt8Array


def background(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Generate (height, width, 3) uint8 RGB by a random one of `BACKGROUNDS`."""
    return BACKGROUNDS[rng.integers(len(BACKGROUNDS))](width, height, rng)


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in rng.integers(20, 236, 3))
    return red, green, blue


def _gradient(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    corners = rng.integers(20, 236, (2, 2, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(corners, (width, height)), dtype=np.uint8)


def _clouds(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Draw noise of several octaves, similar to foliage, water or cloth."""
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 8):
        cells = rng.standard_normal((2**octave, 2**octave, 3)).astype(np.float32)
        large = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.asarray(large, np.float32) / 2 ** (octave * rng.uniform(0.5, 0.9))
    total = 128 + 60 * total / max(1e-6, float(total.std()))
    return np.clip(total, 0, 255).astype(np.uint8)


def _shapes(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Draw blurred boxes and ellipses, similar to objects out of focus."""
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
    """Draw a wall, a floor, windows, image frames and a table."""
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
    """Draw stripes, checks, bricks or dots."""
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
    """Draw lines of random letters, similar to a page or poster."""
    canvas = np.full((height, width, 3), _color(rng), np.uint8)
    letters = list(ascii_letters + "     .," + digits)
    size, y, color = float(rng.uniform(0.5, 3.0)), 0, _color(rng)
    while y < height:
        y += int(34 * size)
        text = "".join(rng.choice(letters, int(width / (14 * size))))
        cv2.putText(canvas, text, (10, y), int(rng.integers(0, 5)), size, color, 1 + int(size))
    return canvas


def _drawing(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """Draw strokes, houses, trees and suns; nothing with eyes."""
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
    """Draw pixels, or blocks of pixels, of random levels."""
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
