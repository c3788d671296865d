"""Random changes of training faces, as tensor operations for a whole batch at once.

Everything runs where the network runs, by `keras.ops`, so on TensorFlow, JAX and PyTorch alike.
`draw_chances` draws all random numbers of a batch by NumPy, `augment` is a deterministic function
of faces and these numbers: the same seed gives the same faces on every backend and device.
"""

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import Float32Array
from train.recipes.config import AugmentationConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

Tensor = Any  # of the Keras backend in use

CHANCES = (
    "flip", "rotation", "scale", "shift_x", "shift_y",
    "cover", "cover_kind", "cover_x", "cover_y", "cover_width", "cover_height", "cover_level",
    "cover_shade", "cut", "cut_side", "cut_depth",
    "light", "light_angle", "light_loss",
    "soften", "soften_size", "motion", "motion_length", "motion_angle",
    "gamma", "gamma_value", "contrast", "contrast_value",
    "noise", "noise_sigma", "noise_x", "noise_y", "jpeg", "jpeg_quality",
    "erase", "erase_area", "erase_ratio", "erase_x", "erase_y", "erase_level",
)  # fmt: skip
"""Columns of what `draw_chances` returns: all of them uniform in 0..1."""

NOISE_SIDE = 256  # pixels of the tile of Gaussian noise that faces take their noise from
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
# Where a face shows its expression: center x, center y, deviation x, deviation y, share. Fractions
# of the side of a face in the geometry of `PreprocessingSpec.keypoints`.
REGIONS = (
    (0.315, 0.35, 0.09, 0.09, 0.25),  # an eye with its brow
    (0.685, 0.35, 0.09, 0.09, 0.25),
    (0.5, 0.56, 0.08, 0.08, 0.1),  # the nose
    (0.5, 0.777, 0.14, 0.08, 0.4),  # the mouth
)
SOFTEN_SIZES = (0.4, 0.8)  # smallest and largest resolution that softened faces keep
BLUR_THAT_HIDES = (0.06, 0.3)  # lengths of motion: hides nothing, and all


def draw_chances(rng: np.random.Generator, count: int) -> Float32Array:
    """All random numbers that `augment` takes for so many faces: (count, len(CHANCES)) in 0..1."""
    return rng.random((count, len(CHANCES)), dtype=np.float32)


def augment(
    faces: Tensor, chances: Tensor, config: AugmentationConfig
) -> tuple[Tensor, Tensor | None]:
    """A changed copy of each face.

    Args:
        faces: (N, s, s) float32 grey levels 0..255.
        chances: (N, len(CHANCES)) float32, from `draw_chances`.
        config: how far.

    Returns:
        (N, s, s) float32, whole grey levels 0..255; (N,) float32 share 0..1 of the expression that
        is hidden, None where the config hides nothing.
    """
    from keras import ops

    faces, chances = ops.convert_to_tensor(faces), ops.convert_to_tensor(chances)
    side = faces.shape[1]
    chance = {name: chances[:, index] for index, name in enumerate(CHANCES)}
    visible: Tensor = 1.0
    if config.cover_share:
        faces, hidden = _cover(faces, chance, config)
        visible = 1 - hidden
    faces, hidden = _warp(faces, chance, config)
    visible = visible * (1 - hidden)
    if config.light_share:
        faces = _light_from_a_side(faces, chance, config)
    if config.soften_share or config.motion_share:
        faces, hidden = _blur(faces, chance, config)
        visible = visible * (1 - hidden)
    if config.gamma_share:
        low, high = config.gamma
        exponent = ops.exp(_between(chance["gamma_value"], math.log(low), math.log(high)))
        exponent = _where(chance["gamma"] < config.gamma_share, exponent, 1.0)
        faces = 255 * ops.power(ops.clip(faces, 0, 255) / 255, exponent[:, None, None])
    if config.contrast_share:
        factor = _between(chance["contrast_value"], *config.contrast)
        factor = _where(chance["contrast"] < config.contrast_share, factor, 1.0)
        faces = ops.clip(128 + factor[:, None, None] * (faces - 128), 0, 255)
    if config.noise_share:
        sigma = config.noise * chance["noise_sigma"]
        sigma = _where(chance["noise"] < config.noise_share, sigma, 0.0)
        faces = faces + sigma[:, None, None] * _noise(side, chance)
    faces = ops.round(ops.clip(faces, 0, 255))
    if config.jpeg_share:
        faces = _jpeg(faces, chance, config)
    if config.erase_share:
        faces = _erase(faces, chance, config)
    return faces, (1 - visible if config.hides else None)


def _between(chance: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * chance


def _where(chosen: Tensor, value: Tensor, otherwise: Tensor) -> Tensor:
    from keras import ops

    return ops.where(chosen, value, otherwise)


def _places(side: int) -> Float32Array:
    """(side,) centers of pixels, as fractions of the side."""
    return ((np.arange(side) + 0.5) / side).astype(np.float32)


@cache
def _expression_map(side: int) -> Float32Array:
    """(side, side) share of the expression that each pixel shows; sum 1."""
    places = _places(side)
    total = np.zeros((side, side))
    for center_x, center_y, width, height, share in REGIONS:
        across = np.exp(-0.5 * ((places - center_x) / width) ** 2)
        down = np.exp(-0.5 * ((places - center_y) / height) ** 2)
        blob = np.outer(down, across)
        total += share * blob / blob.sum()
    return total.astype(np.float32)


def _cover(
    faces: Tensor, chance: "Mapping[str, Tensor]", config: AugmentationConfig
) -> tuple[Tensor, Tensor]:
    """A mask over mouth and nose, a hand-sized patch, or dark glasses, a third of each."""
    from keras import ops

    side = faces.shape[1]
    places = ops.convert_to_tensor(_places(side))
    x, y = places[None, None, :], places[None, :, None]
    draw = {name: value[:, None, None] for name, value in chance.items()}
    off_center = ops.abs(x - 0.5)
    # A mask: below a line over the nose that falls towards the ears, within the jaw.
    top = _between(draw["cover_y"], 0.5, 0.64) + 0.15 * off_center
    mask = (y > top) & (off_center < _between(draw["cover_width"], 0.3, 0.42) - 0.3 * (y - 0.8))
    # A hand: an ellipse anywhere.
    hand_x, hand_y = draw["cover_x"], draw["cover_y"]
    width = _between(draw["cover_width"], 0.14, 0.32)
    height = _between(draw["cover_height"], 0.14, 0.32)
    hand = ((x - hand_x) / width) ** 2 + ((y - hand_y) / height) ** 2 < 1
    # Glasses: two rounded panes and the bridge between.
    width = _between(draw["cover_width"], 0.11, 0.18)
    height = _between(draw["cover_height"], 0.06, 0.12)
    level = _between(draw["cover_y"], 0.36, 0.41)
    pane = ops.abs((off_center - 0.185) / width) ** 4 + ops.abs((y - level) / height) ** 4 < 1
    bar = (ops.abs(y - level + 0.03) < 0.012) & (off_center < 0.45)
    kind = draw["cover_kind"]
    shape = _where(kind < 1 / 3, mask, _where(kind < 2 / 3, hand, pane | bar))
    shape = shape & (draw["cover"] < config.cover_share)
    # A hand is about as light as the face, a mask anything, glasses are dark; shaded across.
    mean = ops.mean(faces, axis=(1, 2), keepdims=True)
    light = _where(
        kind < 1 / 3,
        _between(draw["cover_level"], 0, 255),
        _where(
            kind < 2 / 3,
            mean + _between(draw["cover_level"], -50, 60),
            _between(draw["cover_level"], 0, 70),
        ),
    )
    shade = 1 + _between(draw["cover_shade"], -0.5, 0.5) * (x + y - 1)
    covered = ops.where(shape, ops.clip(light * shade, 0, 255), faces)
    share = ops.convert_to_tensor(_expression_map(side))
    return covered, ops.sum(ops.where(shape, share, 0.0), axis=(1, 2))


def _warp(
    faces: Tensor, chance: "Mapping[str, Tensor]", config: AugmentationConfig
) -> tuple[Tensor, Tensor]:
    """Flip, rotation, scale, shift and cuts in one bilinear resampling; edges are repeated.

    Returns:
        The faces, and the share of the expression that is cut off, (N,) or 0.
    """
    from keras import ops

    side = faces.shape[1]
    center = (side - 1) / 2
    columns, rows, hidden = _grid(side, chance, config)
    angle = math.radians(config.rotation) * _between(chance["rotation"], -1, 1)
    scale = ops.exp(-math.log1p(config.scale) * _between(chance["scale"], -1, 1))
    mirror = _where(chance["flip"] < 0.5, -1.0, 1.0)
    cosine, sine = scale * ops.cos(angle), scale * ops.sin(angle)
    from_x = columns - (center + side * config.shift * _between(chance["shift_x"], -1, 1))[:, None]
    from_y = rows - (center + side * config.shift * _between(chance["shift_y"], -1, 1))[:, None]
    x = (mirror * cosine)[:, None, None] * from_x[:, None] + (
        (mirror * sine)[:, None, None] * from_y[:, :, None]
    )
    y = -sine[:, None, None] * from_x[:, None] + cosine[:, None, None] * from_y[:, :, None]
    return _sample(faces, center + x, center + y), hidden


def _grid(
    side: int, chance: "Mapping[str, Tensor]", config: AugmentationConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Columns and rows, (N, s) or (1, s), of the pixels that are shown in each place.

    Beyond a cut they stay at its edge, so that the edge is repeated outwards.
    """
    from keras import ops

    places = ops.convert_to_tensor(np.arange(side, dtype=np.float32)[None])
    if not config.cut_share:
        return places, places, 0.0
    depth = side * _between(chance["cut_depth"], *config.cut)
    depth = _where(chance["cut"] < config.cut_share, depth, 0.0)
    quarter = ops.floor(4 * chance["cut_side"])
    depths = [ops.round(_where(quarter == number, depth, 0.0))[:, None] for number in range(4)]
    left, right, top, bottom = depths
    columns = ops.minimum(ops.maximum(places, left), side - 1 - right)
    rows = ops.minimum(ops.maximum(places, top), side - 1 - bottom)
    # One edge cuts, so that what is shown is a share of the columns or of the rows.
    share = _expression_map(side)
    of_columns = ops.convert_to_tensor(share.sum(axis=0))
    of_rows = ops.convert_to_tensor(share.sum(axis=1))
    hidden = ops.sum(ops.where(columns == places, 0.0, of_columns), axis=1)
    hidden = hidden + ops.sum(ops.where(rows == places, 0.0, of_rows), axis=1)
    return columns, rows, hidden


def _sample(faces: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Bilinear samples at (N, s, s) places in pixels; beyond the edge what is there is repeated."""
    from keras import ops

    side = faces.shape[1]
    x, y = ops.clip(x, 0, side - 1), ops.clip(y, 0, side - 1)
    # The pixel before the last at most, so that there is a next one.
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


def _light_from_a_side(
    faces: Tensor, chance: "Mapping[str, Tensor]", config: AugmentationConfig
) -> Tensor:
    from keras import ops

    across = ops.convert_to_tensor(np.linspace(-1.0, 1.0, faces.shape[1], dtype=np.float32))
    angle = (2 * math.pi * chance["light_angle"])[:, None, None]
    loss = config.light * chance["light_loss"]
    loss = _where(chance["light"] < config.light_share, loss, 0.0)[:, None, None]
    along = (ops.cos(angle) * across[None, None] + ops.sin(angle) * across[None, :, None]) / 2**0.5
    return faces * (1 - loss * (along + 1) / 2)


def _blur(
    faces: Tensor, chance: "Mapping[str, Tensor]", config: AugmentationConfig
) -> tuple[Tensor, Tensor]:
    """Fewer pixels, or motion, each as a linear map of the rows and one of the columns.

    Motion at an angle is the box that its path spans. Returns the faces and (N,) what it hides.
    """
    from keras import ops

    side = faces.shape[1]
    maps, first_size, sizes = _blur_maps(side, config.motion)
    size = first_size + ops.floor(sizes * chance["soften_size"])
    index = _where(chance["soften"] < config.soften_share, size, 0.0)
    moved = chance["motion"] < config.motion_share
    path = side * config.motion * chance["motion_length"]
    angle = math.pi * chance["motion_angle"]
    along_x = ops.round(path * ops.abs(ops.cos(angle)))
    along_y = ops.round(path * ops.sin(angle))
    row_maps = ops.take(maps, ops.cast(_where(moved, along_y, index), "int32"), axis=0)
    column_maps = ops.take(maps, ops.cast(_where(moved, along_x, index), "int32"), axis=0)
    blurred = ops.matmul(ops.matmul(row_maps, faces), ops.transpose(column_maps, (0, 2, 1)))
    low, high = BLUR_THAT_HIDES
    hidden = ops.clip((path / side - low) / (high - low), 0, 1)
    return blurred, _where(moved, hidden, 0.0)


@cache
def _blur_maps(side: int, motion: float) -> tuple[Float32Array, int, int]:
    """Linear maps of a row of pixels, and where those that take resolution begin, and how many.

    Map 0 changes nothing, map k is the mean over k + 1 pixels, up to the longest motion; then come
    those that shrink by area to a size and enlarge linearly, as OpenCV does.
    """
    plain = np.eye(side, dtype=np.float32)
    maps: list[NDArray[Any]] = [plain]
    for length in range(1, round(side * motion) + 1):
        # Each pixel's neighbors along the path, those beyond the edge replaced by the edge.
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


def _noise(side: int, chance: "Mapping[str, Tensor]") -> Tensor:
    """(N, s, s) standard normal noise: for each face another part of one tile, cyclic."""
    from keras import ops

    places = ops.arange(side, dtype="int32")
    rows = ops.cast(NOISE_SIDE * chance["noise_y"], "int32")[:, None] + places
    columns = ops.cast(NOISE_SIDE * chance["noise_x"], "int32")[:, None] + places
    rows, columns = rows % NOISE_SIDE, columns % NOISE_SIDE
    return ops.take(_noise_tile().ravel(), rows[:, :, None] * NOISE_SIDE + columns[:, None, :])


@cache
def _block_transform(side: int) -> Float32Array:
    """(p, s) discrete cosine transform of each 8 pixels, the last one repeated to fill a block."""
    count = -(-side // BLOCK)
    frequency, place = np.mgrid[:BLOCK, :BLOCK]
    transform = np.sqrt(2 / BLOCK) * np.cos(np.pi * frequency * (2 * place + 1) / (2 * BLOCK))
    transform[0] /= np.sqrt(2)
    fill = np.eye(side)[np.minimum(np.arange(count * BLOCK), side - 1)]
    return (np.kron(np.eye(count), transform) @ fill).astype(np.float32)


def _jpeg(faces: Tensor, chance: "Mapping[str, Tensor]", config: AugmentationConfig) -> Tensor:
    """What JPEG's quantization leaves, by libjpeg's scale of quality, without its entropy code."""
    from keras import ops

    side = faces.shape[1]
    forward = _block_transform(side)
    count = len(forward) // BLOCK
    # Back by the transposed blocks; what filled the last block falls away.
    inverse = np.ascontiguousarray(_block_transform(count * BLOCK).T[:side])
    lowest, highest = config.jpeg_quality
    quality = ops.floor(_between(chance["jpeg_quality"], lowest, highest + 1))
    quality = ops.clip(quality, 1, highest)
    percent = ops.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None]
    base = ops.convert_to_tensor(np.tile(JPEG_LUMINANCE, (count, count)))
    table = ops.clip(ops.floor((base * percent + 50) / 100), 1, 255)
    coefficients = ops.matmul(ops.matmul(forward, faces - 128), np.ascontiguousarray(forward.T))
    coefficients = ops.round(coefficients / table) * table
    decoded = ops.matmul(ops.matmul(inverse, coefficients), np.ascontiguousarray(inverse.T)) + 128
    decoded = ops.round(ops.clip(decoded, 0, 255))
    return ops.where((chance["jpeg"] < config.jpeg_share)[:, None, None], decoded, faces)


def _erase(faces: Tensor, chance: "Mapping[str, Tensor]", config: AugmentationConfig) -> Tensor:
    """Random erasing (Zhong et al. 2020): a rectangle of one grey level."""
    from keras import ops

    side = faces.shape[1]
    area = side * side * _between(chance["erase_area"], *config.erase_area)
    ratio = ops.exp(_between(chance["erase_ratio"], math.log(0.4), math.log(2.5)))
    height = ops.clip(ops.round(ops.sqrt(area * ratio)), 1, side)
    width = ops.clip(ops.round(ops.sqrt(area / ratio)), 1, side)
    top = ops.floor(chance["erase_y"] * (side + 1 - height))[:, None]
    left = ops.floor(chance["erase_x"] * (side + 1 - width))[:, None]
    places = ops.convert_to_tensor(np.arange(side, dtype=np.float32)[None])
    down = (places >= top) & (places < top + height[:, None])
    across = (places >= left) & (places < left + width[:, None])
    inside = down[:, :, None] & across[:, None, :]
    inside = inside & (chance["erase"] < config.erase_share)[:, None, None]
    level = ops.floor(256 * chance["erase_level"])[:, None, None]
    return ops.where(inside, ops.minimum(level, 255.0), faces)
