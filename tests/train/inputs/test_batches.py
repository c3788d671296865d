from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_core.calibration import softmax
from fer_core.emotions import FER2013_LABELS
from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.synthetic import draw_face, write_synthetic_dataset
from train.errors import RunError
from train.inputs.batches import make_batches, make_table, steps_of_epoch
from train.inputs.targets import balance, select_faces, select_training_faces, training_targets
from train.inputs.teachers import TeacherLogits
from train.networks.blocks import HEAD_COLUMNS
from train.recipes.config import TrainConfig
from train.recipes.presets import PRESETS

SMOKE = PRESETS["smoke"]


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder: Path = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (140, 35, 35))
    return load_splits(folder)


@pytest.fixture(scope="module")
def strangers() -> np.ndarray:
    rng = np.random.default_rng(9)
    return np.stack([draw_face("neutral", rng) for _ in range(30)])


def answers_to(faces: np.ndarray) -> TeacherLogits:
    """Made up, another for each face."""
    rng = np.random.default_rng(len(faces))
    digests = Dataset(
        faces,
        np.zeros(len(faces), np.int64),
        np.zeros((len(faces), 8), np.int64),
        np.zeros((len(faces), 2), np.int64),
    ).fingerprints()
    logits = {
        head: rng.normal(size=(len(faces), columns.stop - columns.start)).astype(np.float32)
        for head, columns in HEAD_COLUMNS.items()
    }
    return TeacherLogits(digests, logits, ("made up",))


def test_balanced_classes_count_the_same_and_the_mean_face_one() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 3, 3, 5])
    weights = balance(labels)
    assert weights.mean() == pytest.approx(1.0)
    assert [weights[labels == label].sum() for label in (0, 3, 5)] == pytest.approx([3, 3, 3])


def test_class_weights_reach_the_targets(splits: dict[str, Dataset]) -> None:
    training = splits["Training"]
    few = training.subset(
        np.concatenate(
            [np.flatnonzero(training.labels == 3)[:3], np.flatnonzero(training.labels == 4)]
        )
    )
    config = replace(SMOKE, class_weights="balanced", label_smoothing=0.0)
    by_class = make_table(few, config).labels[:, HEAD_COLUMNS["fer2013"]].sum(axis=0)
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


def test_targets_of_a_face_sum_to_its_weight_in_the_loss(splits: dict[str, Dataset]) -> None:
    training = splits["Training"].subset(np.arange(20))
    training.votes[3] = 0  # nobody voted
    weights = np.linspace(0.1, 1, 20).astype(np.float32)
    config = replace(SMOKE, ferplus_weight=2.0, fer2013_weight=0.5, label_smoothing=0.1)
    table = make_table(training, config, weights)
    expected = np.where(np.arange(20) == 3, 0, 2 * weights)
    np.testing.assert_allclose(
        table.labels[:, HEAD_COLUMNS["ferplus"]].sum(axis=1), expected, atol=1e-6
    )
    fer2013 = table.labels[:, HEAD_COLUMNS["fer2013"]]
    np.testing.assert_allclose(fer2013.sum(axis=1), 0.5 * weights, atol=1e-6)
    np.testing.assert_allclose(fer2013.min(axis=1), 0.5 * weights * 0.1 / 7, atol=1e-6)
    assert np.array_equal(fer2013.argmax(axis=1), training.labels)


def test_teachers_have_their_share_at_their_temperature(splits: dict[str, Dataset]) -> None:
    training = splits["Training"]
    answers = answers_to(training.faces)
    config = replace(SMOKE, teacher_share=0.25, temperature=3.0)
    table, plain = make_table(training, config, None, answers), make_table(training, SMOKE)
    np.testing.assert_allclose(table.labels, 0.75 * plain.labels, atol=1e-6)
    assert table.soft_targets is not None
    for head, columns in HEAD_COLUMNS.items():
        weight = {"ferplus": config.ferplus_weight, "fer2013": config.fer2013_weight}[head]
        np.testing.assert_allclose(
            table.soft_targets[:, columns],
            0.25 * weight * softmax(answers.logits[head], 3.0),
            atol=1e-6,
        )


def test_faces_without_labels_learn_from_teachers_alone(
    splits: dict[str, Dataset], strangers: np.ndarray
) -> None:
    training = splits["Training"]
    answers = answers_to(np.concatenate([training.faces, strangers]))
    config = replace(SMOKE, teacher_share=0.5, unlabelled_share=0.25, prior_adjustment=1.0)
    table = make_table(training, config, None, answers, strangers)
    assert table.labelled == len(training)
    assert np.array_equal(table.faces[len(training) :], strangers)
    assert not table.labels[len(training) :].any()
    assert table.soft_targets is not None
    weight = config.ferplus_weight + config.fer2013_weight
    np.testing.assert_allclose(table.soft_targets[len(training) :].sum(axis=1), weight, rtol=1e-4)
    # Their logits are moved to an even prior: what the dataset has less of gains.
    assert table.offsets is not None
    assert not table.offsets[: len(training)].any()
    priors = training_targets(training, config)
    for head, columns in HEAD_COLUMNS.items():
        moved = np.log(priors[head].mean(axis=0) + 1e-6) + table.offsets[len(training), columns]
        assert np.ptp(moved) < 1e-4
    assert make_table(training, replace(config, prior_adjustment=0.0), None, answers,
                      strangers).offsets is None  # fmt: skip


def test_a_face_without_an_answer_is_told(
    splits: dict[str, Dataset], strangers: np.ndarray
) -> None:
    config = replace(SMOKE, teacher_share=0.5)
    with pytest.raises(RunError, match="leave out 140 of 140 faces"):
        make_table(splits["Training"], config, None, answers_to(strangers))


def test_an_epoch_holds_each_face_once(splits: dict[str, Dataset]) -> None:
    config = replace(SMOKE, batch_size=20)
    table = make_table(splits["Training"], config)
    batches = make_batches(table, config, epoch=0)
    assert len(batches) == steps_of_epoch(table, config) == 7
    rows = np.concatenate([batches[index][0]["rows"] for index in range(len(batches))])
    assert sorted(rows) == list(range(140))


def test_an_epoch_of_several_passes_holds_each_face_as_often(splits: dict[str, Dataset]) -> None:
    config = replace(SMOKE, batch_size=20, passes=3)
    table = make_table(splits["Training"], config)
    batches = make_batches(table, config, epoch=0)
    assert len(batches) == steps_of_epoch(table, config) == 21
    rows = np.stack([batches[index][0]["rows"] for index in range(len(batches))])
    for number in range(3):
        assert sorted(rows[7 * number : 7 * number + 7].ravel()) == list(range(140))


def test_batches_depend_on_seed_and_epoch_alone(splits: dict[str, Dataset]) -> None:
    table = make_table(splits["Training"], SMOKE)
    first, again, later = (make_batches(table, SMOKE, epoch)[2][0] for epoch in (0, 0, 1))
    for name in ("rows", "draws"):
        assert np.array_equal(first[name], again[name])
        assert not np.array_equal(first[name], later[name])


def test_mixup_leaves_the_rest_of_chance_alone(splits: dict[str, Dataset]) -> None:
    mixed_up = replace(SMOKE, mixup=0.2)
    table = make_table(splits["Training"], SMOKE)
    mixed, plain = (make_batches(table, config, 3)[1][0] for config in (mixed_up, SMOKE))
    assert np.array_equal(mixed["rows"], plain["rows"])
    assert np.array_equal(mixed["draws"], plain["draws"])
    assert ((mixed["mixup"] >= 0) & (mixed["mixup"] <= 1)).all()
    assert "mixup" not in plain


def test_each_batch_has_its_share_of_faces_without_labels(
    splits: dict[str, Dataset], strangers: np.ndarray
) -> None:
    training = splits["Training"]
    answers = answers_to(np.concatenate([training.faces, strangers]))
    config = replace(SMOKE, batch_size=20, teacher_share=0.5, unlabelled_share=0.3)
    table = make_table(training, config, None, answers, strangers)
    batches = make_batches(table, config, 0)
    assert len(batches) == 140 // 14
    rows = np.stack([batches[index][0]["rows"] for index in range(len(batches))])
    assert ((rows >= table.labelled).sum(axis=1) == 6).all()
    assert sorted(rows[rows < table.labelled]) == list(range(140))
    counts = np.bincount(rows[rows >= table.labelled] - table.labelled, minlength=30)
    assert set(counts) == {2}
