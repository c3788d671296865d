"""Predict the dataset's splits and photographs, with a model and with the `fer` package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import softmax
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.model import EmotionModel
from fer_core.preprocessing import DATASET_FACE_SIZE, preprocess
from fer_core.recognizer import EmotionRecognizer
from train.artifacts.temperature import dataset_logits
from train.cli import progress
from train.data.dataset import Dataset, is_judged
from train.data.label_faults import Faults
from train.data.photographs import Photograph, load_photograph
from train.evaluation import peer_fer


@dataclass(frozen=True)
class SplitPredictions:
    """Predictions for one split, row by row.

    Attributes:
        dataset: (N) faces and labels.
        copies: (N,) bool, whether the image is also in Training.
        near_copies: (N,) bool, whether Training shows the same photograph; None if unknown.
        fer2013: (N, 7) float64 probabilities of the fer2013 head.
        ferplus: (N, 8) float64 probabilities of the ferplus head.
        seven: (N, 7) float64, the probabilities that the app shows.
    """

    dataset: Dataset
    copies: NDArray[np.bool_]
    near_copies: NDArray[np.bool_] | None
    fer2013: NDArray[np.float64]
    ferplus: NDArray[np.float64]
    seven: NDArray[np.float64]

    @property
    def heads(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64], tuple[str, ...]]]:
        """Probabilities, labels and classes of each head; ferplus where there are votes."""
        heads = {"fer2013": (self.fer2013, self.dataset.labels, FER2013_LABELS)}
        if self.dataset.has_votes:
            heads["ferplus"] = (self.ferplus, self.dataset.majority, FERPLUS_LABELS)
        return heads

    @property
    def labels(self) -> NDArray[np.int64]:
        """Reference labels, (N,) indices into `FERPLUS_LABELS`, or -1."""
        return self.dataset.reference

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the most probable of the seven emotions, (N,)."""
        return np.asarray(self.seven.argmax(axis=1))

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Its probability, (N,)."""
        return np.asarray(self.seven.max(axis=1))

    @property
    def mistakes(self) -> NDArray[np.bool_]:
        """Whether it is not the label, which is one of the seven, (N,) bool."""
        return np.asarray(is_judged(self.labels) & (self.predicted != self.labels))


@dataclass(frozen=True)
class PhotographPredictions:
    """Predictions for a set of photographs, row by row.

    Attributes:
        photographs: N.
        probabilities: (N, 7) float64 of the largest face; a row of NaN where no face was found.
        uncertain: (N,) bool, whether the answer is "not sure".
        boxes: (N, 4) int64, the face's x_min, y_min, x_max, y_max in pixels of the upright image;
            zeros where that is not known.
        reliable: (N,) bool, `FaceQuality.reliable` of the face.
        crops: (N, h, w) uint8, as `FaceResult.aligned`, black where no face was found.
        logits: of both heads, "ferplus" (N, 8) and "fer2013" (N, 7) float32, and "features" (N, c)
            of a network that gives them; rows of zeros where no face was found; empty for a peer.
    """

    photographs: Sequence[Photograph]
    probabilities: NDArray[np.float64]
    uncertain: NDArray[np.bool_]
    boxes: NDArray[np.int64]
    reliable: NDArray[np.bool_]
    crops: NDArray[np.uint8]
    logits: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether a face was found, (N,) bool."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Indices into `FER2013_LABELS`, (N,)."""
        return np.array([FER2013_LABELS.index(item.label) for item in self.photographs])

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the most probable emotion, (N,); -1 where no face was found."""
        likeliest = np.nan_to_num(self.probabilities).argmax(axis=1)
        return np.where(self.found, likeliest, -1)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Its probability, (N,); 0 where no face was found."""
        return np.asarray(np.nan_to_num(self.probabilities).max(axis=1))

    @property
    def mistakes(self) -> NDArray[np.bool_]:
        """Whether it is wrong and not "not sure", (N,) bool."""
        return np.asarray(self.found & ~self.uncertain & (self.predicted != self.labels))


def most_confident_mistakes(
    predictions: SplitPredictions | PhotographPredictions, count: int
) -> NDArray[np.intp]:
    """Return the rows of the mistakes, the most confident first."""
    rows = np.flatnonzero(predictions.mistakes)
    return rows[np.argsort(-predictions.confidence[rows], kind="stable")][:count]


def predict_splits(
    model: EmotionModel,
    splits: dict[str, Dataset],
    *,
    public_only: bool = False,
    faults: Faults | None = None,
) -> dict[str, SplitPredictions]:
    """Predict PublicTest and PrivateTest.

    Args:
        model: as the app would load it.
        splits: from `load_splits`; Training is used to find copies only.
        public_only: leave PrivateTest unread.
        faults: of these splits, for the near copies.

    Returns:
        The predictions by split, PublicTest first.
    """
    known = set(splits["Training"].fingerprints())
    by_split = {}
    for split in ("PublicTest",) if public_only else ("PublicTest", "PrivateTest"):
        dataset = splits[split]
        print(f"measuring {split}, {len(dataset)} faces", flush=True)
        logits = dataset_logits(model, dataset)
        near = None
        if faults is not None:
            near = faults.public_leaked if split == "PublicTest" else faults.private_leaked
        by_split[split] = SplitPredictions(
            dataset,
            np.array([mark in known for mark in dataset.fingerprints()]),
            near,
            softmax(logits["fer2013"]),
            softmax(logits["ferplus"]),
            model.info.calibration.probabilities(logits),
        )
    return by_split


def predict_photographs(
    recognizer: EmotionRecognizer, photographs: Sequence[Photograph]
) -> PhotographPredictions:
    """Predict the largest face of each photograph, as the app does.

    Raises:
        DataError: a file is not an image that can be read.
    """
    count = len(photographs)
    probabilities = np.full((count, len(FER2013_LABELS)), np.nan)
    uncertain, boxes = np.zeros(count, bool), np.zeros((count, 4), np.int64)
    reliable, model = np.zeros(count, bool), recognizer.model
    size = model.info.preprocessing.crop_size
    crops = np.zeros((count, size, size), np.uint8)
    for row, photograph in enumerate(progress(photographs, "photographs")):
        faces = recognizer.recognize(load_photograph(photograph)).faces
        if faces:
            emotion, box = faces[0].emotion, faces[0].detection.box
            probabilities[row] = list(emotion.probabilities.values())
            uncertain[row] = emotion.is_uncertain
            boxes[row] = box.x_min, box.y_min, box.x_max, box.y_max
            reliable[row], crops[row] = faces[0].quality.reliable, faces[0].aligned
    found = ~np.isnan(probabilities[:, 0])
    logits = {}
    for name, values in model.logits(preprocess(crops[found], model.info.preprocessing)).items():
        logits[name] = np.zeros((count, values.shape[1]), np.float32)
        logits[name][found] = values
    return PhotographPredictions(
        tuple(photographs), probabilities, uncertain, boxes, reliable, crops, logits
    )


def predict_with_fer(
    python: Path,
    by_split: dict[str, SplitPredictions],
    photographs: Mapping[str, Sequence[Photograph]],
) -> tuple[str, dict[str, SplitPredictions], dict[str, PhotographPredictions]]:
    """Predict the same images with the `fer` package.

    Args:
        python: the interpreter of an environment that has the package.
        by_split: from `predict_splits`, for their images.
        photographs: by the name of their set.

    Returns:
        Its version; its predictions by split, and by set of photographs; none is "not sure".

    Raises:
        PeerError: as `peer_fer.predict`.
    """
    no_faces = np.zeros((0, DATASET_FACE_SIZE, DATASET_FACE_SIZE), np.uint8)
    faces = np.concatenate(
        [no_faces, *(predictions.dataset.faces for predictions in by_split.values())]
    )
    paths = [photograph.path for of_set in photographs.values() for photograph in of_set]
    of_faces, of_photographs, version = peer_fer.predict(python, faces, paths)
    of_splits, of_sets = {}, {}
    for split, predictions in by_split.items():
        seven, of_faces = np.split(of_faces, [len(predictions.dataset)])
        eight = np.pad(seven, ((0, 0), (0, 1)))  # the package does not predict contempt
        of_splits[split] = replace(predictions, fer2013=seven, ferplus=eight, seven=seven)
    for name, of_set in photographs.items():
        count = len(of_set)
        seven, of_photographs = np.split(of_photographs, [count])
        of_sets[name] = PhotographPredictions(
            tuple(of_set),
            seven,
            np.zeros(count, bool),
            np.zeros((count, 4), np.int64),
            np.ones(count, bool),
            np.zeros((count, 0, 0), np.uint8),
        )
    return version, of_splits, of_sets
