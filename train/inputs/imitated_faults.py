"""Simulate faults that hide an expression: cut off, blurred or covered faces.

`train.quality` trains the quality network on them; it is evaluated on photographs with real faults
(`train.robustness.hidden_faces`). Everywhere: (48, 48) uint8 grey in, the same out; the input is
not changed.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import DATASET_FACE_SIZE as SIDE
from fer_core.preprocessing import UInt8Array
from train.inputs.jpeg import jpeg

Rng = np.random.Generator
FloatArray = NDArray[np.float32]
OVERSAMPLING = 4  # of the outline of what covers a face


def cut_off(face: UInt8Array, rng: Rng) -> UInt8Array:
    """Cut off one side, and replicate the edge as alignment does beyond the image."""
    turns = int(rng.integers(4))
    cut = np.rot90(face, turns).copy()
    left = int(SIDE * rng.uniform(0.42, 0.68))
    cut[left:] = cut[left - 1]
    return np.rot90(cut, -turns).copy()


def blur(face: UInt8Array, rng: Rng) -> UInt8Array:
    """Blur by motion, or by defocus, until the expression is lost."""
    if rng.random() < 0.75:
        return _motion(face, int(rng.integers(6, 15)), rng)
    return np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(2.6, 4.5)), np.uint8)


def cover(face: UInt8Array, rng: Rng) -> UInt8Array:
    """Cover mouth and nose by a mask, or any place by a hand-sized patch."""
    return _mask(face, rng) if rng.random() < 0.5 else _patch(face, rng)


def vary(face: UInt8Array, rng: Rng) -> UInt8Array:
    """Vary what does not hide an expression: pose, light, sharpness, noise, a small cover."""
    if rng.random() < 0.5:
        middle = (SIDE / 2 - 0.5, SIDE / 2 - 0.5)
        turn, scale = rng.uniform(-18, 18), rng.uniform(0.85, 1.18)
        matrix = np.asarray(cv2.getRotationMatrix2D(middle, turn, scale), np.float64)
        matrix[:, 2] += rng.uniform(-3, 3, 2)
        face = _as_face(cv2.warpAffine(face, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE))
    if rng.random() < 0.3:
        face = _as_face(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.3, 1.3)))
    if rng.random() < 0.1:
        face = _motion(face, int(rng.integers(2, 4)), rng)
    if rng.random() < 0.5:
        face = _as_face(255 * (face / 255) ** rng.uniform(0.6, 1.6))
    if rng.random() < 0.3:
        face = _as_face(face + rng.normal(0, rng.uniform(1, 12), face.shape))
    if rng.random() < 0.2:
        face = jpeg(face, int(rng.integers(30, 90)))
    if rng.random() < 0.12:
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * rng.uniform(0.03, 0.11)
        face = _lay(face, _outline(rng.uniform(0.1, 0.9, 2) + corners), _surface(rng))
    return np.ascontiguousarray(face[:, ::-1]) if rng.random() < 0.5 else face


FAULTS: dict[str, Callable[[UInt8Array, Rng], UInt8Array]] = {
    "cut off": cut_off,
    "blurred": blur,
    "covered": cover,
}
"""By the reason in `fer_core.quality`."""


def _mask(face: UInt8Array, rng: Rng) -> UInt8Array:
    """Draw a mask, a scarf or a straight cover from the nose down."""
    top, side, bottom = rng.uniform(0.46, 0.64), rng.uniform(0.48, 0.66), rng.uniform(0.93, 1.15)
    left, right = rng.uniform(0.03, 0.24), 1 - rng.uniform(0.03, 0.24)
    jaw, slant = rng.uniform(0.05, 0.22), rng.normal(0, 0.03, 6)
    lower = [
        (right + slant[0], rng.uniform(0.7, 0.9)),
        (right - jaw, bottom),
        (left + jaw, bottom),
        (left + slant[1], rng.uniform(0.7, 0.9)),
    ]
    kind = rng.random()
    if kind < 0.5:
        nose = rng.uniform(0.05, 0.2, 2)
        upper = [
            (left, side + slant[2]),
            (0.5 - nose[0], top + slant[3]),
            (0.5, top),
            (0.5 + nose[1], top + slant[4]),
            (right, side + slant[5]),
        ]
    elif kind < 0.85:
        upper = [(left, side), (right, side + slant[5])]
    else:
        upper, lower = [(0, top), (1, top + slant[5])], [(1, 1.1), (0, 1.1)]
    return _lay(face, _outline(np.array(upper + lower)), _surface(rng))


def _patch(face: UInt8Array, rng: Rng) -> UInt8Array:
    """Cover the face by an ellipse or a rectangle, of any color or, like a hand, of its own."""
    half = np.array([rng.uniform(0.2, 0.42), rng.uniform(0.16, 0.36)])
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    if rng.random() < 0.5:
        points = np.column_stack([np.cos(angles), np.sin(angles)]) * half
    else:
        points = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    turn = rng.uniform(0, np.pi)
    cosine, sine = np.cos(turn), np.sin(turn)
    center = (rng.uniform(0.22, 0.78), rng.uniform(0.3, 0.85))
    points = points @ np.array([[cosine, sine], [-sine, cosine]]) + center
    surface = _surface(rng)
    if rng.random() < 0.45:
        surface += float(np.median(face)) + rng.normal(0, 25) - surface.mean()
    if rng.random() < 0.3:  # fingers
        for _ in range(3):
            column = int(SIDE * (center[0] + rng.uniform(-0.2, 0.2)))
            shade = float(surface.mean()) - rng.uniform(10, 50)
            foot = (column + int(rng.integers(-6, 7)), SIDE)
            cv2.line(surface, (column, 0), foot, shade, 1, cv2.LINE_AA)
    return _lay(face, _outline(points), surface)


def _surface(rng: Rng) -> FloatArray:
    """Draw a surface of one grey level, at times with shading, texture, folds and grain."""
    base = rng.uniform(0, 255)
    surface = np.full((SIDE, SIDE), base, np.float32)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[0:SIDE, 0:SIDE]
        slope = (np.cos(angle) * columns + np.sin(angle) * rows) / SIDE
        surface += np.asarray(slope * rng.uniform(-60, 60), np.float32)
    if rng.random() < 0.35:
        coarse = rng.normal(0, 1, (SIDE // 6, SIDE // 6)).astype(np.float32)
        cloth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        surface += np.asarray(cloth, np.float32) * np.float32(rng.uniform(3, 25))
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            row = int(rng.integers(0, SIDE))
            end = (SIDE, row + int(rng.integers(-5, 6)))
            cv2.line(surface, (0, row), end, base + rng.uniform(-40, 40), 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        surface += rng.normal(0, rng.uniform(0, 5), surface.shape).astype(np.float32)
    return surface


def _outline(points: NDArray[np.floating]) -> FloatArray:
    """Return the coverage of each pixel, (48, 48), by a polygon of (N, 2) relative points."""
    fine = np.zeros((SIDE * OVERSAMPLING,) * 2, np.uint8)
    cv2.fillPoly(fine, [np.rint(points * len(fine)).astype(np.int32)], 255)
    return np.asarray(
        cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / 255, np.float32
    )


def _lay(face: UInt8Array, share: FloatArray, surface: FloatArray) -> UInt8Array:
    return _as_face(face * (1 - share) + np.clip(surface, 0, 255) * share)


def _motion(face: UInt8Array, length: int, rng: Rng) -> UInt8Array:
    """Blur along a line of this length in pixels, often horizontal or vertical."""
    angle = float(rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    kernel, middle = np.zeros((length, length), np.float32), (length - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    ends = [np.rint(middle + sign * reach).astype(int).tolist() for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return _as_face(cv2.filter2D(face, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE))


def _as_face(values: NDArray[np.generic]) -> UInt8Array:
    return np.asarray(np.clip(np.asarray(values, np.float32), 0, 255), np.uint8)
