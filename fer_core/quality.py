"""Estimates whether a face can be read reliably, and gives the reasons where it cannot.

A small network classifies a crop that is a little wider than the emotion network's as clear, cut
off, blurred, covered or drawn; the face mesh gives the head's turn and aspect, the box its size.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.assets import REPAIR, read_verified
from fer_core.calibration import softmax
from fer_core.errors import ModelLoadError
from fer_core.inference import Network
from fer_core.preprocessing import PreprocessingSpec, UInt8Array, preprocess
from fer_core.results import QUALITY_REASONS, FaceDetection, FaceQuality

QUALITY_JSON = "quality.json"
FORMAT_VERSION = 1
CLEAR = "clear"
CLASSES = (CLEAR, "cut off", "blurred", "covered", "drawn")
"""Classes of the network, in the order of its logits."""
DRAWN = CLASSES.index("drawn")
OUTPUT = "classes"
"""Name of the network's logits."""

MAX_TURN = 40.0
"""Degrees between the face's normal and the line of sight. Of photographs with a known expression
.80 are predicted correctly below 40 degrees, .70 of the 33 above."""
MIN_SIDE = 24
"""Pixels of the box's longer side: half of the emotion network's input. Of the faces that are
predicted correctly at full size, .93 stay so at 24 pixels and .80 at 16."""
ASPECTS = (1.0, 1.45)
"""Least and largest aspect of an undistorted face. Of photographs and press portraits 98 % lie
between 1.06 and 1.40; an image squeezed to three quarters of its width multiplies by 1.33."""
MIN_CLEAR = 0.8
"""Probability of the class clear, below which the most probable other class is a reason: for 10 of
1,311 faces of photographs, nearly all of them profiles, cut off or covered."""
MAX_DRAWN = 0.9
"""Probability of the class drawn, from which on a detection is dropped. The highest on these
photographs is .40; a threshold of .5 would drop 4 of 525 FER2013 faces in generated scenes."""


@dataclass(frozen=True, slots=True)
class QualityInfo:
    """Holds the content of quality.json.

    Attributes:
        file: name of the TFLite file beside it.
        sha256: of that file.
        preprocessing: how a face becomes the network's input.
        training: command, commit and metrics of the training run.
    """

    file: str
    sha256: str
    preprocessing: PreprocessingSpec
    training: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values for quality.json."""
        return {
            "format_version": FORMAT_VERSION,
            "file": self.file,
            "sha256": self.sha256,
            "classes": list(CLASSES),
            "preprocessing": self.preprocessing.to_dict(),
            "training": self.training,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "QualityInfo":
        """Read quality.json.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or does not fit this code.
        """
        if values["format_version"] != FORMAT_VERSION or tuple(values["classes"]) != CLASSES:
            raise ValueError("format or classes are not those of this code")
        return cls(
            file=Path(values["file"]).name,
            sha256=str(values["sha256"]),
            preprocessing=PreprocessingSpec.from_dict(values["preprocessing"]),
            training=values["training"],
        )


class QualityModel:
    """Runs the quality network. One instance may be shared by any number of threads."""

    def __init__(self, network: Network, info: QualityInfo) -> None:
        """Join a network and its description; `load` does so from files."""
        self._network = network
        self.info = info

    @classmethod
    def load(cls, directory: Path) -> "QualityModel":
        """Load the network of a models folder.

        Raises:
            ModelLoadError: a file is missing or malformed.
            ChecksumMismatchError: the network is not the one that quality.json describes.
        """
        try:
            text = (directory / QUALITY_JSON).read_text(encoding="utf-8")
            info = QualityInfo.from_dict(json.loads(text))
        except OSError as error:
            raise ModelLoadError(f"The model file {QUALITY_JSON} is missing; {REPAIR}.") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ModelLoadError(
                f"{QUALITY_JSON} does not fit this version of the code: {error}."
            ) from error
        content = read_verified(directory / info.file, info.sha256)
        side = info.preprocessing.crop_size
        try:
            model = cls(Network(content, threads=1), info)
            model.probabilities(np.zeros((1, side, side), np.uint8))
        except (ValueError, KeyError) as error:
            raise ModelLoadError(f"{info.file} cannot be loaded: {error}.") from error
        return model

    def probabilities(self, crops: UInt8Array) -> NDArray[np.float64]:
        """Classify crops as clear, cut off, blurred, covered or drawn.

        Args:
            crops: (N, crop_size, crop_size) uint8 grey, aligned by `info.preprocessing`; N may be
                0.

        Returns:
            (N, 5) float64 probabilities of `CLASSES`, each row with sum 1.
        """
        inputs = preprocess(crops, self.info.preprocessing)
        # Face by face: one allocated input shape is faster than batches of varying size.
        logits = [self._network.run(face[np.newaxis])[OUTPUT][0] for face in inputs]
        return softmax(np.array(logits, np.float64).reshape(len(inputs), len(CLASSES)))


def assess(face: FaceDetection, probabilities: NDArray[np.float64]) -> FaceQuality:
    """List the reasons why one face cannot be read reliably.

    Args:
        face: in pixels of the image.
        probabilities: (5,) of `CLASSES`, for its crop.
    """
    reasons = set()
    if face.turn > MAX_TURN:
        reasons.add("turned away")
    if max(face.box.width, face.box.height) < MIN_SIDE:
        reasons.add("too small")
    if face.score == 0.0:  # of a given box in which the mesh finds no face
        reasons.add("covered")
    if not ASPECTS[0] <= face.aspect <= ASPECTS[1]:
        reasons.add("distorted")
    if probabilities[0] < MIN_CLEAR:
        reasons.add(CLASSES[1 + int(probabilities[1:].argmax())])
    return FaceQuality(tuple(name for name in QUALITY_REASONS if name in reasons))
