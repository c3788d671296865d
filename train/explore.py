"""Look at FER2013, and at the FER+ votes where they are there, before anything is trained.

    python -m train.explore --data DIR --out OUTDIR
    python -m train.explore --data DIR --out OUTDIR --faults DIR     near copies, too

OUTDIR gets report.md with tables and figures, and explore.json with all numbers:

* how many pictures each class has in each split, by FER2013's label and by the FER+ majority;
* faces drawn by chance from every class and split (--seed draws others);
* brightness and contrast by class and split;
* copies within and across splits: those with equal pixels, and of the same photograph where
  --faults names the folder that python -m train.clean wrote for this data;
* what the annotators held for hidden, unreadable or not a face;
* how often FER2013's label and the FER+ majority agree, and what is taken for what;
* what each filter of fer_core.filters makes of a few faces.

Without votes the parts that need them are left out, and the report says so. The data is only looked
at, and no model is asked. faces_*.png and filters.png show pictures of the data set, which may not
be passed on: they are for your own eyes, and OUTDIR does not belong into a repository. About a
quarter of a minute for FER2013, most of it for reading a CSV.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained, need
from train.data.fer2013 import load_splits
from train.data.label_faults import load_faults
from train.eda.report import NO_VOTES, write_report
from train.eda.statistics import explore


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options, data = _parse(arguments)
    need("exploring", "matplotlib")
    with explained():
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        faults = load_faults(options.faults, splits) if options.faults else None
        check_folder(options.out)
        print(f"counting {sum(map(len, splits.values())):,} pictures and their copies", flush=True)
        numbers = explore(splits, faults)
        print("drawing", flush=True)
        for path in write_report(splits, numbers, options.out, options.seed):
            print(f"wrote {path}")
    print(_in_short(numbers))


def _in_short(numbers: Mapping[str, Any]) -> str:
    """What one wants to know first, for the terminal."""
    equal, agreement = numbers["copies"]["equal"], numbers["agreement"]
    copies = f"{equal['pictures'] - equal['distinct']:,} pictures repeat an earlier one."
    if agreement is None:
        return f"{copies} {NO_VOTES}"
    share = agreement["splits"]["all"]["share"]
    if share is None:
        return f"{copies} No picture has a FER+ majority."
    return f"{copies} FER2013 and FER+ agree on {share:.1%} of those with a FER+ majority."


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("train.explore", __doc__)
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUTDIR", help="for the report")
    parser.add_argument("--faults", type=Path, metavar="DIR", help="what train.clean wrote")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="which faces are shown (default: 0)"
    )
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must be 0 or more")
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()
