import numpy as np
import pytest

from fer_core.model import HEADS
from fer_core.preprocessing import PreprocessingSpec
from train.errors import SettingError
from train.networks.build import NETWORKS, build_network
from train.networks.freezing import freeze_stages

SIZES = {  # that the model card and train/README.md state, or that the predecessors' layers give
    "vgg": 1_178_415,
    "wide": 2_223_819,
    "small": 296_607,
    "efficientnet_lite0": 3_431_663,
    "predecessor_a": 880_047,
    "predecessor_b": 2_353_807,
    "happy_sad": 79_071,
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_has_its_size_and_gives_logits_of_both_heads(name: str) -> None:
    spec = PreprocessingSpec()
    inputs = np.random.default_rng(0).normal(size=(3, *spec.input_shape)).astype(np.float32)
    network = build_network(name, spec)
    outputs = {head: np.asarray(values) for head, values in network(inputs).items()}
    assert {head: values.shape for head, values in outputs.items()} == {
        head: (3, len(labels)) for head, labels in HEADS.items()
    }
    assert all(np.isfinite(values).all() for values in outputs.values())
    assert (outputs["ferplus"] < 0).any()  # no probabilities
    assert network.count_params() == SIZES.get(name, network.count_params())


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
