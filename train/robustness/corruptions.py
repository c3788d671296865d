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
BAR_SHARES = (0.3, 0.5, 0.7, 0.85, 1.0)  # of the band

Corruption = Callable[[UInt8Array, float, np.random.Generator], UInt8Array]


def corrupt(face: UInt8Array, name: str, strength: int, rng: np.random.Generator) -> UInt8Array:
    """Corrupt a face.

    Args:
        face: (s, s) uint8 grey, cropped as in the dataset; not changed.
        name: a key of `CORRUPTIONS`.
        strength: 1 (slight) to 5 (severe).
        rng: the only source of randomness.

    Returns:
        (s, s) uint8 grey.
    """
    change, levels = CORRUPTIONS[name]
    return change(face, levels[STRENGTHS.index(strength)], rng)


def _to_levels(values: NDArray[np.floating]) -> UInt8Array:
    levels: UInt8Array = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return levels


def _gaussian_noise(face: UInt8Array, sigma: float, rng: np.random.Generator) -> UInt8Array:
    return _to_levels(face + sigma * rng.standard_normal(face.shape))


def _shot_noise(face: UInt8Array, photons: float, rng: np.random.Generator) -> UInt8Array:
    return _to_levels(rng.poisson(face / 255 * photons) / photons * 255)


def _defocus_blur(face: UInt8Array, share: float, _: np.random.Generator) -> UInt8Array:
    radius = share * face.shape[0]
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


def _motion_blur(face: UInt8Array, share: float, rng: np.random.Generator) -> UInt8Array:
    length = share * face.shape[0]
    angle = rng.uniform(0, np.pi)
    steps = np.linspace(-length / 2, length / 2, 17)
    total = np.zeros(face.shape, np.float64)
    for step in steps:
        move = np.array([[1, 0, step * np.cos(angle)], [0, 1, step * np.sin(angle)]])
        total += cv2.warpAffine(
            face.astype(np.float64), move, face.shape[::-1], borderMode=cv2.BORDER_REPLICATE
        )
    return _to_levels(total / len(steps))


def _brightness(face: UInt8Array, change: float, rng: np.random.Generator) -> UInt8Array:
    return _to_levels(face.astype(np.float64) + change * rng.choice([-1, 1]))


def _contrast(face: UInt8Array, share: float, _: np.random.Generator) -> UInt8Array:
    return _to_levels((face - face.mean()) * share + face.mean())


def _downscaling(face: UInt8Array, share: float, _: np.random.Generator) -> UInt8Array:
    side = round(share * 48)  # pixels
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[::-1]), dtype=np.uint8)


def _hide(face: UInt8Array, band: tuple[float, float], share: float) -> UInt8Array:
    """Cover the middle of a band by a bar."""
    side = face.shape[0]
    top, bottom = round(band[0] * side), round(band[1] * side)
    left, right = round((0.5 - share * 0.42) * side), round((0.5 + share * 0.42) * side)
    hidden = face.copy()
    hidden[top:bottom, left:right] = OCCLUDER
    return hidden


CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, ...]]] = {
    "gaussian noise": (_gaussian_noise, (6, 12, 20, 30, 42)),  # grey levels
    "shot noise": (_shot_noise, (200, 80, 40, 20, 10)),  # photons of a white pixel
    "defocus blur": (_defocus_blur, (0.015, 0.025, 0.04, 0.055, 0.075)),
    "motion blur": (_motion_blur, (0.04, 0.07, 0.11, 0.15, 0.2)),
    "brightness": (_brightness, (20, 40, 60, 80, 100)),  # grey levels
    "contrast": (_contrast, (0.75, 0.5, 0.35, 0.2, 0.1)),
    "jpeg": (lambda face, quality, _: jpeg(face, int(quality)), (60, 40, 25, 15, 8)),
    "downscaling": (_downscaling, (0.67, 0.5, 0.375, 0.29, 0.21)),  # of 48 pixels
    "eyes hidden": (lambda face, share, _: _hide(face, EYE_BAND, share), BAR_SHARES),
    "mouth hidden": (lambda face, share, _: _hide(face, MOUTH_BAND, share), BAR_SHARES),
}
"""A change by name, and its argument at each strength."""
