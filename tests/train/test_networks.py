import numpy as np
import pytest

from fer_core.model import HEADS
from fer_core.preprocessing import PreprocessingSpec
from train.networks import NETWORKS, build_network


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
