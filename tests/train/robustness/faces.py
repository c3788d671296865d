"""Faces that are bright on one side, and a network that tells the sides apart."""

import json
from typing import Any

import numpy as np

from fer_core.calibration import Calibration
from fer_core.emotions import HAPPY, SAD
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec


def half_bright(label: int) -> np.ndarray:
    """(48, 48) uint8: happy is bright on the left, sad on the right."""
    face = np.full((48, 48), 60, np.uint8)
    face[:, :24] = 200
    return face if label == HAPPY else np.ascontiguousarray(face[:, ::-1])


def model_that_sees_sides() -> EmotionModel:
    """Happy where the left half is brighter, sad where the right one is."""

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        left_is_brighter = inputs[:, :, :24].sum(axis=(1, 2, 3)) > 0
        answers = np.where(left_is_brighter, HAPPY, SAD)
        return {head: 9 * np.eye(n)[answers] for head, n in (("ferplus", 8), ("fer2013", 7))}

    spec = PreprocessingSpec()
    plain = Calibration.temperature(1.0)
    return EmotionModel(forward, ModelInfo("sides", "0", "none", "", spec, False, plain, 0.5))


def strict(result: object) -> Any:
    """Through JSON as other languages read it: without NaN."""
    return json.loads(json.dumps(result, allow_nan=False))
