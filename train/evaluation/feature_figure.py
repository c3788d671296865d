"""Draw the feature maps of a network for one face, beside its class activation map."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.emotions import BY_NAME
from fer_core.explanation import draw_evidence, evidence_for, evidence_maps
from fer_core.model import EmotionModel
from fer_core.preprocessing import Float32Array, UInt8Array, preprocess
from fer_core.results import FaceResult
from train.errors import FeatureError
from train.networks.ensemble import members_of
from train.networks.feature_maps import CHANNELS, feature_maps, stage_layers, strongest_channels

CHANNELS_A_ROW = 8
EVIDENCE_SIZE = 240  # pixels


def evidence_image(model: EmotionModel, face: FaceResult) -> UInt8Array | None:
    """Draw the class activation map of the predicted emotion, as the app does.

    Returns (240, 240, 3) uint8 RGB, or None where the network has no such map.
    """
    try:
        maps = evidence_maps(model, face.aligned)
    except ValueError:  # raised where the heads do not read globally pooled maps
        return None
    evidence = evidence_for(maps, face.emotion.probabilities, face.emotion.label)
    return draw_evidence(face.aligned, evidence, EVIDENCE_SIZE)


def find_face(recognizer: Any, picture: Path) -> FaceResult:
    """Detect the largest face of a photograph.

    Raises:
        FeatureError: there is none.
        InvalidImageError: the file cannot be decoded.
    """
    faces = recognizer.recognize(picture).faces
    if not faces:
        raise FeatureError(f"no face was found in {picture}.")
    if len(faces) > 1:
        print(f"{len(faces)} faces were found, the largest is shown")
    largest: FaceResult = faces[0]
    return largest


def show_features(
    model: EmotionModel,
    network: Any,
    face: FaceResult,
    path: Path,
    *,
    layers: Sequence[str] | None = None,
    member: int = 1,
) -> dict[str, Float32Array]:
    """Draw the feature maps of some layers.

    Args:
        model: whose prediction `face` holds.
        network: the same network in Keras.
        face: a detected face with its prediction.
        path: of the PNG.
        layers: names from `map_layers`; those of `stage_layers` if None.
        member: number of the member of an ensemble, from 1.

    Returns:
        All channels of the layers shown, (h, w, c) float32 by name.

    Raises:
        FeatureError: there is no such layer or member.
    """
    members = members_of(network)
    if not 1 <= member <= len(members):
        raise FeatureError(f"there is no member {member}; this model has 1 to {len(members)}.")
    chosen = members[member - 1]
    inputs = preprocess(face.aligned[np.newaxis], model.info.preprocessing)
    maps = feature_maps(chosen, inputs, layers or stage_layers(chosen))
    suffix = f", network {member} of {len(members)}" if len(members) > 1 else ""
    title = f"{model.info.name} {model.info.version}{suffix}"
    evidence = evidence_image(model, face)
    _draw(face, inputs[0, ..., 0], evidence, maps, path=path, title=title)
    return maps


def _draw(
    face: FaceResult,
    inputs: Float32Array,
    evidence: UInt8Array | None,
    maps: Mapping[str, Float32Array],
    *,
    path: Path,
    title: str,
) -> None:
    """Draw three large images, and below them the channels of each layer; lengths in inches."""
    from matplotlib.figure import Figure

    from train.reporting.plots import DPI

    large, side, step, tall, left, block = 2.3, 0.95, 1.0, 1.15, 0.15, 0.35
    downs = [-(-min(values.shape[-1], CHANNELS) // CHANNELS_A_ROW) for values in maps.values()]
    width = 2 * left + CHANNELS_A_ROW * step
    height = 0.85 + large + sum(block + down * tall for down in downs) + 0.1
    figure = Figure(figsize=(width, height))
    figure.suptitle(
        title, fontsize=12, weight="bold", x=left / width, ha="left", y=1 - 0.1 / height
    )
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")

    def show(picture: Any, x: float, y: float, size: float, **style: Any) -> None:
        axes.imshow(picture, extent=(x, x + size, y + size, y), aspect="auto", **style)

    grey: dict[str, Any] = {"cmap": "gray", "interpolation": "bicubic"}
    emotion = face.emotion
    unsure = ", not sure" if emotion.is_uncertain else ""
    predicted = f"{BY_NAME[emotion.label].title} ({emotion.confidence:.1%}{unsure})"
    tops: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("Aligned face", face.aligned, {**grey, "vmin": 0, "vmax": 255}),
        ("Network's input", inputs, grey),
        (f"Evidence for {predicted}", evidence, {}),
    )
    y = 0.75
    for column, (name, picture, style) in enumerate(tops):
        x = left + column * (width - 2 * left - large) / 2
        axes.text(x, y - 0.06, name, va="bottom", fontsize=10)
        if picture is None:
            words = "This network has no\nclass activation map."
            axes.text(x + large / 2, y + large / 2, words, ha="center", va="center", fontsize=9)
        else:
            show(picture, x, y, large, **style)
    y += large
    for (name, values), down in zip(maps.items(), downs, strict=True):
        channels = strongest_channels(values)
        rows, columns, count = values.shape
        words = f"{name}: {rows}x{columns}, the strongest {len(channels)} of {count} channels"
        axes.text(left, y + block - 0.06, words, va="bottom", fontsize=10)
        for index, channel in enumerate(channels):
            x = left + index % CHANNELS_A_ROW * step
            top = y + block + index // CHANNELS_A_ROW * tall
            one = values[..., channel]
            low, high = min(0.0, float(one.min())), float(one.max())
            high = high if high > low else low + 1  # a constant channel is dark
            style = {"cmap": "inferno", "interpolation": "nearest", "vmin": low, "vmax": high}
            show(one, x, top, side, **style)
            axes.text(x + side / 2, top + side + 0.02, str(channel), ha="center", va="top", size=7)
        y += block + down * tall
    axes.set(xlim=(0, width), ylim=(height, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)
