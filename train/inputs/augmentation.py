"""Augment training faces by tensor operations, a whole batch at once.

All operations are from `keras.ops` and run on the network's device, with TensorFlow, JAX or
PyTorch. NumPy draws all random numbers of a batch in `draw_uniform`, and `augment` is a
deterministic function of faces and these numbers: the same seed gives the same faces on every
backend and device.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import Float32Array
from train.recipes.config import AugmentationConfig

Tensor = Any  # of the Keras backend in use
Drawn = Mapping[str, Tensor]  # (N, 1, 1) random numbers by their name in `DRAWS`

DRAWS = (
    "flip", "rotation", "scale", "shift_x", "shift_y",
    "cover", "cover_kind", "cover_x", "cover_y", "cover_width", "cover_height", "cover_level",
    "cover_shade", "cut", "cut_side", "cut_depth",
    "light", "light_angle", "light_loss",
    "soften", "soften_size", "motion", "motion_length", "motion_angle",
    "gamma", "gamma_value", "contrast", "contrast_value",
    "noise", "noise_sigma", "noise_x", "noise_y", "jpeg", "jpeg_quality",
    "erase", "erase_area", "erase_ratio", "erase_x", "erase_y", "erase_level",
)  # fmt: skip
"""Columns of the random numbers from `draw_uniform`."""

NOISE_SIDE = 256  # pixels, side of the tile of Gaussian noise
BLOCK = 8  # pixels, side of a JPEG block
# Luminance table of the JPEG standard (ITU-T T.81, table K.1), for quality 50.
JPEG_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
# Regions that show the expression: center x, center y, deviation x, deviation y, share. Fractions
# of the side of a face in the geometry of `PreprocessingSpec.keypoints`.
REGIONS = (
    (0.315, 0.35, 0.09, 0.09, 0.25),  # an eye with its brow
    (0.685, 0.35, 0.09, 0.09, 0.25),
    (0.5, 0.56, 0.08, 0.08, 0.1),  # the nose
    (0.5, 0.777, 0.14, 0.08, 0.4),  # the mouth
)
SOFTEN_SIZES = (0.4, 0.8)  # lowest and highest resolution of softened faces
BLUR_THAT_HIDES = (0.06, 0.3)  # lengths of motion that hide nothing, and the whole expression


def draw_uniform(rng: np.random.Generator, count: int) -> Float32Array:
    """Draw all random numbers for `augment`: (count, len(DRAWS)) float32, uniform in 0..1."""
    return rng.random((count, len(DRAWS)), dtype=np.float32)


def augment(
    faces: Tensor, draws: Tensor, config: AugmentationConfig
) -> tuple[Tensor, Tensor | None]:
    """Return an augmented copy of each face.

    Args:
        faces: (N, s, s) float32 grey levels 0..255.
        draws: (N, len(DRAWS)) float32, from `draw_uniform`.
        config: which changes, and how large.

    Returns:
        (N, s, s) float32, whole grey levels 0..255; (N,) float32 hidden share of the expression,
        0..1, or None if the config hides nothing.
    """
    from keras import ops

    faces, draws = ops.convert_to_tensor(faces), ops.convert_to_tensor(draws)
    drawn = {name: draws[:, index, None, None] for index, name in enumerate(DRAWS)}
    visible: Tensor = 1.0
    if config.cover_share:
        faces, hidden = _cover(faces, drawn, config)
        visible = 1 - hidden
    faces, hidden = _warp(faces, drawn, config)
    visible = visible * (1 - hidden)
    if config.light_share:
        faces = _light_from_a_side(faces, drawn, config)
    if config.soften_share or config.motion_share:
        faces, hidden = _blur(faces, drawn, config)
        visible = visible * (1 - hidden)
    if config.gamma_share:
        low, high = config.gamma
        exponent = ops.exp(_between(drawn["gamma_value"], math.log(low), math.log(high)))
        exponent = ops.where(drawn["gamma"] < config.gamma_share, exponent, 1.0)
        faces = 255 * ops.power(ops.clip(faces, 0, 255) / 255, exponent)
    if config.contrast_share:
        factor = _between(drawn["contrast_value"], *config.contrast)
        factor = ops.where(drawn["contrast"] < config.contrast_share, factor, 1.0)
        faces = ops.clip(128 + factor * (faces - 128), 0, 255)
    if config.noise_share:
        sigma = config.noise * drawn["noise_sigma"]
        sigma = ops.where(drawn["noise"] < config.noise_share, sigma, 0.0)
        faces = faces + sigma * _noise(faces.shape[1], drawn)
    faces = ops.round(ops.clip(faces, 0, 255))
    if config.jpeg_share:
        faces = _jpeg(faces, drawn, config)
    if config.erase_share:
        faces = _erase(faces, drawn, config)
    return faces, (1 - visible if config.hides else None)


def _between(drawn: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * drawn


def _axes(places: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Return (s,) places as columns, (1, 1, s), and as rows, (1, s, 1)."""
    from keras import ops

    values = ops.convert_to_tensor(places.astype(np.float32))
    return values[None, None, :], values[None, :, None]


def _fractions(side: int) -> NDArray[np.float64]:
    """Return the centers of (side,) pixels, as fractions of the side."""
    return (np.arange(side) + 0.5) / side


@cache
def _expression_map(side: int) -> Float32Array:
    """Return the share of the expression that each pixel shows, (side, side) of sum 1."""
    places = _fractions(side).astype(np.float32)
    total = np.zeros((side, side))
    for center_x, center_y, width, height, share in REGIONS:
        across = np.exp(-0.5 * ((places - center_x) / width) ** 2)
        down = np.exp(-0.5 * ((places - center_y) / height) ** 2)
        blob = np.outer(down, across)
        total += share * blob / blob.sum()
    return total.astype(np.float32)


def _cover(faces: Tensor, drawn: Drawn, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """Cover the face by a mask, a hand-sized patch or dark glasses, a third of each.

    Returns the faces and (N,) the share of the expression that is covered.
    """
    from keras import ops

    side = faces.shape[1]
    x, y = _axes(_fractions(side))
    off_center = ops.abs(x - 0.5)
    # A mask: below a line over the nose that slopes to the ears, inside the jaw.
    top = _between(drawn["cover_y"], 0.5, 0.64) + 0.15 * off_center
    mask = (y > top) & (off_center < _between(drawn["cover_width"], 0.3, 0.42) - 0.3 * (y - 0.8))
    # A hand: an ellipse at any position.
    hand_x, hand_y = drawn["cover_x"], drawn["cover_y"]
    width = _between(drawn["cover_width"], 0.14, 0.32)
    height = _between(drawn["cover_height"], 0.14, 0.32)
    hand = ((x - hand_x) / width) ** 2 + ((y - hand_y) / height) ** 2 < 1
    # Glasses: two rounded lenses and the bridge.
    width = _between(drawn["cover_width"], 0.11, 0.18)
    height = _between(drawn["cover_height"], 0.06, 0.12)
    level = _between(drawn["cover_y"], 0.36, 0.41)
    pane = ops.abs((off_center - 0.185) / width) ** 4 + ops.abs((y - level) / height) ** 4 < 1
    bar = (ops.abs(y - level + 0.03) < 0.012) & (off_center < 0.45)
    kind = drawn["cover_kind"]
    shape = ops.where(kind < 1 / 3, mask, ops.where(kind < 2 / 3, hand, pane | bar))
    shape = shape & (drawn["cover"] < config.cover_share)
    # Shaded surfaces: a hand about as bright as the face, a mask of any level, dark glasses.
    mean = ops.mean(faces, axis=(1, 2), keepdims=True)
    light = ops.where(
        kind < 1 / 3,
        _between(drawn["cover_level"], 0, 255),
        ops.where(
            kind < 2 / 3,
            mean + _between(drawn["cover_level"], -50, 60),
            _between(drawn["cover_level"], 0, 70),
        ),
    )
    shade = 1 + _between(drawn["cover_shade"], -0.5, 0.5) * (x + y - 1)
    covered = ops.where(shape, ops.clip(light * shade, 0, 255), faces)
    share = ops.convert_to_tensor(_expression_map(side))
    return covered, ops.sum(ops.where(shape, share, 0.0), axis=(1, 2))


def _warp(faces: Tensor, drawn: Drawn, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """Flip, rotate, scale, shift and cut off in one bilinear resampling; edges are replicated.

    Returns:
        The faces, and the share of the expression that is cut off, (N,) or 0.
    """
    from keras import ops

    side = faces.shape[1]
    center = (side - 1) / 2
    columns, rows, hidden = _grid(side, drawn, config)
    angle = math.radians(config.rotation) * _between(drawn["rotation"], -1, 1)
    scale = ops.exp(-math.log1p(config.scale) * _between(drawn["scale"], -1, 1))
    mirror = ops.where(drawn["flip"] < 0.5, -1.0, 1.0)
    cosine, sine = scale * ops.cos(angle), scale * ops.sin(angle)
    from_x = columns - (center + side * config.shift * _between(drawn["shift_x"], -1, 1))
    from_y = rows - (center + side * config.shift * _between(drawn["shift_y"], -1, 1))
    x = (mirror * cosine) * from_x + (mirror * sine) * from_y
    y = -sine * from_x + cosine * from_y
    return _sample(faces, center + x, center + y), hidden


def _grid(side: int, drawn: Drawn, config: AugmentationConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return columns, (N, 1, s), and rows, (N, s, 1), of the pixels shown at each position.

    Beyond a cut they are those of its edge, which replicates the edge. Third, the hidden share.
    """
    from keras import ops

    across, down = _axes(np.arange(side))
    if not config.cut_share:
        return across, down, 0.0
    depth = side * _between(drawn["cut_depth"], *config.cut)
    depth = ops.where(drawn["cut"] < config.cut_share, depth, 0.0)
    quarter = ops.floor(4 * drawn["cut_side"])
    left, right, top, bottom = (
        ops.round(ops.where(quarter == number, depth, 0.0)) for number in range(4)
    )
    columns = ops.minimum(ops.maximum(across, left), side - 1 - right)
    rows = ops.minimum(ops.maximum(down, top), side - 1 - bottom)
    # Only one edge is cut, so that the hidden share is one of columns or of rows.
    share = _expression_map(side)
    of_columns, _ = _axes(share.sum(axis=0))
    _, of_rows = _axes(share.sum(axis=1))
    hidden = ops.sum(ops.where(columns == across, 0.0, of_columns), axis=(1, 2))
    hidden = hidden + ops.sum(ops.where(rows == down, 0.0, of_rows), axis=(1, 2))
    return columns, rows, hidden


def _sample(faces: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Sample bilinearly at (N, s, s) positions in pixels; edges are replicated."""
    from keras import ops

    side = faces.shape[1]
    x, y = ops.clip(x, 0, side - 1), ops.clip(y, 0, side - 1)
    # At most the last pixel but one, because the next one is read, too.
    left = ops.minimum(ops.floor(x), side - 2)
    top = ops.minimum(ops.floor(y), side - 2)
    right_share, lower_share = x - left, y - top
    flat = ops.reshape(faces, (-1,))
    first = side * side * ops.arange(ops.shape(faces)[0], dtype="int32")
    index = ops.cast(top * side + left, "int32") + first[:, None, None]

    def at(offset: int) -> Tensor:
        return ops.take(flat, index + offset)

    upper = at(0) + right_share * (at(1) - at(0))
    lower = at(side) + right_share * (at(side + 1) - at(side))
    return upper + lower_share * (lower - upper)


def _light_from_a_side(faces: Tensor, drawn: Drawn, config: AugmentationConfig) -> Tensor:
    from keras import ops

    across, down = _axes(np.linspace(-1.0, 1.0, faces.shape[1]))
    angle = 2 * math.pi * drawn["light_angle"]
    loss = config.light * drawn["light_loss"]
    loss = ops.where(drawn["light"] < config.light_share, loss, 0.0)
    along = (ops.cos(angle) * across + ops.sin(angle) * down) / 2**0.5
    return faces * (1 - loss * (along + 1) / 2)


def _blur(faces: Tensor, drawn: Drawn, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """Reduce resolution or blur by motion, by one linear map of rows and one of columns.

    Motion at an angle is approximated by the bounding box of its path. Returns the faces and (N,)
    the hidden share.
    """
    from keras import ops

    side = faces.shape[1]
    maps, first_size, sizes = _blur_maps(side, config.motion)
    size = first_size + ops.floor(sizes * drawn["soften_size"])
    index = ops.where(drawn["soften"] < config.soften_share, size, 0.0)
    moved = drawn["motion"] < config.motion_share
    path = side * config.motion * drawn["motion_length"]
    angle = math.pi * drawn["motion_angle"]
    along_x = ops.round(path * ops.abs(ops.cos(angle)))
    along_y = ops.round(path * ops.sin(angle))
    row_maps, column_maps = (
        ops.take(maps, ops.cast(ops.where(moved, along, index)[:, 0, 0], "int32"), axis=0)
        for along in (along_y, along_x)
    )
    blurred = ops.matmul(ops.matmul(row_maps, faces), ops.transpose(column_maps, (0, 2, 1)))
    low, high = BLUR_THAT_HIDES
    hidden = ops.clip((path / side - low) / (high - low), 0, 1)
    return blurred, ops.where(moved, hidden, 0.0)[:, 0, 0]


@cache
def _blur_maps(side: int, motion: float) -> tuple[Float32Array, int, int]:
    """Return linear maps of a row of pixels, the index of the first downscaling, their number.

    Map 0 is the identity, map k the mean over k + 1 pixels, up to the longest motion; the others
    downscale by area to a size and upscale linearly, as OpenCV does.
    """
    plain = np.eye(side, dtype=np.float32)
    maps: list[NDArray[Any]] = [plain]
    for length in range(1, round(side * motion) + 1):
        # Each pixel's neighbors along the path, with the edge replicated.
        offsets = np.arange(length + 1) - length // 2
        neighbors = np.clip(np.arange(side)[:, np.newaxis] + offsets, 0, side - 1)
        maps.append(plain[neighbors].mean(axis=1))
    low, high = (int(side * share) for share in SOFTEN_SIZES)
    for size in range(low, high):
        smaller = cv2.resize(plain, (side, size), interpolation=cv2.INTER_AREA)
        maps.append(cv2.resize(smaller, (side, side), interpolation=cv2.INTER_LINEAR))
    return np.stack(maps).astype(np.float32), len(maps) - (high - low), high - low


@cache
def _noise_tile() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((NOISE_SIDE, NOISE_SIDE)).astype(np.float32)


def _noise(side: int, drawn: Drawn) -> Tensor:
    """Return (N, s, s) standard normal noise, for each face another part of one cyclic tile."""
    from keras import ops

    across = ops.arange(side, dtype="int32")
    rows = ops.cast(NOISE_SIDE * drawn["noise_y"], "int32") + across[:, None]
    columns = ops.cast(NOISE_SIDE * drawn["noise_x"], "int32") + across
    places = rows % NOISE_SIDE * NOISE_SIDE + columns % NOISE_SIDE
    return ops.take(_noise_tile().ravel(), places)


@cache
def _block_transform(side: int) -> Float32Array:
    """Return the (p, s) discrete cosine transform of blocks of 8 pixels, the last one padded."""
    from scipy.fft import dct

    count = -(-side // BLOCK)
    transform = dct(np.eye(BLOCK), axis=0, norm="ortho")
    fill = np.eye(side)[np.minimum(np.arange(count * BLOCK), side - 1)]
    return (np.kron(np.eye(count), transform) @ fill).astype(np.float32)


def _jpeg(faces: Tensor, drawn: Drawn, config: AugmentationConfig) -> Tensor:
    """Simulate JPEG's quantization at libjpeg's quality scale, without entropy coding."""
    from keras import ops

    side = faces.shape[1]
    forward = _block_transform(side)
    count = len(forward) // BLOCK
    # The inverse transform is the transposed one, without the padding of the last block.
    inverse = np.ascontiguousarray(_block_transform(count * BLOCK).T[:side])
    lowest, highest = config.jpeg_quality
    quality = ops.floor(_between(drawn["jpeg_quality"], lowest, highest + 1))
    quality = ops.clip(quality, 1, highest)
    percent = ops.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    base = ops.convert_to_tensor(np.tile(JPEG_LUMINANCE, (count, count)))
    table = ops.clip(ops.floor((base * percent + 50) / 100), 1, 255)
    coefficients = ops.matmul(ops.matmul(forward, faces - 128), np.ascontiguousarray(forward.T))
    coefficients = ops.round(coefficients / table) * table
    decoded = ops.matmul(ops.matmul(inverse, coefficients), np.ascontiguousarray(inverse.T)) + 128
    decoded = ops.round(ops.clip(decoded, 0, 255))
    return ops.where(drawn["jpeg"] < config.jpeg_share, decoded, faces)


def _erase(faces: Tensor, drawn: Drawn, config: AugmentationConfig) -> Tensor:
    """Erase a rectangle with one grey level (random erasing, Zhong et al. 2020)."""
    from keras import ops

    side = faces.shape[1]
    area = side * side * _between(drawn["erase_area"], *config.erase_area)
    ratio = ops.exp(_between(drawn["erase_ratio"], math.log(0.4), math.log(2.5)))
    height = ops.clip(ops.round(ops.sqrt(area * ratio)), 1, side)
    width = ops.clip(ops.round(ops.sqrt(area / ratio)), 1, side)
    top = ops.floor(drawn["erase_y"] * (side + 1 - height))
    left = ops.floor(drawn["erase_x"] * (side + 1 - width))
    across, down = _axes(np.arange(side))
    inside = (down >= top) & (down < top + height) & (across >= left) & (across < left + width)
    inside = inside & (drawn["erase"] < config.erase_share)
    level = ops.floor(256 * drawn["erase_level"])
    return ops.where(inside, ops.minimum(level, 255.0), faces)
