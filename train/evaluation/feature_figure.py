"""The figure of what the layers of a network answer to one face."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.emotions import BY_NAME
from fer_core.explanation import draw_evidence, evidence_for, evidence_maps
from fer_core.model import EmotionModel
from fer_core.preprocessing import Float32Array, UInt8Array, preprocess
from fer_core.results import EmotionPrediction, FaceResult
from train.errors import FeatureError
from train.networks.ensemble import members_of
from train.networks.feature_maps import CHANNELS, feature_maps, stage_layers, strongest_channels

CHANNELS_A_ROW = 8
EVIDENCE_SIZE = 240  # pixels


def evidence_picture(model: EmotionModel, face: FaceResult) -> UInt8Array | None:
    """(240, 240, 3) uint8 RGB as the app draws it, or None where the network has no such map."""
    try:
        maps = evidence_maps(model, face.aligned)
    except ValueError:  # how it says that the heads do not stand on pooled maps
        return None
    evidence = evidence_for(maps, face.emotion.probabilities, face.emotion.label)
    return draw_evidence(face.aligned, evidence, EVIDENCE_SIZE)


def find_face(recognizer: Any, picture: Path) -> FaceResult:
    """The largest face of a photograph.

    Raises:
        FeatureError: there is none.
        InvalidImageError: not a picture that can be read.
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
    """Write the figure.

    Args:
        model: that answered.
        network: the same in Keras.
        face: its answer to one face.
        path: of the PNG.
        layers: names of `map_layers`; those of `stage_layers` when None.
        member: which of several networks, from 1.

    Returns:
        (h, w, c) float32 by name of the layer: what is shown, all channels.

    Raises:
        FeatureError: there is no such layer or member.
    """
    members = members_of(network)
    if not 1 <= member <= len(members):
        raise FeatureError(f"there is no member {member}; this model has 1 to {len(members)}.")
    chosen = members[member - 1]
    inputs = preprocess(face.aligned[np.newaxis], model.info.preprocessing)
    maps = feature_maps(chosen, inputs, layers or stage_layers(chosen))
    whose = f", network {member} of {len(members)}" if len(members) > 1 else ""
    title = f"{model.info.name} {model.info.version}{whose}"
    evidence = evidence_picture(model, face)
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
    """Three large pictures, and below a block of small ones for each layer; measures in inches."""
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

    grey = {"cmap": "gray", "interpolation": "bicubic"}
    tops: Iterable[tuple[str, Any, dict[str, Any]]] = (
        ("Aligned face", face.aligned, {**grey, "vmin": 0, "vmax": 255}),
        ("Network's input", inputs, grey),
        (_evidence_title(face.emotion), evidence, {}),
    )
    y = 0.75
    for column, (name, picture, style) in enumerate(tops):
        x = left + column * (width - 2 * left - large) / 2
        axes.text(x, y - 0.06, name, va="bottom", fontsize=10)
        if picture is None:
            words = "This network's answer\nhas no such map."
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
            scale = {"vmin": low, "vmax": high if high > low else low + 1}  # a silent one is dark
            show(one, x, top, side, cmap="inferno", interpolation="nearest", **scale)
            axes.text(x + side / 2, top + side + 0.02, str(channel), ha="center", va="top", size=7)
        y += block + down * tall
    axes.set(xlim=(0, width), ylim=(height, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)


def _evidence_title(emotion: EmotionPrediction) -> str:
    unsure = ", not sure" if emotion.is_uncertain else ""
    return f"What speaks for {BY_NAME[emotion.label].title} ({emotion.confidence:.1%}{unsure})"
