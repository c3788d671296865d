"""Describe FER2013 and the FER+ votes: tables and figures.

    python -m train.explore --data DIR --out OUTDIR
    python -m train.explore --data DIR --out OUTDIR --faults DIR     with near duplicates

OUTDIR gets report.md with tables and figures, and explore.json with all numbers:

* images of each class and split, by FER2013 label and by FER+ majority;
* a random sample of each class and split (--seed draws another);
* brightness and contrast by class and split;
* copies within and across splits: equal pixels, and near duplicates where --faults names the
  output folder of python -m train.clean for this data;
* votes for unknown and not-a-face;
* agreement of FER2013 label and FER+ majority, with the confusion matrix;
* a few faces through each filter of fer_core.filters.

Sections that need votes are left out where there are none. The data is only read, and no model is
run. faces_*.png and filters.png show images of the dataset, which may not be passed on: keep OUTDIR
out of a repository. Takes about 15 seconds for FER2013, most of it to read a CSV file.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained, need
from train.data.fer2013 import load_splits
from train.data.label_faults import load_faults
from train.eda.statistics import explore


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options, data = _parse(arguments)
    need("the report", "matplotlib")
    from train.eda.report import write_report

    with explained():
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        faults = load_faults(options.faults, splits) if options.faults else None
        check_folder(options.out)
        print(f"counting {sum(map(len, splits.values())):,} images and their copies", flush=True)
        numbers = explore(splits, faults)
        print("drawing", flush=True)
        for path in write_report(splits, numbers, options.out, options.seed):
            print(f"wrote {path}")
    print(_summary(numbers))


def _summary(numbers: Mapping[str, Any]) -> str:
    """Summarize copies and agreement in a line for the terminal."""
    equal, agreement = numbers["copies"]["equal"], numbers["agreement"]
    copies = f"{equal['pictures'] - equal['distinct']:,} images repeat an earlier one."
    share = None if agreement is None else agreement["splits"]["all"]["share"]
    if share is None:
        return f"{copies} No image has a FER+ majority."
    return f"{copies} FER2013 and FER+ agree on {share:.1%} of those with a FER+ majority."


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("train.explore", __doc__)
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUTDIR", help="for the report")
    parser.add_argument("--faults", type=Path, metavar="DIR", help="output of train.clean")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the random samples (default: 0)"
    )
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must be 0 or more")
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()
