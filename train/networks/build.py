"""Build every network by its name."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fer_core.preprocessing import PreprocessingSpec
from train.networks.blocks import Regularization
from train.networks.efficientnet_lite import efficientnet_lite0
from train.networks.ours import WIDTHS, face_resnet, plain, staged_network
from train.networks.predecessors import happy_sad, predecessor_a, predecessor_b
from train.recipes.config import NetworkShape

if TYPE_CHECKING:
    import keras


def build_network(
    name: str,
    spec: PreprocessingSpec,
    how: Regularization | None = None,
    shape: NetworkShape | None = None,
) -> "keras.Model":
    """Build a network.

    Args:
        name: a key of `NETWORKS`.
        spec: with the input's shape.
        how: regularization; None for none.
        shape: of `plain`; None for the defaults.

    Returns:
        (N, h, w, 1) float32 -> {"ferplus": (N, 8), "fer2013": (N, 7)} float32 logits.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}")
    how = how or Regularization()
    if name == "plain":
        return plain(spec, how, shape)
    return NETWORKS[name](spec, how)


NETWORKS: "dict[str, Callable[..., keras.Model]]" = {
    "plain": plain,
    **{name: partial(staged_network, name, widths) for name, widths in WIDTHS.items()},
    "face_resnet": face_resnet,
    "efficientnet_lite0": efficientnet_lite0,
    "predecessor_a": predecessor_a,
    "predecessor_b": predecessor_b,
    "happy_sad": happy_sad,
}
