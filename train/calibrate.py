"""Fit the temperature and the abstention threshold on PublicTest, and write them to model.json.

    python -m train.calibrate --model models --data DIR

`train.fit` does this at its end; the command repeats it for a model that exists. Judged are the
seven emotions on pictures whose FER+ annotators have a majority among the seven.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_core.calibration import fit_temperature, risk_coverage, softmax
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import ModelLoadError
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import Float32Array, prepare_dataset_face, preprocess
from train.arguments import add_data_argument, data_dir
from train.dataset import DataError, Dataset, load_splits

COVERAGE = 0.9
"""Share of PublicTest that is answered; the least sure tenth reads "not sure"."""


def dataset_logits(model: EmotionModel, dataset: Dataset) -> dict[str, Float32Array]:
    """Both heads for every face, prepared and averaged as the app does for a dataset face."""
    spec = model.info.preprocessing
    crops = np.stack([prepare_dataset_face(face, spec) for face in dataset.faces])
    return model.logits(preprocess(crops, spec))


def calibrate(model: EmotionModel, public: Dataset) -> ModelInfo:
    """The model's info with temperature and threshold fitted on PublicTest."""
    reference = public.reference
    judged = (reference >= 0) & (reference < len(FER2013_LABELS))
    labels = reference[judged]
    logits = dataset_logits(model, public.subset(judged))["ferplus"][:, : len(FER2013_LABELS)]
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    curve = risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    return replace(
        model.info,
        temperature=round(temperature, 4),
        abstention_threshold=round(curve.threshold_at(COVERAGE), 4),
    )


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.export import write_info

    parser = argparse.ArgumentParser(
        prog="python -m train.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, default=Path("models"), metavar="DIR")
    add_data_argument(parser)
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    try:
        info = calibrate(EmotionModel.load(options.model), load_splits(data)["PublicTest"])
    except (DataError, ModelLoadError) as error:
        raise SystemExit(f"error: {error}") from error
    write_info(options.model, info)
    print(f"temperature {info.temperature}, abstention threshold {info.abstention_threshold}")


if __name__ == "__main__":
    main()
