"""Show what a network makes of one face, layer by layer.

    python -m train.features --model models --picture FILE --out FILE.png
    python -m train.features --model models --picture FILE --out FILE.png --layers conv2d_8 ...

The face is found and cut as the app does it; of several the largest is taken. The PNG shows the
face, the network's input, and the places that speak for the answer, as the app draws them; below,
for each layer, its strongest channels: the feature maps with the largest mean magnitude, strongest
first, each over its number and on a scale of its own, from dark (its lowest value, or 0 where none
is below) to bright (its highest).

Without --layers these are the last activations of each stage, a stage being what lies between two
reductions of the picture. A name that the network does not have is answered with those that it has.
A model that is the mean of several networks is shown by the first of them, or by that which
--member names; the answer and its places are those of the whole. Feature maps are of the face as it
is, while the answer is also that of its mirror image. About ten seconds, most of them for loading.
"""

import argparse
from pathlib import Path

from train.cli import add_model_argument, check_file, command_parser, explained, need
from train.evaluation.feature_figure import find_face, show_features


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = _parse(arguments)
    need("drawing features")
    need("drawing features", "matplotlib")
    from fer_core.recognizer import EmotionRecognizer
    from train.artifacts.model_folder import load_network

    with explained():
        print(f"loading the model of {options.model}", flush=True)
        recognizer = EmotionRecognizer.load(options.model)
        face = find_face(recognizer, options.picture)
        check_file(options.out)
        network = load_network(options.model)
        maps = show_features(
            recognizer.model,
            network,
            face,
            options.out,
            layers=options.layers,
            member=options.member,
        )
    print(f"wrote {options.out} with the layers {', '.join(maps)}")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser("train.features", __doc__)
    add_model_argument(parser)
    parser.add_argument(
        "--picture", type=Path, required=True, metavar="FILE", help="a photograph with a face"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png", help="where to draw")
    parser.add_argument(
        "--layers", nargs="+", metavar="NAME", help="default: the last activation of each stage"
    )
    parser.add_argument(
        "--member", type=int, default=1, metavar="N", help="which of several networks (default: 1)"
    )
    options = parser.parse_args(arguments)
    if options.out.suffix.lower() != ".png":
        parser.error("--out must name a .png file")
    return options


if __name__ == "__main__":
    main()
