"""What cleaning does to a run."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.label_faults import find_faults, save_faults
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError, RunError
from train.inputs.batches import make_table
from train.inputs.targets import select_training_faces
from train.networks.blocks import HEAD_COLUMNS
from train.recipes.config import TrainConfig
from train.recipes.presets import PRESETS


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """Twelve training pictures, no two alike but the second, a copy; the third is no face."""
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, faces_per_split=(12, 4, 4))
    splits = load_splits(folder)
    training = splits["Training"]
    noise = np.random.default_rng(0).integers(0, 256, (12, 48, 48)).astype(np.uint8)
    faces = np.stack(
        [cv2.normalize(cv2.blur(one, (5, 5)), None, 0, 255, cv2.NORM_MINMAX) for one in noise]
    )
    votes, rejections = training.votes.copy(), training.rejections.copy()
    faces[1] = faces[0]
    votes[2], rejections[2] = 0, (0, 10)
    return {**splits, "Training": Dataset(faces, training.labels, votes, rejections)}


@pytest.fixture(scope="module")
def faults(splits: dict[str, Dataset], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    save_faults(find_faults(splits), folder / "faults.npz")
    return folder


def test_without_cleaning_only_what_is_no_face_is_left_out(splits: dict[str, Dataset]) -> None:
    faces, weights = select_training_faces(splits, TrainConfig())
    assert len(faces) == 11
    np.testing.assert_array_equal(weights, np.ones(11, np.float32))


def test_dropping_leaves_one_of_two_copies(splits: dict[str, Dataset], faults: Path) -> None:
    faces, weights = select_training_faces(splits, TrainConfig(cleaning="drop"), faults)
    assert len(faces) == len(weights) == 10
    assert len(set(faces.fingerprints())) == 10


def test_weighing_lets_two_copies_count_as_one(splits: dict[str, Dataset], faults: Path) -> None:
    faces, weights = select_training_faces(splits, TrainConfig(cleaning="weigh"), faults)
    assert len(faces) == 11
    np.testing.assert_array_equal(weights[:2], [0.5, 0.5])


def test_weights_reach_both_heads(splits: dict[str, Dataset], faults: Path) -> None:
    faces, weights = select_training_faces(splits, TrainConfig(cleaning="weigh"), faults)
    config = replace(PRESETS["smoke"], ferplus_weight=1.0, fer2013_weight=1.0)
    labels = make_table(faces, config, weights).labels
    for columns in HEAD_COLUMNS.values():
        np.testing.assert_allclose(labels[:, columns].sum(axis=1), weights, rtol=1e-5)


def test_the_test_splits_are_not_touched(splits: dict[str, Dataset], faults: Path) -> None:
    before = {name: splits[name].faces.copy() for name in ("PublicTest", "PrivateTest")}
    select_training_faces(splits, TrainConfig(cleaning="strict"), faults)
    for name, expected in before.items():
        np.testing.assert_array_equal(splits[name].faces, expected)


def test_cleaning_without_faults_says_what_to_do(splits: dict[str, Dataset]) -> None:
    with pytest.raises(RunError, match="--faults DIR"):
        select_training_faces(splits, TrainConfig(cleaning="drop"))


def test_an_unknown_mode_is_refused(splits: dict[str, Dataset], faults: Path) -> None:
    with pytest.raises(RunError, match="'scrub'"):
        select_training_faces(splits, TrainConfig(cleaning="scrub"), faults)


def test_faults_of_other_data_are_refused(splits: dict[str, Dataset], faults: Path) -> None:
    other = {**splits, "Training": splits["Training"].subset(np.arange(5))}
    with pytest.raises(DataError, match="other images"):
        select_training_faces(other, TrainConfig(cleaning="drop"), faults)
