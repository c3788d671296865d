"""Compare runs in one table: networks, filters or strategies, on the same images.

    python -m train.compare --data DIR --runs runs/predecessor-a runs/lite models
    python -m train.compare --data DIR --runs runs/filter-* --into train/README.md --name filters

Each run predicts PublicTest as the app does (flip averaging, temperature); PrivateTest is not read.
A run of two emotions is evaluated on these only. Seconds an epoch are those of a run's fastest
epoch, which is least affected by other load. With --into, the table replaces what stands between
`<!-- compare NAME -->` and `<!-- end -->` in that file.
"""

from pathlib import Path

from train.cli import add_data_argument, command_parser, data_dir, explained
from train.evaluation.comparison import compare, markdown
from train.reporting.markdown import replace_marked


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("train.compare", __doc__)
    add_data_argument(parser)
    parser.add_argument(
        "--runs", type=Path, nargs="+", required=True, metavar="DIR", help="runs or models"
    )
    parser.add_argument("--into", type=Path, metavar="FILE", help="write the table into this file")
    parser.add_argument("--name", default="networks", help="of its marks (default: networks)")
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    with explained():
        table = markdown(compare(options.runs, data))
        print(table)
        if options.into is not None:
            replace_marked(options.into, f"compare {options.name}", table)


if __name__ == "__main__":
    main()
