"""What fer_core answers: frozen dataclasses that check themselves on construction."""

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
"""Why the answer about a face cannot be relied on, in the order in which they are told."""


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
                "a box must start inside the picture and hold at least one pixel, got "
                f"({self.x_min}, {self.y_min}, {self.x_max}, {self.y_max})"
            )

    @property
    def width(self) -> int:
        """In pixels."""
        return self.x_max - self.x_min

    @property
    def height(self) -> int:
        """In pixels."""
        return self.y_max - self.y_min

    @property
    def area(self) -> int:
        """In square pixels."""
        return self.width * self.height

    def to_dict(self) -> dict[str, int]:
        """The four edges, for JSON."""
        return {
            "x_min": self.x_min,
            "y_min": self.y_min,
            "x_max": self.x_max,
            "y_max": self.y_max,
        }


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class FaceDetection:
    """One face that was found.

    Attributes:
        box: in pixels of the upright picture, clipped to it.
        keypoints: (6, 2) float64, x and y in pixels of the upright picture, in the order of
            `KEYPOINT_NAMES`; left and right are the person's own. May lie outside the picture.
        score: the detector's confidence, 0..1.
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
    """How far a face can be read, whatever its expression.

    Attributes:
        reasons: those of `QUALITY_REASONS` that apply, in that order; empty for a good face.
    """

    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.reasons != tuple(name for name in QUALITY_REASONS if name in self.reasons):
            raise ValueError(
                f"reasons must be of {QUALITY_REASONS}, in this order, got {self.reasons}"
            )

    @property
    def reliable(self) -> bool:
        """Whether there is no reason to doubt the answer."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Convert to the `quality` object of the JSON answer."""
        return {"reliable": self.reliable, "reasons": list(self.reasons)}


@dataclass(frozen=True, slots=True)
class EmotionPrediction:
    """Which emotion people would read in one face.

    Attributes:
        probabilities: calibrated, over the seven emotions in FER2013's order, sum 1;
            a copy of what was handed in.
        contempt: the share of the eighth emotion before it was folded away, 0..1.
        abstention_threshold: the confidence below which the answer should read "not sure".
        reliable: whether the face can be read well, as `FaceQuality` says.
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
        """The most probable emotion; the earlier one of equals."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """Calibrated probability of `label`, 0..1."""
        return self.probabilities[self.label]

    @property
    def is_uncertain(self) -> bool:
        """Whether the confidence lies below the abstention threshold, or the face is unreliable."""
        return self.confidence < self.abstention_threshold or not self.reliable

    @property
    def happy_sad(self) -> dict[str, float]:
        """The seven renormalised to happy and sad; one half each where both are 0."""
        happy, sad = self.probabilities["happy"], self.probabilities["sad"]
        share = happy / (happy + sad) if happy + sad > 0 else 0.5
        return {"happy": share, "sad": 1.0 - share}

    def to_dict(self) -> dict[str, Any]:
        """The `emotion` object of the JSON answer."""
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
    """One face: where it is, what the model saw, and the answer.

    Attributes:
        detection: box, keypoints and score.
        aligned: (h, w) uint8 grey, the crop that went into the network.
        emotion: the answer.
        quality: how far the face can be read; `emotion.reliable` says the same.
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
        """One entry of `faces` in the JSON answer."""
        return {
            "box": self.detection.box.to_dict(),
            "score": round(self.detection.score, JSON_DECIMALS),
            "quality": self.quality.to_dict(),
            "emotion": self.emotion.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class RecognitionResult:
    """The answer for one picture.

    Attributes:
        image_size: (width, height) of the upright picture, in pixels.
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
                raise ValueError(f"{box} does not lie within the picture of {width}x{height}")
        areas = [face.detection.box.area for face in self.faces]
        if areas != sorted(areas, reverse=True):
            raise ValueError(f"faces must come largest first, got areas {areas}")

    def to_dict(self) -> dict[str, Any]:
        """The JSON answer, schema version 1."""
        width, height = self.image_size
        return {
            "version": SCHEMA_VERSION,
            "image": {"width": width, "height": height},
            "faces": [face.to_dict() for face in self.faces],
            "model": {"name": self.model_name, "version": self.model_version},
        }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, JSON_DECIMALS) for name, value in values.items()}
