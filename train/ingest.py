"""Make a dataset of photographs and videos in folders named after emotions.

    python -m train.ingest PHOTOS --out DIR                  the largest face of each image
    python -m train.ingest PHOTOS --out DIR --all-faces      every face
    python -m train.ingest PHOTOS --out DIR --every 0.5      two frames of each second of a video
    python -m train.fit --data DIR                           train on the result

PHOTOS has folders named after the emotions, by any name that `train.data.class_folders` knows, such
as happy or happiness, with images and videos of all formats that the app reads. They may be in
folders train, validation and test. A folder inside an emotion's folder is one person:
happy/anna/1.jpg.

Faces are detected and cropped as by the app. The report lists what is left out and why: unreadable
files, images without a face, faces that are too small or too blurred, all but one copy of a
photograph (see `train.data.duplicates`; test images are kept rather than training images), and
photographs with two labels.

A split without a folder in PHOTOS is held out of the training faces, with the same share of each
emotion. Frames of a video, images of a person, files of one name and copies of a photograph stay
together. Only names and counts decide, so that the result is reproducible.

DIR gets train, validation and test with 48x48 grey PNG files, report.md, report.json (all names and
numbers) and sheet.png (samples of the faces kept and left out). The same command replaces its
earlier output; a folder with other files is refused.
"""

import argparse
import math
import shlex
from dataclasses import fields
from pathlib import Path

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from train.cli import command_parser, explained
from train.ingestion.collect import ingest
from train.ingestion.faces import Options
from train.ingestion.report import REPORT


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _parse(arguments)
    chosen = Options(**{part.name: getattr(options, part.name) for part in fields(Options)})
    command = describe_command(options)
    with explained():
        detector = FaceDetector.load(MODELS_DIR)
        numbers = ingest(options.photos, options.out, chosen, detector, command)
    for folder, counts in numbers["kept"].items():
        print(f"{folder}: {sum(counts.values()):,} faces")
    for reason, items in numbers["left_out"].items():
        if items:
            print(f"left out, {reason}: {len(items):,}")
    for sentence in numbers["warnings"]:
        print(f"WARNING: {sentence}")
    print(f"wrote {options.out / REPORT}")


def describe_command(options: argparse.Namespace) -> str:
    """Format the command, with DIR for the output folder."""
    words = ["python -m train.ingest", shlex.quote(str(options.photos)), "--out DIR"]
    for part in fields(Options):
        value = getattr(options, part.name)
        if value != part.default:
            name = f"--{part.name.replace('_', '-')}"
            words.append(name if value is True else f"{name} {value}")
    return " ".join(words)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    usual = Options()
    parser = command_parser("train.ingest", __doc__)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folders named after emotions")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the dataset")
    parser.add_argument(
        "--all-faces", action="store_true", help="not only the largest face of each image"
    )
    share = "share of the faces, where PHOTOS has no folder of that name"
    for name, metavar, text in (
        ("every", "SECONDS", "between the frames of a video"),
        ("min_face", "PIXELS", "least height of a face's box"),
        ("min_sharpness", "VARIANCE", "least variance of a 48x48 face's Laplacian"),
        ("validation", "SHARE", share),
        ("test", "SHARE", share),
    ):
        default = getattr(usual, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            metavar=metavar,
            help=f"{text} (default: {default})",
        )
    options = parser.parse_args(arguments)
    if not 0 < options.every < math.inf:
        parser.error("--every must be above 0")
    shares = (options.validation, options.test)
    if not (min(shares) >= 0 and sum(shares) < 1):
        parser.error("--validation and --test must be 0 or more, and together below 1")
    return options


if __name__ == "__main__":
    main()
