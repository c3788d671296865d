"""Fit the temperature and the abstention threshold on PublicTest, and write them to model.json.

    python -m train.calibrate --model models --data DIR
    python -m train.calibrate --model models --data DIR --fer2013-share 0.15

`train.fit` does this at its end, with a share of 0; the command repeats it for a model that exists.
Judged are the seven emotions on pictures whose FER+ annotators have a majority among the seven.

The share of the fer2013 head in the answer is a choice between two crowds, so it is not fitted;
`train.shares` shows what each share does.
"""

import argparse
from dataclasses import replace

from fer_core.calibration import answer_logits, fit_temperature, risk_coverage, softmax
from fer_core.errors import FerError
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import Float32Array, prepare_dataset_faces, preprocess
from train.arguments import add_data_argument, add_model_argument, data_dir
from train.dataset import DataError, Dataset, load_splits, need_judged

COVERAGE = 0.9
"""Share of PublicTest that is answered; the least sure tenth reads "not sure"."""


def dataset_logits(model: EmotionModel, dataset: Dataset) -> dict[str, Float32Array]:
    """Both heads for every face, prepared and averaged as the app does for a dataset face."""
    spec = model.info.preprocessing
    return model.logits(preprocess(prepare_dataset_faces(dataset.faces, spec), spec))


def calibrate(
    model: EmotionModel, public: Dataset, fer2013_share: float | None = None
) -> ModelInfo:
    """The model's info with temperature and threshold fitted on PublicTest.

    Args:
        model: as the app would load it.
        public: PublicTest.
        fer2013_share: of the fer2013 head in the answer; None: as the model has it.

    Returns:
        The new info; without the figures, where these belong to other answers.

    Raises:
        DataError: no picture of PublicTest has a majority among its votes.
    """
    share = model.info.fer2013_share if fer2013_share is None else fer2013_share
    reference = public.reference
    judged = need_judged(reference, "PublicTest")
    labels = reference[judged]
    heads = dataset_logits(model, public.subset(judged))
    logits = answer_logits(heads, share)
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    curve = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    info = replace(
        model.info,
        fer2013_share=share,
        temperature=round(temperature, 4),
        abstention_threshold=round(curve.threshold_at(COVERAGE), 4),
    )
    return info if info == model.info else replace(info, figures={})


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.export import write_info

    parser = argparse.ArgumentParser(
        prog="python -m train.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_argument(parser)
    add_data_argument(parser)
    parser.add_argument(
        "--fer2013-share", type=_share, metavar="SHARE", help="0 to 1 (default: as it is)"
    )
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    try:
        model = EmotionModel.load(options.model)
        public = load_splits(data)["PublicTest"]
        info = calibrate(model, public, options.fer2013_share)
    except (DataError, FerError) as error:
        raise SystemExit(f"error: {error}") from error
    write_info(options.model, info)
    print(f"temperature {info.temperature}, abstention threshold {info.abstention_threshold}")
    if model.info.figures and not info.figures:
        print("its figures were of other answers and are gone: python -m train.evaluate --record")


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return share


if __name__ == "__main__":
    main()
