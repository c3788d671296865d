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
def tiny() -> keras.Model:
    keras.utils.set_random_seed(2)
    return build_network("tiny", PreprocessingSpec())


@pytest.fixture(scope="module")
def of_tiny(tiny: keras.Model, inputs: np.ndarray) -> Mapping[str, np.ndarray]:
    """What its TFLite file gives."""
    return Network(to_tflite(tiny)).run(inputs)


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


@pytest.mark.parametrize(("name", "has_maps"), [("tiny", True), ("predecessor_a", False)])
def test_only_networks_with_linear_heads_have_maps(
    inputs: np.ndarray, name: str, has_maps: bool
) -> None:
    keras.utils.set_random_seed(1)
    network = build_network(name, PreprocessingSpec())
    answers = Network(to_tflite(network)).run(inputs[:4])
    expected = network.predict_on_batch(inputs[:4])
    assert (f"ferplus{MAPS}" in answers) == has_maps
    assert (FEATURES in answers) == has_maps
    assert (FEATURES + MAPS in answers) == has_maps
    for head in HEADS:
        limit = 0.03 * np.ptp(expected[head], axis=1).max()
        np.testing.assert_allclose(answers[head], expected[head], atol=limit)


def test_features_are_the_mean_of_their_maps(of_tiny: Mapping[str, np.ndarray]) -> None:
    means = of_tiny[FEATURES + MAPS].mean(axis=(1, 2))
    np.testing.assert_allclose(of_tiny[FEATURES], means, atol=1e-5)


def test_features_are_those_of_the_trained_network(
    tiny: keras.Model, of_tiny: Mapping[str, np.ndarray], inputs: np.ndarray
) -> None:
    pooled = keras.Model(tiny.inputs, tiny.get_layer(FEATURES).output).predict_on_batch(inputs)
    np.testing.assert_allclose(of_tiny[FEATURES], pooled, atol=0.03 * np.ptp(pooled))


@pytest.mark.parametrize("head", HEADS)
def test_heads_are_linear_in_the_features(
    tiny: keras.Model, of_tiny: Mapping[str, np.ndarray], head: str
) -> None:
    layer = tiny.get_layer(head)
    expected = of_tiny[FEATURES] @ np.asarray(layer.kernel) + np.asarray(layer.bias)
    limit = 0.03 * np.ptp(expected, axis=1).max()
    np.testing.assert_allclose(of_tiny[head], expected, atol=limit)


def test_an_ensemble_gives_maps_of_its_heads_but_no_features(
    tiny: keras.Model, inputs: np.ndarray
) -> None:
    other = build_network("tiny", PreprocessingSpec())
    answers = Network(to_tflite(build_ensemble([tiny, other]))).run(inputs[:4])
    assert set(answers) == {name for head in HEADS for name in (head, head + MAPS)}


def test_a_mean_of_means_counts_each_network_once() -> None:
    one, two, three = (build_network("tiny", PreprocessingSpec()) for _ in range(3))
    mean = build_ensemble([build_ensemble([one, two]), three])
    inputs = np.random.default_rng(0).normal(size=(2, 48, 48, 1)).astype(np.float32)
    expected = [part.predict_on_batch(inputs)["ferplus"] for part in (one, two, three)]
    answer = mean.predict_on_batch(inputs)["ferplus"]
    np.testing.assert_allclose(answer, np.mean(expected, axis=0), atol=1e-5)
    assert len(members_of(mean)) == 3
    assert members_of(one) == [one]
