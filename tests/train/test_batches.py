from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_core.emotions import FER2013_LABELS
from train.batches import (
    balance,
    make_batches,
    mix,
    select_faces,
    select_training_faces,
    training_targets,
)
from train.config import PRESETS, TrainConfig
from train.dataset import Dataset, load_splits
from train.synthetic import write_synthetic_dataset


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder: Path = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (140, 35, 35))
    return load_splits(folder)


def test_balanced_classes_count_the_same_and_the_mean_face_one() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 3, 3, 5])
    weights = balance(labels)
    assert weights.mean() == pytest.approx(1.0)
    assert [weights[labels == label].sum() for label in (0, 3, 5)] == pytest.approx([3, 3, 3])


def test_class_weights_reach_the_batches(splits: dict[str, Dataset]) -> None:
    training = splits["Training"]
    few = training.subset(
        np.concatenate(
            [np.flatnonzero(training.labels == 3)[:3], np.flatnonzero(training.labels == 4)]
        )
    )
    config = replace(PRESETS["smoke"], class_weights="balanced", batch_size=len(few))
    _, targets, weights = make_batches(few, config, 0)[0]
    by_class = targets["fer2013"].T @ weights["fer2013"]
    assert by_class[3] == pytest.approx(by_class[4], rel=1e-4)


def test_two_emotions_alone_are_chosen_by_both_labels(splits: dict[str, Dataset]) -> None:
    chosen = select_faces(splits, ("happy", "sad"))
    assert set(chosen) == set(splits)
    for split in chosen.values():
        assert {FER2013_LABELS[label] for label in split.labels} == {"happy", "sad"}
        assert set(split.reference) <= {3, 4}
    assert len(select_faces(splits)["Training"]) == len(splits["Training"])


def test_a_run_on_few_faces_always_takes_the_same(splits: dict[str, Dataset]) -> None:
    faces, weights = select_training_faces(splits, TrainConfig(faces=20, seed=4))
    again, _ = select_training_faces(splits, TrainConfig(faces=20, seed=4))
    other, _ = select_training_faces(splits, TrainConfig(faces=20, seed=5))
    assert len(faces) == len(weights) == 20
    assert np.array_equal(faces.faces, again.faces)
    assert not np.array_equal(faces.faces, other.faces)


def test_the_majority_alone_can_be_learned(splits: dict[str, Dataset]) -> None:
    training = splits["Training"]
    targets = training_targets(training, TrainConfig(votes="majority"))["ferplus"]
    judged = training.reference >= 0
    assert np.array_equal(targets[judged].argmax(axis=1), training.reference[judged])
    assert set(np.unique(targets)) <= {0.0, 1.0}
    assert not targets[~judged].any()


class TestMixup:
    """Rows are told apart by their number: inputs, targets and weights must blend alike."""

    def blend(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs = np.eye(6, dtype=np.float32).reshape(6, 6, 1, 1)
        mixed, targets, new_weights = mix(
            inputs, {"head": np.eye(6, dtype=np.float32)}, {"head": weights}, 0.4,
            np.random.default_rng(0),
        )  # fmt: skip
        return mixed[:, :, 0, 0], targets["head"], new_weights["head"]

    def test_targets_follow_the_pictures(self) -> None:
        pictures, targets, weights = self.blend(np.ones(6, np.float32))
        np.testing.assert_allclose(targets, pictures, atol=1e-6)
        np.testing.assert_allclose(weights, 1, atol=1e-6)
        assert ((pictures > 0.01) & (pictures < 0.99)).any()

    def test_a_face_without_a_target_leaves_it_to_the_other(self) -> None:
        weights = np.ones(6, np.float32)
        weights[2] = 0
        pictures, targets, new_weights = self.blend(weights)
        assert not targets[:, 2].any()
        counted = new_weights > 0
        np.testing.assert_allclose(targets[counted].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(new_weights, 1 - pictures[:, 2], atol=1e-6)

    def test_it_is_seeded_and_leaves_the_rest_of_chance_alone(
        self, splits: dict[str, Dataset]
    ) -> None:
        config = replace(PRESETS["smoke"], mixup=0.2)
        first = make_batches(splits["Training"], config, 3)[1]
        again = make_batches(splits["Training"], config, 3)[1]
        plain = make_batches(splits["Training"], PRESETS["smoke"], 3)[1]
        np.testing.assert_array_equal(first[0], again[0])
        assert not np.array_equal(first[0], plain[0])
        assert first[0].mean() == pytest.approx(plain[0].mean(), abs=1e-5)


def test_filters_reach_the_network(splits: dict[str, Dataset]) -> None:
    config = PRESETS["smoke"]
    filtered = replace(config, preprocessing=replace(config.preprocessing, filters=("contours",)))
    plain, _, _ = make_batches(splits["Training"], config, 0)[0]
    contours, _, _ = make_batches(splits["Training"], filtered, 0)[0]
    assert len(np.unique(contours[0])) <= 2 < len(np.unique(plain[0]))
