"""Train a network on FER2013 and the FER+ votes, and write a model that the app can load.

    python -m train.fit --data DIR                 the first part of the shipped recipe, 1 hour
    python -m train.fit --data DIR --out runs/x    the same command again resumes the run; with
                                                   --finish it exports the best finished epoch
    python -m train.fit --data DIR --init runs/x --preset continued      from another run's weights
    python -m train.fit --data DIR --set augmentation.rotation=30 --out runs/y     one other setting
    python -m train.fit --data DIR --set teacher_share=0.5 --teachers runs/x runs/y --out runs/z
    python -m train.fit --smoke                    all steps on synthetic faces, in a minute

At the end the run's folder holds the model of the best epoch by PublicTest:
`EmotionRecognizer.load("runs/x")` serves it. PrivateTest is not read.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

from train.cli import (
    add_data_argument,
    add_set_argument,
    check_folder,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.data.synthetic import write_synthetic_dataset
from train.recipes.config import override
from train.recipes.presets import PRESETS
from train.training.fitting import fit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _parse(arguments)
    need("training")
    config = PRESETS["smoke" if options.smoke else options.preset]
    named = {"epochs": options.epochs, "seed": options.seed}
    settings = [f"{name}={value}" for name, value in named.items() if value is not None]
    out = options.out or Path("runs") / ("smoke" if options.smoke else options.preset)
    with explained(), tempfile.TemporaryDirectory() as folder:
        check_folder(out)
        for setting in (*settings, *options.set):
            config = override(config, setting)
        if options.smoke:
            write_synthetic_dataset(Path(folder), faces_per_split=(320, 70, 70))
            options.data = Path(folder)
        fit(
            config,
            options.data,
            out,
            describe_command(options),
            init=options.init,
            faults=options.faults,
            teachers=options.teachers,
            unlabelled=options.unlabelled,
            finish=options.finish,
        )


def describe_command(options: argparse.Namespace) -> str:
    """Return the command without this machine's folders."""
    words = ["python -m train.fit", "--smoke" if options.smoke else "--data DIR"]
    if options.preset != "base" and not options.smoke:
        words.append(f"--preset {options.preset}")
    words += [f"--set {shlex.quote(setting)}" for setting in options.set]
    words += [
        f"--{name} {value}"
        for name in ("init", "faults", "epochs", "seed")
        if (value := getattr(options, name)) is not None
    ]
    if options.teachers:
        words += ["--teachers", *(str(teacher) for teacher in options.teachers)]
    if options.unlabelled:
        words.append("--unlabelled DIR")
    return " ".join(words)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser("train.fit", __doc__)
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run (default: runs/PRESET)")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="base", help="default: base")
    parser.add_argument(
        "--init", type=Path, metavar="DIR", help="initialize with the weights of this run or model"
    )
    parser.add_argument(
        "--faults",
        type=Path,
        metavar="DIR",
        help="output of train.clean, for --set cleaning=drop, weigh or strict",
    )
    parser.add_argument(
        "--teachers",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="runs, models or files of logits to distill, with --set teacher_share=SHARE",
    )
    parser.add_argument(
        "--unlabelled",
        type=Path,
        metavar="PATH",
        help="folder of photographs with labels.csv, or a file of their faces, whose targets are "
        "the teachers' predictions, with --set unlabelled_share=SHARE",
    )
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument("--seed", type=int, help="instead of the preset's")
    add_set_argument(parser, "batch_size=32, augmentation.rotation=30")
    parser.add_argument(
        "--smoke", action="store_true", help="synthetic faces and a miniature network"
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="train no further: export the best finished epoch",
    )
    options = parser.parse_args(arguments)
    if not options.smoke:
        options.data = data_dir(parser, options)
    return options


if __name__ == "__main__":
    main()
