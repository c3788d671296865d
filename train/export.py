"""From a training run to files that the app loads, and from there to models/.

    python -m train.export --run runs/base --to models

A run's folder holds two forms of its network: emotion.keras, to look into or to train on, and
emotion.tflite, which the app runs, described by model.json with temperature and threshold fitted on
PublicTest. `train.fit` writes them by itself; this command publishes them: it loads the run once
more, with its checksum, and copies the files. `train.calibrate` fits the answer on photographs.
"""

from pathlib import Path

from train.artifacts.model_folder import publish
from train.cli import check_folder, command_parser, explained


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
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
