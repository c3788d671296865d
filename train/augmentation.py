"""Random changes of a training face, before `fer_core.preprocessing.preprocess`.

Grey uint8 in, grey uint8 out, NumPy and OpenCV only: it runs beside the network on any Keras
backend, and what the network sees still goes through fer_core's own preparation.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fer_core.preprocessing import UInt8Array


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """How far a face may change. Lengths are fractions of the picture's side.

    Attributes:
        rotation: largest roll either way, in degrees.
        scale: largest relative change of size either way.
        shift: largest move along each axis.
        gamma: range of the exponent on brightness, drawn evenly in its logarithm.
        gamma_share: share of the faces that get one.
        contrast: range of the factor on contrast, around the middle grey.
        contrast_share: share of the faces that get one.
        erase_share: share of the faces that lose a rectangle.
        erase_area: smallest and largest area of that rectangle.
        soften_share: share of the faces that lose resolution, as small or blurred photographs do.
        light_share: share of the faces that are lit from one side.
        light: largest relative loss of light on the dark side.
        noise_share: share of the faces that get sensor noise.
        noise: its largest standard deviation, in grey levels.
        jpeg_share: share of the faces that are compressed as JPEG.
        jpeg_quality: lowest and highest quality.
    """

    rotation: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    gamma: tuple[float, float] = (0.6, 1.6)
    gamma_share: float = 0.5
    contrast: tuple[float, float] = (0.6, 1.4)
    contrast_share: float = 0.0
    erase_share: float = 0.4
    erase_area: tuple[float, float] = (0.02, 0.20)
    soften_share: float = 0.1
    light_share: float = 0.0
    light: float = 0.6
    noise_share: float = 0.0
    noise: float = 12.0
    jpeg_share: float = 0.0
    jpeg_quality: tuple[int, int] = (25, 90)


def augment(faces: UInt8Array, config: AugmentationConfig, rng: np.random.Generator) -> UInt8Array:
    """A changed copy of each face.

    Args:
        faces: (N, s, s) uint8 grey.
        config: how far.
        rng: the only source of chance.

    Returns:
        (N, s, s) uint8 grey; the input is not touched.
    """
    return np.stack([_augment_one(face, config, rng) for face in faces])


def _augment_one(
    face: UInt8Array, config: AugmentationConfig, rng: np.random.Generator
) -> UInt8Array:
    side = face.shape[0]
    face = _warp(face, config, rng)
    # Chance is drawn only for what is switched on, so that older runs repeat to the bit.
    if config.light_share and rng.random() < config.light_share:
        face = _light_from_a_side(face, config, rng)
    if rng.random() < config.soften_share:
        smaller = int(side * rng.uniform(0.4, 0.8))
        small = cv2.resize(face, (smaller, smaller), interpolation=cv2.INTER_AREA)
        face = np.asarray(cv2.resize(small, (side, side)), dtype=np.uint8)
    if rng.random() < config.gamma_share:
        low, high = np.log(config.gamma)
        levels = np.linspace(0.0, 1.0, 256) ** np.exp(rng.uniform(low, high))
        face = np.rint(255 * levels).astype(np.uint8)[face]
    if config.contrast_share and rng.random() < config.contrast_share:
        factor = rng.uniform(*config.contrast)
        face = np.rint(np.clip(128 + factor * (face - 128.0), 0, 255)).astype(np.uint8)
    if config.noise_share and rng.random() < config.noise_share:
        sigma = rng.uniform(0, config.noise)
        noisy = face + sigma * rng.standard_normal(face.shape)
        face = np.rint(np.clip(noisy, 0, 255)).astype(np.uint8)
    if config.jpeg_share and rng.random() < config.jpeg_share:
        low_quality, high_quality = config.jpeg_quality
        face = jpeg(face, int(rng.integers(low_quality, high_quality + 1)))
    if rng.random() < config.erase_share:
        _erase(face, config, rng)
    return face


def jpeg(picture: UInt8Array, quality: int) -> UInt8Array:
    """The picture after JPEG compression; (H, W) grey or (H, W, 3) RGB uint8, quality 0..100."""
    swapped = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of {picture.shape} cannot be compressed as JPEG")
    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert decoded is not None  # it was encoded a moment ago
    if picture.ndim == 3:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    return np.asarray(decoded, dtype=np.uint8)


def _light_from_a_side(
    face: UInt8Array, config: AugmentationConfig, rng: np.random.Generator
) -> UInt8Array:
    angle, loss = rng.uniform(0, 2 * np.pi), rng.uniform(0, config.light)
    across = np.linspace(-1.0, 1.0, face.shape[0])
    along = (np.cos(angle) * across + np.sin(angle) * across[:, np.newaxis]) / np.sqrt(2)
    lit: UInt8Array = np.rint(face * (1 - loss * (along + 1) / 2)).astype(np.uint8)
    return lit


def _warp(face: UInt8Array, config: AugmentationConfig, rng: np.random.Generator) -> UInt8Array:
    """Flip, rotation, scale and shift in one resampling; the edge is repeated outwards."""
    side = face.shape[0]
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    scale = np.exp(rng.uniform(-1, 1) * np.log1p(config.scale))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    center = (side - 1) / 2
    linear = np.array([[mirror * cosine, -sine], [mirror * sine, cosine]])
    moved = center + rng.uniform(-config.shift, config.shift, 2) * side
    offset = moved - linear @ np.array([center, center])
    return np.asarray(
        cv2.warpAffine(
            face,
            np.column_stack([linear, offset]),
            (side, side),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )


def _erase(face: UInt8Array, config: AugmentationConfig, rng: np.random.Generator) -> None:
    """Random erasing (Zhong et al. 2020): a rectangle of one grey level, in place."""
    side = face.shape[0]
    area = rng.uniform(*config.erase_area) * side * side
    ratio = np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
    height = min(side, max(1, round(float(np.sqrt(area * ratio)))))
    width = min(side, max(1, round(float(np.sqrt(area / ratio)))))
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    face[top : top + height, left : left + width] = rng.integers(0, 256)
