"""Measure doubt: wrong answers about hidden faces, and faces seen where there are none.

    python -m train.trust --photos DIR --photos DIR --portraits DIR --json OUT
    python -m train.trust --emoji NotoColorEmoji.ttf --fonts DIR

Faces that are read rightly are changed so that part of the expression cannot be seen: cut by the
image's edge, masked, covered, squeezed, blurred. A changed answer that is still sure is what a
reader must not get. How far heads are turned cannot be imitated: answers are counted by it.
`--photos` takes folders with labels.csv, `--portraits` one with pictures named
<emotion>_<person>_<number>.jpg; at most `--faces` are changed, evenly from all.

Emoji and lettering show no person: counted is how many get an answer, and how many a sure one.
`--emoji` takes a color font, `--fonts` a folder with fonts for 600 images of letters and words.
Generated scenes without any face (`train.scenes`) are always measured.
"""

import argparse
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.preprocessing import UInt8Array
from fer_core.recognizer import EmotionRecognizer
from train.cli import add_model_argument, command_parser, explained, prepare_file
from train.data.drawings import draw_emoji, draw_words
from train.data.photographs import (
    Photograph,
    load_photograph,
    progress,
    read_photograph_sets,
    read_portraits,
)
from train.hidden_faces import CHANGES
from train.reporting.markdown import table
from train.scenes import make_empty_scene

SEED = 2013
TURNS = (0, 15, 30, 45, 90)  # degrees
WORDS, SCENES = 600, 200


def measure_changes(
    recognizer: EmotionRecognizer, photographs: list[Photograph], count: int
) -> dict[str, Any]:
    """Change faces that are read rightly, and see what becomes of the answers.

    Args:
        recognizer: as the app would load it.
        photographs: of one face each.
        count: of faces to take at most, evenly from all photographs.

    Returns:
        n, the faces taken; for each of `CHANGES`: answered, how many still get an answer, changed,
        how many another one, surely_changed, how many another one that is not "not sure", and
        sure, how many are not "not sure".
    """
    order = np.random.default_rng(SEED).permutation(len(photographs))
    told = {name: dict.fromkeys(("answered", "sure", "changed", "surely_changed"), 0)
            for name in CHANGES}  # fmt: skip
    taken = 0
    for row in progress(order, "changed faces"):
        if taken == count:
            break
        photograph = photographs[row]
        image = load_photograph(photograph)
        faces = recognizer.recognize(image).faces
        if not faces or faces[0].emotion.label != photograph.label:
            continue
        taken += 1
        for name, change in CHANGES.items():
            changed = change(image, faces[0].detection, np.random.default_rng((SEED, row)))
            answers = recognizer.recognize(changed).faces
            if answers:
                emotion = answers[0].emotion
                other = emotion.label != photograph.label
                told[name]["answered"] += 1
                told[name]["sure"] += not emotion.is_uncertain
                told[name]["changed"] += other
                told[name]["surely_changed"] += other and not emotion.is_uncertain
    return {"n": taken, **told}


def measure_turns(
    recognizer: EmotionRecognizer, photographs: list[Photograph]
) -> dict[str, dict[str, int]]:
    """Count right and surely wrong answers by how far the head is turned from the camera.

    Returns:
        By range of degrees: n, right, sure, surely_wrong.
    """
    told = {f"{low} to {high}°": dict.fromkeys(("n", "right", "sure", "surely_wrong"), 0)
            for low, high in pairwise(TURNS)}  # fmt: skip
    for photograph in progress(photographs, "turned faces"):
        faces = recognizer.recognize(load_photograph(photograph)).faces
        if faces:
            emotion, turn = faces[0].emotion, faces[0].detection.turn
            row = list(told.values())[int(np.searchsorted(TURNS[1:-1], turn, side="right"))]
            row["n"] += 1
            row["right"] += emotion.label == photograph.label
            row["sure"] += not emotion.is_uncertain
            row["surely_wrong"] += emotion.label != photograph.label and not emotion.is_uncertain
    return told


def measure_invented(
    recognizer: EmotionRecognizer, images: Iterable[UInt8Array], what: str
) -> dict[str, int]:
    """Count the images that get an answer, and those with a sure one, where there is no person."""
    told = {"n": 0, "answered": 0, "sure": 0}
    for image in progress(list(images), what):
        faces = recognizer.recognize(image).faces
        told["n"] += 1
        told["answered"] += bool(faces)
        told["sure"] += any(not face.emotion.is_uncertain for face in faces)
    return told


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _parse(arguments)
    with explained():
        if options.json is not None:
            prepare_file(options.json)
        recognizer = EmotionRecognizer.load(options.model)
        sets = read_photograph_sets(options.photos or [])
        photographs = [photo for photos in sets.values() for photo in photos]
        photographs += read_portraits(options.portraits) if options.portraits else []
        figures: dict[str, Any] = {}
        if photographs:
            figures["changes"] = measure_changes(recognizer, photographs, options.faces)
            figures["turns"] = measure_turns(recognizer, photographs)
        invented = {
            "scenes": (make_empty_scene(np.random.default_rng((SEED, i))) for i in range(SCENES))
        }
        if options.emoji:
            invented["emoji"] = (image for _, image in draw_emoji(options.emoji))
        if options.fonts:
            fonts = sorted(options.fonts.rglob("*.ttf"))
            fonts = [font for font in fonts if "emoji" not in font.name.lower()]
            invented["words"] = (image for _, image in draw_words(fonts, WORDS, SEED))
        figures["invented"] = {
            name: measure_invented(recognizer, images, name) for name, images in invented.items()
        }
        print(describe(figures))
        if options.json is not None:
            options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def describe(figures: dict[str, Any]) -> str:
    """Format the figures as Markdown tables."""
    parts = []
    if "changes" in figures:
        n = figures["changes"]["n"]
        rows = [
            (name, *(str(figures["changes"][name][key]) for key in
                     ("answered", "sure", "changed", "surely_changed")))
            for name in CHANGES
        ]  # fmt: skip
        header = (f"of {n} faces", "answered", "sure", "changed", "surely changed")
        parts.append(table(header, rows))
        rows = [(name, *map(str, told.values())) for name, told in figures["turns"].items()]
        parts.append(table(("head turned by", "faces", "right", "sure", "surely wrong"), rows))
    rows = [
        (name, *(str(told[key]) for key in ("n", "answered", "sure")))
        for name, told in figures["invented"].items()
    ]
    parts.append(table(("without a person", "images", "answered", "sure"), rows))
    return "\n\n".join(parts)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser("trust", __doc__)
    add_model_argument(parser)
    parser.add_argument(
        "--photos", type=Path, action="append", metavar="DIR", help="with labels.csv; repeatable"
    )
    parser.add_argument("--portraits", type=Path, metavar="DIR", help="rendered portraits")
    parser.add_argument("--faces", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument("--emoji", type=Path, metavar="FONT", help="a color font")
    parser.add_argument("--fonts", type=Path, metavar="DIR", help="fonts (.ttf) to draw words with")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
