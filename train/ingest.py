"""Make a dataset out of photographs and videos that lie in folders named after emotions.

    python -m train.ingest PHOTOS --out DIR                    the largest face of each picture
    python -m train.ingest PHOTOS --out DIR --all-faces        every face that is found
    python -m train.ingest PHOTOS --out DIR --every 0.5        two frames of each second of a video
    python -m train.ingest PHOTOS --out DIR --boxes FILE.csv   also judge where faces were found
    python -m train.fit --data DIR                             train on what came out

PHOTOS holds folders named after the emotions, by any name that `train.data.class_folders` knows:
happy or happiness, with pictures of every kind that the app reads, and videos (mp4, avi, mov, mkv,
webm). They may lie in folders train, validation and test. A folder within an emotion's is one
person: happy/anna/1.jpg.

Faces are found and cut as the app does it. Left out, each with its reason in the report, are files
that cannot be read, pictures without a face, faces that are too small or too blurred, all but one
of the copies of a photograph (see `train.data.duplicates`; a test picture goes before a training
picture), and photographs that lie under two emotions, which teach nothing.

A split that PHOTOS has no folder for is held out of the training faces, of each emotion the same
share. Never torn apart are the frames of a video, the pictures of a person, files of one name, and
what copies of a photograph join. Names and counts alone decide, so it is the same every time.

In DIR lie train, validation and test with 48x48 grey PNGs, report.md, report.json (all names and
numbers) and sheet.png (some faces that were kept, and of what was left out). The same command again
makes the same anew; a folder with anything else in it is refused.

FILE.csv has the columns file, x_min, y_min, x_max, y_max: a row for each face, the file relative to
PHOTOS, in pixels of the upright picture; without numbers, a picture that shows no face. Of the
pictures that it names, the report tells precision and recall of the detector.
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
    """The command line."""
    options = _parse(arguments)
    chosen = Options(**{part.name: getattr(options, part.name) for part in fields(Options)})
    command = describe_command(options)
    with explained():
        numbers = ingest(
            options.photos,
            options.out,
            chosen,
            FaceDetector.load(MODELS_DIR),
            boxes=options.boxes,
            command=command,
        )
    for folder, counts in numbers["kept"].items():
        print(f"{folder}: {sum(counts.values()):,} faces")
    for reason, items in numbers["left_out"].items():
        if items:
            print(f"left out, {reason}: {len(items):,}")
    for sentence in numbers["warnings"]:
        print(f"WARNING: {sentence}")
    print(f"wrote {options.out / REPORT}")


def describe_command(options: argparse.Namespace) -> str:
    """The command as it can be typed again, but for where to."""
    words = ["python -m train.ingest", shlex.quote(str(options.photos)), "--out DIR"]
    for part in fields(Options):
        value = getattr(options, part.name)
        if value != part.default:
            name = f"--{part.name.replace('_', '-')}"
            words.append(name if value is True else f"{name} {value}")
    if options.boxes is not None:
        words.append(f"--boxes {shlex.quote(str(options.boxes))}")
    return " ".join(words)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    usual = Options()
    parser = command_parser("train.ingest", __doc__)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folders named after emotions")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the dataset")
    parser.add_argument("--all-faces", action="store_true", help="not only the largest of each")
    parser.add_argument(
        "--every",
        type=float,
        default=usual.every,
        metavar="SECONDS",
        help="from one frame of a video to the next (default: %(default)s)",
    )
    parser.add_argument(
        "--min-face",
        type=int,
        default=usual.min_face,
        metavar="PIXELS",
        help="least height of a face's box (default: %(default)s)",
    )
    parser.add_argument(
        "--min-sharpness",
        type=float,
        default=usual.min_sharpness,
        metavar="VARIANCE",
        help="least variance of a 48x48 face's Laplacian (default: %(default)s)",
    )
    for split in ("validation", "test"):
        parser.add_argument(
            f"--{split}",
            type=float,
            default=getattr(usual, split),
            metavar="SHARE",
            help="of the faces, where PHOTOS has no folder of that name (default: %(default)s)",
        )
    parser.add_argument("--boxes", type=Path, metavar="FILE.csv", help="where the faces truly are")
    options = parser.parse_args(arguments)
    if not 0 < options.every < math.inf:
        parser.error("--every must be above 0")
    shares = (options.validation, options.test)
    if not (min(shares) >= 0 and sum(shares) < 1):
        parser.error("--validation and --test must be 0 or more, and together below 1")
    return options


if __name__ == "__main__":
    main()
