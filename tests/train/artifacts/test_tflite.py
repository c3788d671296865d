"""What the app runs is what was trained."""

from collections.abc import Mapping

import keras
import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.calibration import FEATURES
from fer_core.emotions import FER2013_LABELS
from fer_core.inference import Network
from fer_core.model import MAPS
from fer_core.preprocessing import PreprocessingSpec, prepare_dataset_faces, preprocess
from tests.train.conftest import SMALL
from train.artifacts.model_folder import load_network
from train.artifacts.tflite import to_tflite
from train.data.synthetic import draw_face
from train.networks.blocks import HEADS
from train.networks.build import build_network
from train.networks.ensemble import build_ensemble, members_of


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    spec = PreprocessingSpec()
    rng = np.random.default_rng(0)
    faces = np.stack([draw_face(FER2013_LABELS[index % 7], rng) for index in range(28)])
    return preprocess(prepare_dataset_faces(faces, spec), spec)


@pytest.fixture(scope="module")
def small() -> keras.Model:
    keras.utils.set_random_seed(2)
    return build_network("plain", PreprocessingSpec(), shape=SMALL)


@pytest.fixture(scope="module")
def of_small(small: keras.Model, inputs: np.ndarray) -> Mapping[str, np.ndarray]:
    """What its TFLite file gives."""
    return Network(to_tflite(small)).run(inputs)


def test_the_served_network_answers_as_the_trained_one(inputs: np.ndarray) -> None:
    network = load_network(MODELS_DIR)
    expected = network.predict_on_batch(inputs)
    answers = Network((MODELS_DIR / "emotion.tflite").read_bytes()).run(inputs)
    for head in HEADS:
        # int8 weights: the error is a hundredth of what tells the classes apart.
        error = np.abs(answers[head] - expected[head]).max()
        assert error < 0.02 * np.ptp(expected[head], axis=1).max()
        assert (answers[head].argmax(axis=1) == expected[head].argmax(axis=1)).mean() > 0.95


def test_maps_add_up_to_the_logits_but_for_the_bias(inputs: np.ndarray) -> None:
    answers = Network((MODELS_DIR / "emotion.tflite").read_bytes()).run(inputs)
    for head in HEADS:
        bias = answers[head] - answers[head + MAPS].mean(axis=(1, 2))
        np.testing.assert_allclose(bias - bias[0], 0, atol=1e-3)


def test_linear_heads_have_the_logits_of_the_trained_network_and_maps(
    small: keras.Model, of_small: Mapping[str, np.ndarray], inputs: np.ndarray
) -> None:
    assert set(of_small) == {
        name for output in (*HEADS, FEATURES) for name in (output, output + MAPS)
    }
    assert_logits(of_small, small, inputs)


def test_heads_on_flattened_maps_have_none(inputs: np.ndarray) -> None:
    faces = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(keras.layers.Conv2D(2, 5, strides=8)(faces))
    classes = {"ferplus": 8, "fer2013": 7}
    heads = {head: keras.layers.Dense(classes[head], name=head)(flat) for head in HEADS}
    network = keras.Model(faces, heads)
    answers = Network(to_tflite(network)).run(inputs[:4])
    assert set(answers) == set(HEADS)
    assert_logits(answers, network, inputs[:4])


def assert_logits(
    answers: Mapping[str, np.ndarray], network: keras.Model, inputs: np.ndarray
) -> None:
    """int8 weights change the logits a little."""
    for head, expected in network(inputs).items():
        limit = 0.03 * np.ptp(expected, axis=1).max()
        np.testing.assert_allclose(answers[head], expected, atol=limit)


def test_features_are_the_mean_of_their_maps(of_small: Mapping[str, np.ndarray]) -> None:
    means = of_small[FEATURES + MAPS].mean(axis=(1, 2))
    np.testing.assert_allclose(of_small[FEATURES], means, atol=1e-5)


def test_features_are_those_of_the_trained_network(
    small: keras.Model, of_small: Mapping[str, np.ndarray], inputs: np.ndarray
) -> None:
    pooled = np.asarray(keras.Model(small.inputs, small.get_layer(FEATURES).output)([inputs]))
    np.testing.assert_allclose(of_small[FEATURES], pooled, atol=0.03 * np.ptp(pooled))


@pytest.mark.parametrize("head", HEADS)
def test_heads_are_linear_in_the_features(
    small: keras.Model, of_small: Mapping[str, np.ndarray], head: str
) -> None:
    layer = small.get_layer(head)
    expected = of_small[FEATURES] @ np.asarray(layer.kernel) + np.asarray(layer.bias)
    limit = 0.03 * np.ptp(expected, axis=1).max()
    np.testing.assert_allclose(of_small[head], expected, atol=limit)


def test_an_ensemble_gives_maps_of_its_heads_but_no_features(
    small: keras.Model, inputs: np.ndarray
) -> None:
    other = build_network("plain", PreprocessingSpec(), shape=SMALL)
    answers = Network(to_tflite(build_ensemble([small, other]))).run(inputs[:4])
    assert set(answers) == {name for head in HEADS for name in (head, head + MAPS)}


def test_a_mean_of_means_counts_each_network_once() -> None:
    one, two, three = (build_network("plain", PreprocessingSpec(), shape=SMALL) for _ in range(3))
    mean = build_ensemble([build_ensemble([one, two]), three])
    inputs = np.random.default_rng(0).normal(size=(2, 48, 48, 1)).astype(np.float32)
    expected = [part(inputs)["ferplus"] for part in (one, two, three)]
    answer = mean(inputs)["ferplus"]
    np.testing.assert_allclose(answer, np.mean(expected, axis=0), atol=1e-5)
    assert len(members_of(mean)) == 3
    assert members_of(one) == [one]
