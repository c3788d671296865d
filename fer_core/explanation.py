"""Explains a prediction: class activation maps of a face, and filtered views of it."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import FEATURES, FloatArray, log_sum_exp
from fer_core.emotions import FER2013_LABELS
from fer_core.filters import blur, contours, denoise, sharpen
from fer_core.model import EmotionModel
from fer_core.preprocessing import Float32Array, UInt8Array, preprocess


def evidence_maps(model: EmotionModel, face: UInt8Array) -> Float32Array:
    """Compute class activation maps of the seven emotions (Zhou et al. 2016).

    The heads are linear in the mean of the last feature maps, so that a logit, without its bias, is
    the mean of that linear function over all positions. Flip averaging and calibration are applied
    as for the prediction.

    Args:
        model: loaded from files.
        face: (crop_size, crop_size) uint8 grey, as `FaceResult.aligned`.

    Returns:
        (7, crop_size, crop_size) float32, in logits, interpolated from the resolution of the last
        feature maps.

    Raises:
        ValueError: the heads are not linear in the last feature maps.
    """
    size = face.shape[1], face.shape[0]
    enlarged = cv2.resize(_coarse_maps(model, face), size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.moveaxis(enlarged, -1, 0), dtype=np.float32)


def _coarse_maps(model: EmotionModel, face: UInt8Array) -> FloatArray:
    """Compute the maps, (h, w, 7), at the resolution of the last feature maps.

    Their mean is the calibration's input to the softmax, without the biases of network and
    calibration.
    """
    (inputs,) = preprocess(face[np.newaxis], model.info.preprocessing)
    maps, logits = model.maps(inputs), model.logits(inputs[np.newaxis])
    calibration = model.info.calibration
    # The log-softmax subtracts one number from all logits of a head.
    coarse = (maps["ferplus"] - log_sum_exp(logits["ferplus"])) @ calibration.ferplus.T
    coarse += (maps["fer2013"] - log_sum_exp(logits["fer2013"])) @ calibration.fer2013.T
    if calibration.features.size:
        coarse += maps[FEATURES] @ calibration.features.T
    return np.asarray(coarse, np.float64)


def evidence_for(
    maps: FloatArray, probabilities: Mapping[str, float], emotion: str
) -> NDArray[np.float64]:
    """Compute the contribution of each position to the log-odds of an emotion.

    That is its own map less the mean of the others, weighted by their probabilities: the derivative
    of the log-odds. On 62 photographs, covering the 16x16 pixels of highest contribution lowered
    the log-odds by 1.0 on average, covering those of lowest by .1.

    Args:
        maps: (7, h, w) from `evidence_maps`.
        probabilities: of the prediction, in FER2013's order.
        emotion: a name of `FER2013_LABELS`.

    Returns:
        (h, w) float64, positive where a position raises the log-odds.
    """
    index = FER2013_LABELS.index(emotion)
    others = np.array(list(probabilities.values()), np.float64)
    others[index] = 0
    others /= max(float(others.sum()), 1e-12)
    return np.asarray(maps[index] - np.tensordot(others, maps, 1), np.float64)


def draw_evidence(face: UInt8Array, evidence: FloatArray, size: int) -> UInt8Array:
    """Overlay the positive contributions to an emotion on the face, as a heat map.

    The highest contribution is brightest; negative ones stay grey.

    Args:
        face: (h, w) uint8 grey.
        evidence: (h, w) from `evidence_for`.
        size: of the drawing, in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    above = np.maximum(evidence, 0)
    strength = (above / max(float(above.max()), 1e-6)).astype(np.float32)
    strength = np.asarray(cv2.resize(strength, (size, size)), np.float32)
    grey = enlarge(face, size)
    heat = cv2.applyColorMap((255 * strength).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = 0.65 * strength[..., np.newaxis]
    mixed = (1 - weight) * grey[..., np.newaxis] + weight * heat
    return np.asarray(mixed.round(), dtype=np.uint8)


def filter_views(face: UInt8Array) -> dict[str, UInt8Array]:
    """Apply the filters of a predecessor, one after the other.

    Args:
        face: (h, w) uint8 grey.

    Returns:
        `original`; `blurred`, of the original; `sharpened`, of the original; `denoised`, of the
        sharpened; `contours_before`, of the original; `contours_after`, of the denoised. All
        (h, w) uint8 grey.
    """
    sharpened = sharpen(face)
    denoised = denoise(sharpened)
    return {
        "original": face.copy(),
        "blurred": blur(face),
        "sharpened": sharpened,
        "denoised": denoised,
        "contours_before": contours(face),
        "contours_after": contours(denoised),
    }


def enlarge(face: UInt8Array, size: int) -> UInt8Array:
    """Enlarge (h, w) uint8 grey to (size, size), by cubic interpolation."""
    return np.asarray(cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
