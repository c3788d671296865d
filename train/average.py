"""Combine several models: average their weights, or build an ensemble.

    python -m train.average --models models runs/photo --data DIR --out runs/average
    python -m train.average --models models runs/long --answers --data DIR --out runs/both

Runs that were fine-tuned from one another usually lie in one basin of the loss, where the mean of
their weights is as good as the better of them or better, at the cost of one (Wortsman et al. 2022,
"Model soups"). Runs with different initial weights have no such mean; with --answers the result is
a deep ensemble (Lakshminarayanan et al. 2017) that averages their logits, at the cost of all. An
ensemble among the models is taken apart, so that each network counts once. The result is a folder
like a run's, with temperature and threshold fitted on PublicTest; `train.calibrate --photos DIR`
fits them on photographs.
"""

from pathlib import Path

from train.artifacts.averaging import average
from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained, need


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("train.average", __doc__)
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, metavar="DIR", help="two or more"
    )
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the model")
    parser.add_argument(
        "--answers", action="store_true", help="average the logits, not the weights"
    )
    options = parser.parse_args(arguments)
    need("averaging")
    data = data_dir(parser, options)
    if len(options.models) < 2:
        parser.error("name two or more models")
    words = " ".join(str(folder) for folder in options.models)
    command = f"python -m train.average --models {words} --data DIR --out {options.out}"
    command += " --answers" if options.answers else ""
    with explained():
        check_folder(options.out)
        info = average(options.models, data, options.out, command, answers=options.answers)
    print(
        f"{options.out} holds {info.name} {info.version}, calibrated on PublicTest; to calibrate "
        "it on photographs: python -m train.calibrate --photos DIR"
    )


if __name__ == "__main__":
    main()
