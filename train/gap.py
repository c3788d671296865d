"""Measure robustness outside the dataset: accuracy lost between a cropped face and a whole image.

    python -m train.gap --data DIR --press DIR --portraits DIR --out OUTDIR
    python -m train.gap --data DIR --out OUTDIR --only scenes,empty       some parts only
    python -m train.gap --data DIR --out OUTDIR --private                 for the report

Labelled faces are pasted into generated images (`train.robustness.scenes`). Five pipelines, ours
and those of the predecessors, detect and crop them for the same network. Photographs and rendered
portraits check these results: --press takes a folder with labels.csv (file, label), --portraits one
with images named <emotion>_<person>_<number>.jpg.

Scenes have faces of PublicTest, for choices; with --private of PrivateTest, for reports only: log
the run in experiments/private-test.toml. OUTDIR gets gap.json, gap.md and a figure. Takes about 20
minutes on two cores.
"""

import argparse
import json
from pathlib import Path

from train.cli import (
    add_data_argument,
    add_model_argument,
    check_folder,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.files import replace_file
from train.robustness.suite import NEEDS, PARTS, measure


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options, data = _parse(arguments)
    need("the report", "matplotlib", "mediapipe")
    from train.robustness.report import write_report

    path = options.out / "gap.json"
    with explained():
        check_folder(options.out)
        result = measure(options, data)
        replace_file(path, json.dumps(result, indent=2) + "\n")
        for written in (path, *write_report(result, options.out)):
            print(f"wrote {written}")


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("train.gap", __doc__)
    add_model_argument(parser)
    add_data_argument(parser)
    parser.add_argument("--press", type=Path, metavar="DIR", help="photographs with labels.csv")
    parser.add_argument(
        "--portraits", type=Path, metavar="DIR", help="rendered portraits, named by emotion"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUTDIR", help="for the report")
    parser.add_argument(
        "--scenes", type=_positive, default=800, metavar="N", help="number of scenes (default: 800)"
    )
    parser.add_argument(
        "--only", type=_parts, default=PARTS, metavar="PARTS", help=f"some of {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--merge", action="store_true", help="keep the other parts of an earlier gap.json"
    )
    parser.add_argument("--private", action="store_true", help="scenes of PrivateTest")
    options = parser.parse_args(arguments)
    if options.only is not PARTS:
        for folder, names in NEEDS.items():
            if getattr(options, folder) is None and set(names) & set(options.only):
                parser.error(f"{', '.join(names)} need --{folder} DIR")
    return options, data_dir(parser, options)


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _parts(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"unknown part {name!r}; known are {', '.join(PARTS)}")
    return names


if __name__ == "__main__":
    main()
