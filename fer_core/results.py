"""Defines the results: frozen dataclasses that are validated on construction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS

SCHEMA_VERSION = 1
KEYPOINT_NAMES = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear", "left_ear")
JSON_DECIMALS = 4
QUALITY_REASONS = (
    "cut off",
    "turned away",
    "too small",
    "blurred",
    "covered",
    "distorted",
    "drawn",
)
"""Reasons why a prediction is not reliable, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A rectangle of whole pixels, half-open: x_min <= x < x_max, y_min <= y < y_max."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int

    def __post_init__(self) -> None:
        if self.x_min < 0 or self.y_min < 0 or self.width < 1 or self.height < 1:
            raise ValueError(
                "a box must start inside the image and hold at least one pixel, got "
                f"({self.x_min}, {self.y_min}, {self.x_max}, {self.y_max})"
            )

    @property
    def width(self) -> int:
        """Compute the width in pixels."""
        return self.x_max - self.x_min

    @property
    def height(self) -> int:
        """Compute the height in pixels."""
        return self.y_max - self.y_min

    @property
    def area(self) -> int:
        """Compute the area in square pixels."""
        return self.width * self.height

    def to_dict(self) -> dict[str, int]:
        """Convert to the `box` object of the JSON answer."""
        return {
            "x_min": self.x_min,
            "y_min": self.y_min,
            "x_max": self.x_max,
            "y_max": self.y_max,
        }


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class FaceDetection:
    """One detected face.

    Attributes:
        box: in pixels of the upright image, clipped to it.
        keypoints: (6, 2) float64, x and y in pixels of the upright image, in the order of
            `KEYPOINT_NAMES`; left and right are the person's own. May lie outside the image.
        score: confidence of the detector, 0..1; of a given box, presence by the face mesh.
        turn: degrees between the face's normal and the line of sight: 0 from the front, 90 in
            profile.
        aspect: height over width of the face, measured in three dimensions.
    """

    box: BoundingBox
    keypoints: NDArray[np.float64]
    score: float
    turn: float = 0.0
    aspect: float = 1.2

    def __post_init__(self) -> None:
        if self.keypoints.shape != (len(KEYPOINT_NAMES), 2):
            raise ValueError(
                f"keypoints must be ({len(KEYPOINT_NAMES)}, 2), got {self.keypoints.shape}"
            )
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must be within 0..1, got {self.score}")


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Whether a face can be read reliably, and why not.

    Attributes:
        reasons: those of `QUALITY_REASONS` that apply, in that order; empty for a reliable face.
    """

    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.reasons != tuple(name for name in QUALITY_REASONS if name in self.reasons):
            raise ValueError(
                f"reasons must be of {QUALITY_REASONS}, in this order, got {self.reasons}"
            )

    @property
    def reliable(self) -> bool:
        """Tell whether there are no reasons against it."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Convert to the `quality` object of the JSON answer."""
        return {"reliable": self.reliable, "reasons": list(self.reasons)}


@dataclass(frozen=True, slots=True)
class EmotionPrediction:
    """Predicted probabilities of the emotion that people would read in one face.

    Attributes:
        probabilities: calibrated, of the seven emotions in FER2013's order, sum 1; a copy of the
            argument.
        contempt: probability of contempt by the ferplus head alone, 0..1; not among the seven.
        abstention_threshold: the confidence, 0..1, below which the prediction is uncertain.
        reliable: as in `FaceQuality`.
    """

    probabilities: dict[str, float]
    contempt: float
    abstention_threshold: float
    reliable: bool = True

    def __post_init__(self) -> None:
        if tuple(self.probabilities) != FER2013_LABELS:
            raise ValueError(
                f"probabilities must have the keys {FER2013_LABELS} in this order, "
                f"got {tuple(self.probabilities)}"
            )
        total = sum(self.probabilities.values())
        if not abs(total - 1.0) < 1e-4 or min(self.probabilities.values()) < 0.0:
            raise ValueError(f"probabilities must be at least 0 and sum to 1, got sum {total}")
        if not 0.0 <= self.contempt <= 1.0:
            raise ValueError(f"contempt must be within 0..1, got {self.contempt}")
        object.__setattr__(self, "probabilities", dict(self.probabilities))

    @property
    def label(self) -> str:
        """Give the most probable emotion; the first of equals."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """Give the calibrated probability of `label`, 0..1."""
        return self.probabilities[self.label]

    @property
    def is_uncertain(self) -> bool:
        """Tell whether the confidence is below the abstention threshold, or the face unreliable."""
        return self.confidence < self.abstention_threshold or not self.reliable

    @property
    def happy_sad(self) -> dict[str, float]:
        """Renormalize the probabilities to happy and sad; .5 each where both are 0."""
        happy, sad = self.probabilities["happy"], self.probabilities["sad"]
        share = happy / (happy + sad) if happy + sad > 0 else 0.5
        return {"happy": share, "sad": 1.0 - share}

    def to_dict(self) -> dict[str, Any]:
        """Convert to the `emotion` object of the JSON answer."""
        return {
            "label": self.label,
            "confidence": round(self.confidence, JSON_DECIMALS),
            "uncertain": self.is_uncertain,
            "probabilities": _rounded(self.probabilities),
            "contempt": round(self.contempt, JSON_DECIMALS),
            "happy_sad": _rounded(self.happy_sad),
        }


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class FaceResult:
    """One face: detection, aligned crop, prediction and quality.

    Attributes:
        detection: box, keypoints and score.
        aligned: (h, w) uint8 grey, the aligned crop.
        emotion: the prediction.
        quality: whether it can be read reliably; `emotion.reliable` equals `quality.reliable`.
    """

    detection: FaceDetection
    aligned: NDArray[np.uint8]
    emotion: EmotionPrediction
    quality: FaceQuality = FaceQuality()

    def __post_init__(self) -> None:
        if self.emotion.reliable != self.quality.reliable:
            raise ValueError(
                f"emotion.reliable is {self.emotion.reliable}, quality {self.quality.reasons}"
            )
        if self.aligned.ndim != 2 or self.aligned.dtype != np.uint8:
            raise ValueError(
                f"aligned must be (h, w) uint8, got {self.aligned.shape} {self.aligned.dtype}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Convert to an entry of `faces` in the JSON answer."""
        return {
            "box": self.detection.box.to_dict(),
            "score": round(self.detection.score, JSON_DECIMALS),
            "quality": self.quality.to_dict(),
            "emotion": self.emotion.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """The faces of one image.

    Attributes:
        image_size: (width, height) of the upright image, in pixels.
        faces: largest box first; empty when there is no face.
        model_name: of the emotion model.
        model_version: of the emotion model.
    """

    image_size: tuple[int, int]
    faces: tuple[FaceResult, ...]
    model_name: str
    model_version: str

    def __post_init__(self) -> None:
        width, height = self.image_size
        for face in self.faces:
            box = face.detection.box
            if box.x_max > width or box.y_max > height:
                raise ValueError(f"{box} does not lie within the image of {width}x{height}")
        areas = [face.detection.box.area for face in self.faces]
        if areas != sorted(areas, reverse=True):
            raise ValueError(f"faces must come largest first, got areas {areas}")

    def to_dict(self) -> dict[str, Any]:
        """Convert to the JSON answer, schema version 1."""
        width, height = self.image_size
        return {
            "version": SCHEMA_VERSION,
            "image": {"width": width, "height": height},
            "faces": [face.to_dict() for face in self.faces],
            "model": {"name": self.model_name, "version": self.model_version},
        }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, JSON_DECIMALS) for name, value in values.items()}
