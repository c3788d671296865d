"""Publish the model of a training run, into models/ by default.

    python -m train.export --run runs/base --to models

A run's folder holds its network in two forms: emotion.keras, for inspection and further training,
and emotion.tflite, which the app runs, described by model.json with temperature and threshold
fitted on PublicTest. `train.fit` writes them; this command checks that they load, with their
checksum, and copies them. `train.calibrate` fits the calibration on photographs.
"""

from pathlib import Path

from train.artifacts.model_folder import publish
from train.cli import check_folder, command_parser, explained


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = command_parser("train.export", __doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a training run")
    parser.add_argument(
        "--to", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )
    parser.add_argument("--name", help="the model's name (default: as the run says)")
    options = parser.parse_args(arguments)
    with explained():
        check_folder(options.to)
        info = publish(options.run, options.to, options.name)
    print(f"{options.to} now holds {info.name} {info.version}, SHA-256 {info.sha256}")


if __name__ == "__main__":
    main()
