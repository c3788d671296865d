"""Draw the feature maps of a network for one face, layer by layer.

    python -m train.features --model models --picture FILE --out FILE.png
    python -m train.features --model models --picture FILE --out FILE.png --layers conv2d_8 ...

The face is detected and aligned as in the app; of several the largest is taken. The PNG shows the
face, the network's input, and the class activation map of the predicted emotion; below, for each
layer, the channels with the largest mean magnitude, strongest first, each over its number and on a
color scale of its own, from its lowest value, or 0 if none is below, to its highest.

Without --layers these are the last activations of each stage, where each downsampling starts a new
stage. For an unknown layer, the error lists all names. Of an ensemble, the first member is shown,
or the one that --member names; prediction and class activation map are those of the ensemble.
Feature maps are of the face as it is, while the prediction also averages its mirror image. Takes
about ten seconds, most of them for loading.
"""

import argparse
from pathlib import Path

from train.cli import add_model_argument, check_file, command_parser, explained, need
from train.evaluation.feature_figure import find_face, show_features


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
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
        "--member", type=int, default=1, metavar="N", help="member of an ensemble (default: 1)"
    )
    options = parser.parse_args(arguments)
    if options.out.suffix.lower() != ".png":
        parser.error("--out must name a .png file")
    return options


if __name__ == "__main__":
    main()
