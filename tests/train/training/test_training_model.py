from dataclasses import replace

import keras
import numpy as np
import pytest

from fer_core.calibration import softmax
from fer_core.preprocessing import PreprocessingSpec, preprocess
from tests.train.inputs.tables import STILL
from train.data.synthetic import draw_face
from train.inputs.batches import TrainingTable, make_batches
from train.networks.blocks import HEAD_COLUMNS
from train.networks.build import build_network
from train.recipes.config import TrainConfig
from train.recipes.presets import PRESETS
from train.training.training_model import TrainingModel

CONFIG = replace(PRESETS["smoke"], augmentation=STILL, batch_size=20)
ROWS = 40


@pytest.fixture(scope="module")
def table() -> TrainingTable:
    rng = np.random.default_rng(0)
    targets = rng.random((ROWS, 15)).astype(np.float32)
    return TrainingTable(
        np.stack([draw_face("sad", rng) for _ in range(ROWS)]),
        targets,
        ROWS,
        soft_targets=rng.random((ROWS, 15)).astype(np.float32),
        offsets=rng.normal(size=(ROWS, 15)).astype(np.float32),
    )


def prepared(table: TrainingTable, config: TrainConfig) -> tuple[dict, dict]:
    batch = make_batches(table, config, 0)[0][0]
    model = TrainingModel(build_network("tiny", PreprocessingSpec()), table, config)
    rows = model.prepare({name: keras.ops.convert_to_tensor(v) for name, v in batch.items()})
    return batch, {name: keras.ops.convert_to_numpy(values) for name, values in rows.items()}


def test_each_face_comes_with_its_own_targets(table: TrainingTable) -> None:
    batch, rows = prepared(table, CONFIG)
    known = preprocess(table.faces, PreprocessingSpec())
    for position, row in enumerate(batch["rows"]):
        seen = rows["inputs"][position]
        same = np.abs(seen - known[row]).max() < 1e-4
        mirrored = np.abs(seen - known[row][:, ::-1]).max() < 1e-4
        assert same or mirrored
        for name in ("labels", "soft_targets", "offsets"):
            np.testing.assert_array_equal(rows[name][position], table.arrays()[name][row])


def test_mixup_blends_faces_and_targets_alike(table: TrainingTable) -> None:
    config = replace(CONFIG, mixup=0.4)
    batch, plain = prepared(table, CONFIG)
    mixed_batch, mixed = prepared(table, config)
    assert np.array_equal(mixed_batch["rows"], batch["rows"])
    share = mixed_batch["mixup"]
    assert ((share > 0.01) & (share < 0.99)).any()
    for name, values in plain.items():
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        expected = weight * values + (1 - weight) * values[::-1]
        np.testing.assert_allclose(mixed[name], expected, atol=1e-5)


def test_targets_flatten_where_faces_are_hidden(table: TrainingTable) -> None:
    """All are cut by the same amount; each head keeps its sum and loses its differences."""
    hiding = replace(STILL, cut_share=1.0, cut=(0.5, 0.5), flatten=1.0)
    _, plain = prepared(table, CONFIG)
    _, flat = prepared(table, replace(CONFIG, augmentation=hiding))
    _, unmoved = prepared(table, replace(CONFIG, augmentation=replace(hiding, flatten=0.0)))
    np.testing.assert_array_equal(unmoved["labels"], plain["labels"])
    for columns in HEAD_COLUMNS.values():
        for name in ("labels", "soft_targets"):
            before, after = plain[name][:, columns], flat[name][:, columns]
            np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1), rtol=1e-4)
            kept = np.ptp(after, axis=1) / np.ptp(before, axis=1)
            assert (kept < 0.8).all()
            assert (kept > 0.2).all()


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_loss_is_cross_entropy_with_labels_and_teachers(
    table: TrainingTable, temperature: float
) -> None:
    config = replace(CONFIG, temperature=temperature)
    network = build_network("tiny", PreprocessingSpec())
    model = TrainingModel(network, table, config)
    rng = np.random.default_rng(1)
    logits = {"ferplus": rng.normal(size=(ROWS, 8)), "fer2013": rng.normal(size=(ROWS, 7))}
    arrays = {name: values for name, values in table.arrays().items() if name != "faces"}
    answers = {
        name: keras.ops.convert_to_tensor(values.astype(np.float32))
        for name, values in {**logits, **arrays}.items()
    }
    expected = 0.0
    for head, columns in HEAD_COLUMNS.items():
        moved = logits[head] + arrays["offsets"][:, columns]
        hard = -(arrays["labels"][:, columns] * np.log(softmax(moved))).sum(axis=1)
        soft = -(arrays["soft_targets"][:, columns] * np.log(softmax(moved, temperature))).sum(
            axis=1
        )
        expected += (hard + temperature**2 * soft).mean()
    assert float(model.compute_loss(y_pred=answers)) == pytest.approx(expected, rel=1e-4)


def test_penalties_of_the_network_are_part_of_the_loss(table: TrainingTable) -> None:
    from train.networks.blocks import Regularization

    losses = []
    for l2 in (0.0, 0.1):
        keras.utils.set_random_seed(0)
        network = build_network("tiny", PreprocessingSpec(), Regularization(l2=l2))
        model = TrainingModel(network, table, CONFIG)
        batch = make_batches(table, CONFIG, 0)[0][0]
        tensors = {name: keras.ops.convert_to_tensor(v) for name, v in batch.items()}
        losses.append(float(model.compute_loss(y_pred=model(tensors, training=False))))
        squares = sum(
            float(keras.ops.sum(weight**2))
            for weight in network.trainable_variables
            if weight.path.endswith("kernel")
        )
    assert losses[1] - losses[0] == pytest.approx(0.1 * squares, rel=1e-3)
