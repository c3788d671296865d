"""Compare shares of the fer2013 head in the answer, on PublicTest and on photographs.

    python -m train.shares --model models --data DIR --press DIR

The two heads have learnt from two crowds: the votes of ten annotators, and the words that somebody
searched the pictures by. The answer pools them, and the share of the second is a choice that this
table serves: it is printed, and nothing is written. `train.calibrate --fer2013-share SHARE` sets
the share. Photographs are taken as `train.gap` takes them, a folder with labels.csv; a face that is
not found counts as wrong. The arithmetic needs train/requirements.txt.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.calibration import answer_logits, fit_temperature, softmax
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import FerError
from fer_core.model import EmotionModel
from fer_core.preprocessing import preprocess
from train.arguments import add_data_argument, add_model_argument, data_dir, need
from train.calibrate import dataset_logits
from train.dataset import DataError, Dataset, load_splits, need_judged
from train.photographs import Photograph, cut_photographs, mean_recall, read_photographs

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def compare_shares(
    model: EmotionModel, public: Dataset, photographs: Sequence[Photograph], detector: FaceDetector
) -> list[dict[str, float]]:
    """What each of `SHARES` does, with the temperature fitted anew.

    Returns:
        For each share its value as `share`; of PublicTest by its FER+ majority `accuracy`,
        `macro_f1`, `main_five_f1`, `happy_sad` and `ece`, as `metrics.answer_figures` has them;
        and the mean recall on the `photographs`.

    Raises:
        DataError: no picture of PublicTest has a majority among its votes.
    """
    from train.metrics import answer_figures

    judged = need_judged(public.reference, "PublicTest")
    spec = model.info.preprocessing
    crops, found = cut_photographs(detector, photographs, spec)
    of_photographs = model.logits(preprocess(crops, spec))
    of_public = dataset_logits(model, public)
    wanted = [photograph.label for photograph in photographs]
    no_copies = np.zeros(len(public), bool)
    rows = []
    for share in SHARES:
        logits = answer_logits(of_public, share)
        temperature = fit_temperature(logits[judged], public.reference[judged])
        figures = answer_figures(softmax(logits, temperature), public.reference, 0.0, no_copies)
        answers = answer_logits(of_photographs, share).argmax(axis=1)
        named = [
            FER2013_LABELS[a] if seen else None for a, seen in zip(answers, found, strict=True)
        ]
        rows.append(
            {
                "share": share,
                **{key: figures["answer"][key] for key in ("accuracy", "macro_f1", "main_five_f1")},
                "happy_sad": figures["happy_sad"]["accuracy"],
                "ece": figures["calibration"]["ece"],
                "photographs": mean_recall(wanted, named)["mean_recall"],
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.shares",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_argument(parser)
    add_data_argument(parser)
    parser.add_argument(
        "--press", type=Path, required=True, metavar="DIR", help="photographs with labels.csv"
    )
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    need("comparing shares", "sklearn")
    try:
        photographs = read_photographs(options.press)
        model = EmotionModel.load(options.model)
        public = load_splits(data)["PublicTest"]
        rows = compare_shares(model, public, photographs, FaceDetector.load(MODELS_DIR))
    except (DataError, FerError) as error:
        raise SystemExit(f"error: {error}") from error
    print("".join(f"{name:>14}" for name in rows[0]))
    for row in rows:
        print("".join(f"{value:14.4f}" for value in row.values()))


if __name__ == "__main__":
    main()
