import numpy as np
import pytest

from fer_core.model import HEADS
from fer_core.preprocessing import PreprocessingSpec
from train.errors import SettingError
from train.networks.build import NETWORKS, build_network
from train.networks.freezing import freeze_stages


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_gives_finite_logits_of_both_heads(name: str) -> None:
    spec = PreprocessingSpec()
    inputs = np.random.default_rng(0).normal(size=(3, *spec.input_shape)).astype(np.float32)
    outputs = build_network(name, spec).predict_on_batch(inputs)
    assert {head: values.shape for head, values in outputs.items()} == {
        head: (3, len(labels)) for head, labels in HEADS.items()
    }
    assert all(np.isfinite(values).all() for values in outputs.values())


def test_logits_are_not_probabilities() -> None:
    spec = PreprocessingSpec()
    inputs = np.random.default_rng(0).normal(size=(8, *spec.input_shape)).astype(np.float32)
    logits = build_network("tiny", spec).predict_on_batch(inputs)["ferplus"]
    assert (logits < 0).any()


def test_the_product_net_has_the_size_that_the_card_states() -> None:
    assert build_network("vgg", PreprocessingSpec()).count_params() == 1_178_415


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown network 'resnet9000'; known are .*vgg"):
        build_network("resnet9000", PreprocessingSpec())


@pytest.mark.parametrize(("stages", "learning"), [(0, 3), (1, 2), (2, 1)])
def test_the_first_stages_can_be_kept_from_learning(stages: int, learning: int) -> None:
    network = build_network("tiny", PreprocessingSpec())
    freeze_stages(network, stages)
    variables = [one.path.split("/")[0] for one in network.trainable_variables]
    kernels = {name for name in variables if name.startswith("conv2d")}
    assert len(kernels) == 2 * learning
    assert {"ferplus", "fer2013"} <= set(variables)


def test_more_stages_than_a_network_has_are_told() -> None:
    network = build_network("tiny", PreprocessingSpec())
    with pytest.raises(SettingError, match="frozen_stages must be at most 2 for tiny, got 3"):
        freeze_stages(network, 3)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("predecessor_a", 880_047), ("predecessor_b", 2_353_807), ("happy_sad", 79_071)],
)
def test_a_predecessor_has_the_size_that_its_layers_give(name: str, parameters: int) -> None:
    counted = build_network(name, PreprocessingSpec()).count_params()
    assert counted == parameters
