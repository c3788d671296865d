"""What a model, and the `fer` package beside it, say to the splits and to photographs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.assets import MODELS_DIR
from fer_core.calibration import answer_logits, softmax
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.model import EmotionModel
from fer_core.preprocessing import preprocess
from train import peer_fer
from train.calibrate import dataset_logits
from train.clean import Faults
from train.dataset import Dataset
from train.photographs import Photograph, cut_photographs


@dataclass(frozen=True)
class Answers:
    """What a model says to one split, row by row.

    Attributes:
        dataset: (N) faces and labels.
        copies: (N,) bool, whether the picture also is in Training.
        near_copies: (N,) bool, whether Training shows the same photograph; None when not known.
        fer2013: (N, 7) float64 probabilities of the fer2013 head.
        ferplus: (N, 8) float64 probabilities of the ferplus head, after the temperature.
        seven: (N, 7) float64, the probabilities that the app shows.
    """

    dataset: Dataset
    copies: NDArray[np.bool_]
    near_copies: NDArray[np.bool_] | None
    fer2013: NDArray[np.float64]
    ferplus: NDArray[np.float64]
    seven: NDArray[np.float64]


def answer_splits(
    model: EmotionModel,
    splits: dict[str, Dataset],
    *,
    public_only: bool = False,
    faults: Faults | None = None,
) -> dict[str, Answers]:
    """Ask the model.

    Args:
        model: as the app would load it.
        splits: from `load_splits`; Training is read for its duplicates only.
        public_only: leave PrivateTest unread.
        faults: of these splits, for the near copies.

    Returns:
        The answers by split, PublicTest first.
    """
    known = set(splits["Training"].fingerprints())
    answers = {}
    for split in ("PublicTest",) if public_only else ("PublicTest", "PrivateTest"):
        dataset = splits[split]
        print(f"measuring {split}, {len(dataset)} faces", flush=True)
        logits = dataset_logits(model, dataset)
        info = model.info
        near = None
        if faults is not None:
            near = faults.public_leaked if split == "PublicTest" else faults.private_leaked
        answers[split] = Answers(
            dataset,
            np.array([mark in known for mark in dataset.fingerprints()]),
            near,
            softmax(logits["fer2013"]),
            softmax(logits["ferplus"], info.temperature),
            softmax(answer_logits(logits, info.fer2013_share), info.temperature),
        )
    return answers


def answer_of_peer(
    answers: dict[str, Answers], probabilities: dict[str, NDArray[np.float64]]
) -> dict[str, Answers]:
    """The same pictures with the (N, 7) answers of another program, which knows no contempt."""
    return {
        split: replace(
            answers[split],
            fer2013=seven,
            ferplus=np.pad(seven, ((0, 0), (0, len(FERPLUS_LABELS) - len(FER2013_LABELS)))),
            seven=seven,
        )
        for split, seven in probabilities.items()
    }


def answer_photographs(
    model: EmotionModel, photographs: Sequence[Photograph]
) -> NDArray[np.float64]:
    """(N, 7) what the app would answer to each photograph; a row of NaN where it finds no face."""
    spec = model.info.preprocessing
    crops, found = cut_photographs(FaceDetector.load(MODELS_DIR), photographs, spec)
    seven, _ = model.answer(preprocess(crops, spec))
    return np.where(np.array(found)[:, None], seven, np.nan)


def ask_fer(
    python: Path, answers: dict[str, Answers], photographs: Sequence[Photograph]
) -> tuple[str, dict[str, Answers], NDArray[np.float64]]:
    """The `fer` package's answers to the same pictures, by its own code.

    Args:
        python: the interpreter of an environment that has the package.
        answers: of `answer_splits`, for their pictures.
        photographs: as `answer_photographs` takes them.

    Returns:
        Its version; its answers by split; (N, 7) those to the photographs, a row of NaN where it
        finds no face.

    Raises:
        PeerError: as `peer_fer.ask`.
    """
    faces = np.concatenate([said.dataset.faces for said in answers.values()])
    paths = [photograph.path for photograph in photographs]
    given, of_photographs, version = peer_fer.ask(python, faces, paths)
    ends = np.cumsum([len(said.dataset) for said in answers.values()])[:-1]
    by_split = dict(zip(answers, np.split(given, ends), strict=True))
    return version, answer_of_peer(answers, by_split), of_photographs
