"""Measure uncertainty: wrong predictions on hidden faces, and faces found where there are none.

    python -m train.trust --photos DIR --photos DIR --portraits DIR --json OUT
    python -m train.trust --emoji NotoColorEmoji.ttf --fonts DIR

Correctly predicted faces are changed so that part of the expression is hidden: cropped by the
image's edge, masked, covered, squeezed or blurred. Counts the predictions that change without being
marked uncertain. Turned heads cannot be imitated: predictions are also counted by the angle of the
head. `--photos` takes folders with labels.csv, `--portraits` one with images named
<emotion>_<person>_<number>.jpg; at most `--faces` of all these are changed.

Emoji and lettering show no person: counts the images with a prediction, and with one that is not
marked uncertain. `--emoji` takes a color font, `--fonts` a folder with fonts for 600 images of
letters and words. Generated scenes without a face (`train.robustness.scenes`) are always measured.
"""

import argparse
import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.preprocessing import UInt8Array
from fer_core.recognizer import EmotionRecognizer
from train.cli import add_model_argument, add_photos_argument, check_file, command_parser, explained
from train.data.drawings import draw_emoji, draw_words
from train.data.photographs import read_photograph_sets, read_portraits
from train.files import replace_file
from train.robustness.scenes import make_empty_scene
from train.robustness.uncertainty import (
    SEED,
    describe,
    measure_changes,
    measure_false_faces,
    measure_turns,
)

WORDS, SCENES = 600, 200


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _parse(arguments)
    with explained():
        if options.json is not None:
            check_file(options.json)
        recognizer = EmotionRecognizer.load(options.model)
        photographs = list(chain.from_iterable(read_photograph_sets(options.photos).values()))
        photographs += read_portraits(options.portraits) if options.portraits else []
        figures: dict[str, Any] = {
            "invented": {
                name: measure_false_faces(recognizer, images, name)
                for name, images in _images_without_a_person(options).items()
            }
        }
        if photographs:
            figures["changes"] = measure_changes(recognizer, photographs, options.faces)
            figures["turns"] = measure_turns(recognizer, photographs)
        print(describe(figures))
        if options.json is not None:
            replace_file(options.json, json.dumps(figures, indent=2) + "\n")


def _images_without_a_person(options: argparse.Namespace) -> dict[str, Iterable[UInt8Array]]:
    images: dict[str, Iterable[UInt8Array]] = {}
    if options.emoji:
        images["emoji"] = (image for _, image in draw_emoji(options.emoji))
    if options.fonts:
        fonts = [f for f in sorted(options.fonts.rglob("*.ttf")) if "emoji" not in f.name.lower()]
        images["words"] = (image for _, image in draw_words(fonts, WORDS, SEED))
    images["scenes"] = (make_empty_scene(np.random.default_rng((SEED, i))) for i in range(SCENES))
    return images


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser("train.trust", __doc__)
    add_model_argument(parser)
    add_photos_argument(parser)
    parser.add_argument("--portraits", type=Path, metavar="DIR", help="rendered portraits")
    parser.add_argument("--faces", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument("--emoji", type=Path, metavar="FONT", help="a color font")
    parser.add_argument("--fonts", type=Path, metavar="DIR", help="fonts (.ttf) to draw words with")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
