"""Fit the temperature and the abstention threshold on PublicTest, and write them to model.json.

    python -m train.calibrate --model models --data DIR
    python -m train.calibrate --model models --data DIR --press DIR       the shares, side by side
    python -m train.calibrate --model models --data DIR --fer2013-share 0.15

`train.fit` does this at its end, with a share of 0; the command repeats it for a model that exists.
Judged are the seven emotions on pictures whose FER+ annotators have a majority among the seven.

The share of the fer2013 head in the answer is a choice between two crowds, so it is not fitted:
with --press, photographs as `train.gap` takes them, the command prints what each share does to
PublicTest and to the photographs, and writes nothing.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.calibration import (
    answer_logits,
    fit_temperature,
    negative_log_likelihood,
    risk_coverage,
    softmax,
)
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS, HAPPY, SAD
from fer_core.errors import FerError
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import Float32Array, prepare_dataset_faces, preprocess
from train.arguments import add_data_argument, data_dir
from train.dataset import DataError, Dataset, load_splits
from train.photographs import Photograph, cut_photographs, mean_recall, read_photographs

COVERAGE = 0.9
"""Share of PublicTest that is answered; the least sure tenth reads "not sure"."""

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def dataset_logits(model: EmotionModel, dataset: Dataset) -> dict[str, Float32Array]:
    """Both heads for every face, prepared and averaged as the app does for a dataset face."""
    spec = model.info.preprocessing
    return model.logits(preprocess(prepare_dataset_faces(dataset.faces, spec), spec))


def calibrate(model: EmotionModel, public: Dataset) -> ModelInfo:
    """The model's info with temperature and threshold fitted on PublicTest, for its own share."""
    reference = public.reference
    judged = (reference >= 0) & (reference < len(FER2013_LABELS))
    labels = reference[judged]
    heads = dataset_logits(model, public.subset(judged))
    logits = answer_logits(heads, model.info.fer2013_share)
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    curve = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    return replace(
        model.info,
        temperature=round(temperature, 4),
        abstention_threshold=round(curve.threshold_at(COVERAGE), 4),
    )


def compare_shares(
    model: EmotionModel, public: Dataset, photographs: Sequence[Photograph], detector: FaceDetector
) -> list[dict[str, float]]:
    """What each of `SHARES` does, with the temperature fitted anew.

    Returns:
        For each share its value as `share`; accuracy and mean `recall` on PublicTest by its FER+
        majority, `happy_sad`, `nll`; and the mean recall on the `photographs`.
    """
    spec = model.info.preprocessing
    crops, found = cut_photographs(detector, photographs, spec)
    of_photographs = model.logits(preprocess(crops, spec))
    of_public = dataset_logits(model, public)
    reference = public.reference
    judged = (reference >= 0) & (reference < len(FER2013_LABELS))
    labels = reference[judged]
    of_two = (labels == HAPPY) | (labels == SAD)
    rows = []
    for share in SHARES:
        logits = answer_logits(of_public, share)[judged]
        right = logits.argmax(axis=1) == labels
        answers = answer_logits(of_photographs, share).argmax(axis=1)
        named = [
            FER2013_LABELS[a] if seen else None for a, seen in zip(answers, found, strict=True)
        ]
        wanted = [photograph.label for photograph in photographs]
        is_happy = logits[of_two, HAPPY] > logits[of_two, SAD]
        temperature = fit_temperature(logits, labels)
        rows.append(
            {
                "share": share,
                "accuracy": float(right.mean()),
                "recall": float(np.mean([right[labels == c].mean() for c in np.unique(labels)])),
                "happy_sad": float((is_happy == (labels[of_two] == HAPPY)).mean()),
                "nll": negative_log_likelihood(softmax(logits, temperature), labels),
                "photographs": mean_recall(wanted, named)["mean_recall"],
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.export import write_info

    parser = argparse.ArgumentParser(
        prog="python -m train.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )
    add_data_argument(parser)
    parser.add_argument(
        "--fer2013-share", type=_share, metavar="SHARE", help="0 to 1 (default: as it is)"
    )
    parser.add_argument(
        "--press", type=Path, metavar="DIR", help="photographs with labels.csv: compare shares only"
    )
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    try:
        photographs = read_photographs(options.press) if options.press else []
        model = EmotionModel.load(options.model)
        public = load_splits(data)["PublicTest"]
        if photographs:
            detector = FaceDetector.load(MODELS_DIR)
            _print_table(compare_shares(model, public, photographs, detector))
            return
        if options.fer2013_share is not None:
            model.info = replace(model.info, fer2013_share=options.fer2013_share)
        info = calibrate(model, public)
    except (DataError, FerError) as error:
        raise SystemExit(f"error: {error}") from error
    write_info(options.model, info)
    print(f"temperature {info.temperature}, abstention threshold {info.abstention_threshold}")


def _share(value: str) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must lie within 0 and 1")
    return share


def _print_table(rows: Sequence[dict[str, float]]) -> None:
    print("".join(f"{name:>13}" for name in rows[0]))
    for row in rows:
        print("".join(f"{value:13.4f}" for value in row.values()))


if __name__ == "__main__":
    main()
