from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.emotions import FERPLUS_LABELS
from fer_core.model import EmotionModel
from fer_core.preprocessing import PreprocessingSpec
from tests.conftest import EXAMPLES
from train.dataset import DataError, Dataset
from train.photographs import Photograph
from train.shares import SHARES, compare_shares

SAD, NEUTRAL = FERPLUS_LABELS.index("sad"), FERPLUS_LABELS.index("neutral")
PHOTOGRAPHS = [
    Photograph(EXAMPLES / "sad_f_african_01.jpg", "sad"),
    Photograph(EXAMPLES / "lake_01.jpg", "sad"),  # no face
]


class TwoMinds:
    """The ferplus head calls every face neutral; the fer2013 head sad, and three times as surely.

    So the answer turns from neutral to sad at a share of a quarter.
    """

    info = SimpleNamespace(preprocessing=PreprocessingSpec())

    def logits(self, inputs: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        ferplus, fer2013 = np.zeros((len(inputs), 8)), np.zeros((len(inputs), 7))
        ferplus[:, NEUTRAL], fer2013[:, SAD] = 1.0, 3.1
        return {"ferplus": ferplus, "fer2013": fer2013}


def voted(*votes: dict[int, int]) -> Dataset:
    """A face for each count of votes by class."""
    table = np.zeros((len(votes), len(FERPLUS_LABELS)), np.int64)
    for row, counts in zip(table, votes, strict=True):
        for emotion, count in counts.items():
            row[emotion] = count
    labels, rejections = np.zeros(len(votes), np.int64), np.zeros((len(votes), 2), np.int64)
    return Dataset(np.zeros((len(votes), 48, 48), np.uint8), labels, table, rejections)


def compare(public: Dataset) -> dict[float, dict[str, float]]:
    model = cast("EmotionModel", TwoMinds())
    rows = compare_shares(model, public, PHOTOGRAPHS, FaceDetector.load(MODELS_DIR))
    return {row["share"]: row for row in rows}


def test_each_share_is_judged_by_votes_and_by_photographs() -> None:
    rows = compare(voted({NEUTRAL: 10}, {NEUTRAL: 9}, {NEUTRAL: 8}, {SAD: 10}))
    assert tuple(rows) == SHARES
    for share, row in rows.items():
        turned = share >= 0.25
        assert row["accuracy"] == (0.25 if turned else 0.75), share
        assert row["happy_sad"] == 1.0
        assert row["photographs"] == (0.5 if turned else 0.0), share  # the lake has no face


def test_faces_without_a_majority_cannot_be_judged() -> None:
    with pytest.raises(DataError, match="no picture of PublicTest has a majority"):
        compare(voted({NEUTRAL: 4, SAD: 4}))
