"""Loads the emotion model, model.json and a verified TFLite file, and runs its forward pass."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.assets import read_verified
from fer_core.calibration import FEATURES, Calibration, softmax
from fer_core.emotions import CONTEMPT, FER2013_LABELS, FERPLUS_LABELS
from fer_core.errors import ModelLoadError
from fer_core.inference import Network
from fer_core.preprocessing import Float32Array, PreprocessingSpec

MODEL_JSON = "model.json"
FORMAT_VERSION = 4
READABLE_VERSIONS = (3, 4)
"""In 3, a calibration has no weights of features."""
HEADS = {"ferplus": FERPLUS_LABELS, "fer2013": FER2013_LABELS}
MAPS = "_maps"
"""Suffix of the outputs with the class activation maps of a head, and with the last feature maps,
whose mean the features are; not every network has them."""

Forward = Callable[[Float32Array], Mapping[str, NDArray[np.float32]]]
"""(N, h, w, 1) float32 -> {"ferplus": (N, 8), "fer2013": (N, 7)} logits, and of some networks
"features": (N, c) and maps."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Holds the content of model.json.

    Attributes:
        name: of the model.
        version: of the model.
        file: name of the TFLite file beside model.json.
        sha256: of that file.
        preprocessing: how a face becomes the network's input.
        flip_averaging: whether logits are averaged over the face and its mirror image.
        calibration: computes the seven probabilities from both heads and the features.
        abstention_threshold: the confidence, 0..1, below which a prediction is uncertain.
        figures: metrics by evaluation set.
        training: command, commit and config of the training run.
    """

    name: str
    version: str
    file: str
    sha256: str
    preprocessing: PreprocessingSpec
    flip_averaging: bool
    calibration: Calibration
    abstention_threshold: float
    figures: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Convert to the content of model.json."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "version": self.version,
            "file": self.file,
            "sha256": self.sha256,
            "heads": {head: list(labels) for head, labels in HEADS.items()},
            "preprocessing": self.preprocessing.to_dict(),
            "flip_averaging": self.flip_averaging,
            "calibration": self.calibration.to_dict(),
            "abstention_threshold": self.abstention_threshold,
            "figures": dict(self.figures),
            "training": dict(self.training),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelInfo":
        """Read model.json.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or does not fit this code.
        """
        version = values["format_version"]
        if version not in READABLE_VERSIONS:
            raise ValueError(f"format_version {version} is not {FORMAT_VERSION}")
        if {head: tuple(labels) for head, labels in values["heads"].items()} != HEADS:
            raise ValueError("the heads' labels are not those of this code, in its order")
        if Path(values["file"]).name != values["file"]:
            raise ValueError("file must be a plain name beside model.json")
        threshold = float(values["abstention_threshold"])
        if not 0 <= threshold <= 1:
            raise ValueError("abstention_threshold must be within 0..1")
        return cls(
            name=str(values["name"]),
            version=str(values["version"]),
            file=str(values["file"]),
            sha256=str(values["sha256"]),
            preprocessing=PreprocessingSpec.from_dict(values["preprocessing"]),
            flip_averaging=bool(values["flip_averaging"]),
            calibration=Calibration.from_dict(values["calibration"]),
            abstention_threshold=threshold,
            figures=values["figures"],
            training=values["training"],
        )


class EmotionModel:
    """Runs a network with the preprocessing and calibration of its model.json. Thread-safe."""

    def __init__(self, forward: Forward, info: ModelInfo) -> None:
        """Join a forward pass and its description; `load` does so from files.

        Args:
            forward: runs the network.
            info: preprocessing, flip averaging and calibration.
        """
        self._forward = forward
        self.info = info

    @classmethod
    def load(cls, directory: Path) -> "EmotionModel":
        """Load the model of a folder and run it once, so that the first prediction is fast.

        Args:
            directory: holds model.json and the TFLite file that it names.

        Raises:
            ModelLoadError: a file is missing or malformed, or was made for other code.
            ChecksumMismatchError: the TFLite file is not the one that model.json describes.
        """
        info = read_info(directory)
        content = read_verified(directory / info.file, info.sha256)
        try:
            model = cls(Network(content).run, info)
            model.answer(np.zeros((1, *info.preprocessing.input_shape), np.float32))
        except (ValueError, KeyError) as error:
            raise ModelLoadError(f"{info.file} cannot be loaded: {error}.") from error
        return model

    def logits(self, inputs: Float32Array) -> dict[str, Float32Array]:
        """Compute the logits of both heads, flip-averaged where model.json says so.

        Args:
            inputs: (N, h, w, 1) float32, from `preprocessing.preprocess`.

        Returns:
            {"ferplus": (N, 8), "fer2013": (N, 7)} float32, before calibration, and "features":
            (N, c), which the heads are linear in, of a network that gives them.

        Raises:
            ValueError: another shape.
        """
        expected = self.info.preprocessing.input_shape
        if inputs.shape[1:] != expected:
            raise ValueError(f"inputs must be (N, *{expected}), got {inputs.shape}")
        # Face by face: one allocated input shape is faster than batches of varying size.
        answers = [self._forward_both(face[np.newaxis]) for face in inputs]
        widths = {head: len(labels) for head, labels in HEADS.items()}
        features = answers[0].get(FEATURES) if answers else self.info.calibration.features
        if features is not None and features.size:
            widths[FEATURES] = features.shape[-1]
        return {
            name: np.array([answer[name].mean(axis=0) for answer in answers], np.float32).reshape(
                len(inputs), width
            )
            for name, width in widths.items()
        }

    def maps(self, face: Float32Array) -> dict[str, Float32Array]:
        """Compute the last feature maps, and at each position each head's logits without the bias.

        Args:
            face: (h, w, 1) float32, from `preprocessing.preprocess`.

        Returns:
            {"ferplus": (h', w', 8), "fer2013": (h', w', 7)} float32, flip-averaged as the logits,
            and "features": (h', w', c) of a network that gives them.

        Raises:
            ValueError: the network has no such maps.
        """
        answer = self._forward_both(face[np.newaxis])
        if any(head + MAPS not in answer for head in HEADS):
            raise ValueError("this network's heads are not linear in its last feature maps")
        maps = {name: answer[name + MAPS] for name in (*HEADS, FEATURES) if name + MAPS in answer}
        if self.info.flip_averaging:
            return {head: (both[0] + both[1, :, ::-1]) / 2 for head, both in maps.items()}
        return {head: one[0] for head, one in maps.items()}

    def answer(self, inputs: Float32Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict the calibrated probabilities of each face, from both heads.

        Args:
            inputs: (N, h, w, 1) float32, from `preprocessing.preprocess`.

        Returns:
            (N, 7) float64 probabilities of the seven emotions, each row with sum 1; (N,) the
            probability of contempt by the ferplus head alone.

        Raises:
            ValueError: another shape.
        """
        logits = self.logits(inputs)
        contempt = softmax(logits["ferplus"])[:, CONTEMPT]
        return self.info.calibration.probabilities(logits), contempt

    def _forward_both(self, face: Float32Array) -> Mapping[str, NDArray[np.float32]]:
        """Run (1, h, w, 1), and behind it its mirror image where flips are averaged."""
        if self.info.flip_averaging:
            face = np.concatenate([face, face[:, :, ::-1]])
        return self._forward(face)


def read_info(directory: Path) -> ModelInfo:
    """Read the model.json of a folder.

    Raises:
        ModelLoadError: it is missing, malformed or was made for other code.
    """
    try:
        values = json.loads((directory / MODEL_JSON).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelLoadError(
            f"There is no {MODEL_JSON} in {directory}; train a model to its end or clone the "
            "repository again."
        ) from error
    except ValueError as error:
        raise ModelLoadError(f"{MODEL_JSON} is not valid JSON: {error}.") from error
    try:
        return ModelInfo.from_dict(values)
    except KeyError as error:
        raise ModelLoadError(f"{MODEL_JSON} lacks the field {error}.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelLoadError(
            f"{MODEL_JSON} does not fit this version of the code: {error}."
        ) from error
