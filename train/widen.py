"""Begin a wider network with what a narrower one has learned, answering as it did.

    python -m train.widen --run runs/x --network wide --out runs/wider
    python -m train.fit --data DIR --init runs/wider --set network=wide --out runs/y

Net2WiderNet (Chen, Goodfellow and Shlens 2016): each further channel repeats one that there is, and
the next layer shares its weights among the copies. A little noise then lets the copies part ways.
For the plain networks of train.networks, whose layers differ in width only.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from train.arguments import need
from train.networks import HEADS, NETWORKS
from train.runs import RunError, load_weights, refuse_run, save_network

if TYPE_CHECKING:
    import keras

NOISE = 0.05  # of a kernel's own spread


def widen(
    narrow: "keras.Model", wide: "keras.Model", rng: np.random.Generator, noise: float = NOISE
) -> None:
    """Give a wider network the weights of a narrower one.

    Args:
        narrow: with its weights.
        wide: of the same layers, each at least as wide; its weights are replaced.
        rng: chooses the channels to repeat.
        noise: standard deviation of what is added to a kernel, in its own; 0 for equal answers.

    Raises:
        RunError: the layers do not correspond.
    """
    pairs = [
        (one, other)
        for one, other in zip(_weighted(narrow), _weighted(wide), strict=False)
        if type(one) is type(other)
    ]
    if not len(pairs) == len(_weighted(narrow)) == len(_weighted(wide)):
        raise RunError("these networks have different layers; only their widths may differ.")
    inputs = np.arange(1)  # channel of the narrow network that each of the wide one's repeats
    for one, other in pairs:
        old, new = one.get_weights(), other.get_weights()
        if one.name in HEADS:
            kernel = old[0][inputs] / _copies(inputs)[:, None]
            other.set_weights([_noisy(kernel, noise, rng), old[1]])
        elif old[0].ndim == 4:
            before, width = old[0].shape[-1], new[0].shape[-1]
            if width < before:
                raise RunError(f"{other.name} has {width} channels, fewer than {before}.")
            outputs = np.concatenate([np.arange(before), rng.integers(0, before, width - before)])
            kernel = old[0][:, :, inputs] / _copies(inputs)[:, None]
            other.set_weights([_noisy(kernel[..., outputs], noise, rng)])
            inputs = outputs
        else:  # batch normalization, of the channels before it
            other.set_weights([values[inputs] for values in old])


def _weighted(network: "keras.Model") -> list[Any]:
    return [layer for layer in network.layers if layer.weights and layer.get_weights()[0].ndim]


def _copies(chosen: NDArray[Any]) -> NDArray[np.float32]:
    """How often each entry's value occurs."""
    _, inverse, counts = np.unique(chosen, return_inverse=True, return_counts=True)
    return counts[inverse].astype(np.float32)


def _noisy(kernel: NDArray[Any], noise: float, rng: np.random.Generator) -> NDArray[Any]:
    changed: NDArray[Any] = kernel + noise * kernel.std() * rng.standard_normal(kernel.shape)
    return changed.astype(np.float32)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.widen",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="the narrower run")
    parser.add_argument(
        "--from-network",
        choices=sorted(NETWORKS),
        default="vgg",
        metavar="NAME",
        help="the narrower run's (default: vgg)",
    )
    parser.add_argument(
        "--network", choices=sorted(NETWORKS), required=True, metavar="NAME", help="the wider one"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the noise (default: 1)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the model")
    options = parser.parse_args(arguments)
    need("widening")
    from fer_core.preprocessing import PreprocessingSpec
    from train.networks import build_network

    spec = PreprocessingSpec()
    narrow, wide = (build_network(name, spec) for name in (options.from_network, options.network))
    try:
        refuse_run(options.out)
        load_weights(narrow, options.run)
        widen(narrow, wide, np.random.default_rng(options.seed))
    except (RunError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    options.out.mkdir(parents=True, exist_ok=True)
    save_network(wide, options.out)
    print(f"{options.out} holds {options.network} with the weights of {options.run}")


if __name__ == "__main__":
    main()
