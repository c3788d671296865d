"""Corrupts faces by ten faults at five strengths, after Hendrycks and Dietterich (2019).

Lengths are fractions of the face's side, except for downscaling, which is to a number of pixels.
They were fixed before any model was evaluated on them.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import UInt8Array
from train.inputs.jpeg import jpeg

STRENGTHS = (1, 2, 3, 4, 5)
EYE_BAND = (0.25, 0.52)  # rows of a dataset face that hold the eyes, as fractions of its side
MOUTH_BAND = (0.66, 0.92)
OCCLUDER = 96  # grey level of the bar that covers them


def corrupt(face: UInt8Array, name: str, strength: int, rng: np.random.Generator) -> UInt8Array:
    """Corrupt a face.

    Args:
        face: (s, s) uint8 grey, cropped as in the dataset; not changed.
        name: a key of `CORRUPTIONS`.
        strength: 1 (slight) to 5 (severe).
        rng: the only source of randomness.

    Returns:
        (s, s) uint8 grey.

    Raises:
        ValueError: the strength is not one of `STRENGTHS`.
    """
    if strength not in STRENGTHS:
        raise ValueError(f"strength must be one of {STRENGTHS}, got {strength}")
    return CORRUPTIONS[name](face, strength - 1, rng)


def _to_levels(values: NDArray[np.floating]) -> UInt8Array:
    levels: UInt8Array = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return levels


def _gaussian_noise(face: UInt8Array, level: int, rng: np.random.Generator) -> UInt8Array:
    sigma = (6, 12, 20, 30, 42)[level]
    return _to_levels(face + sigma * rng.standard_normal(face.shape))


def _shot_noise(face: UInt8Array, level: int, rng: np.random.Generator) -> UInt8Array:
    photons = (200, 80, 40, 20, 10)[level]  # of a white pixel
    return _to_levels(rng.poisson(face / 255 * photons) / photons * 255)


def _defocus_blur(face: UInt8Array, level: int, _: np.random.Generator) -> UInt8Array:
    radius = (0.015, 0.025, 0.04, 0.055, 0.075)[level] * face.shape[0]
    reach = int(np.ceil(radius))
    # A disc, antialiased by four by four samples per pixel.
    offsets = (np.arange(4) - 1.5) / 4
    grid = np.arange(-reach, reach + 1)
    fine = (grid[:, np.newaxis] + offsets).ravel()
    inside = (fine[:, np.newaxis] ** 2 + fine**2 <= radius**2).astype(np.float64)
    disc = inside.reshape(len(grid), 4, len(grid), 4).sum(axis=(1, 3))
    disc /= disc.sum()
    blurred = cv2.filter2D(face.astype(np.float64), -1, disc, borderType=cv2.BORDER_REPLICATE)
    return _to_levels(np.asarray(blurred, np.float64))


def _motion_blur(face: UInt8Array, level: int, rng: np.random.Generator) -> UInt8Array:
    length = (0.04, 0.07, 0.11, 0.15, 0.2)[level] * face.shape[0]
    angle = rng.uniform(0, np.pi)
    steps = np.linspace(-length / 2, length / 2, 17)
    total = np.zeros(face.shape, np.float64)
    for step in steps:
        move = np.array([[1, 0, step * np.cos(angle)], [0, 1, step * np.sin(angle)]])
        total += cv2.warpAffine(
            face.astype(np.float64), move, face.shape[::-1], borderMode=cv2.BORDER_REPLICATE
        )
    return _to_levels(total / len(steps))


def _brightness(face: UInt8Array, level: int, rng: np.random.Generator) -> UInt8Array:
    change = (20, 40, 60, 80, 100)[level]
    return _to_levels(face.astype(np.float64) + change * rng.choice([-1, 1]))


def _contrast(face: UInt8Array, level: int, _: np.random.Generator) -> UInt8Array:
    share = (0.75, 0.5, 0.35, 0.2, 0.1)[level]
    return _to_levels((face - face.mean()) * share + face.mean())


def _jpeg(face: UInt8Array, level: int, _: np.random.Generator) -> UInt8Array:
    return jpeg(face, (60, 40, 25, 15, 8)[level])


def _downscaling(face: UInt8Array, level: int, _: np.random.Generator) -> UInt8Array:
    side = round((0.67, 0.5, 0.375, 0.29, 0.21)[level] * 48)  # pixels
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[::-1]), dtype=np.uint8)


def _eyes_hidden(face: UInt8Array, level: int, _: np.random.Generator) -> UInt8Array:
    return _hide(face, EYE_BAND, level)


def _mouth_hidden(face: UInt8Array, level: int, _: np.random.Generator) -> UInt8Array:
    return _hide(face, MOUTH_BAND, level)


def _hide(face: UInt8Array, band: tuple[float, float], level: int) -> UInt8Array:
    """Cover the middle of a band by a bar, which at the highest strength covers the whole band."""
    share = (0.3, 0.5, 0.7, 0.85, 1.0)[level]
    side = face.shape[0]
    top, bottom = round(band[0] * side), round(band[1] * side)
    left, right = round((0.5 - share * 0.42) * side), round((0.5 + share * 0.42) * side)
    hidden = face.copy()
    hidden[top:bottom, left:right] = OCCLUDER
    return hidden


CORRUPTIONS: dict[str, Callable[[UInt8Array, int, np.random.Generator], UInt8Array]] = {
    "gaussian noise": _gaussian_noise,
    "shot noise": _shot_noise,
    "defocus blur": _defocus_blur,
    "motion blur": _motion_blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "jpeg": _jpeg,
    "downscaling": _downscaling,
    "eyes hidden": _eyes_hidden,
    "mouth hidden": _mouth_hidden,
}
