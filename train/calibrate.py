"""Fit what turns both heads into the seven probabilities of the answer, and write it to model.json.

    python -m train.calibrate --model models --photos PHOTOS --photos PORTRAITS --data DIR
    python -m train.calibrate --model runs/x --data DIR                  without photographs
    python -m train.calibrate --model DIR --convert                     from model.json's format 2

The heads say how FER2013's crowds would label a face; how often these say "neutral" or "disgust"
is a habit of theirs and of FER2013. With `--photos DIR`, folders with labels.csv (file, label and,
where known, person), the calibration is fitted on photographs instead: temperature, biases, a
vector and a matrix compete with several strengths of regularization. Cross-validation, with people
kept together, chooses the simplest form within one standard error of the least loss.

Each cell, the faces of one label in one set, weighs the same. `--weight neutral=3` gives neutral
faces of every set three times that, `--weight SET/happy=0.5` the happy ones of one set half; a
set's name is its folder's. `--trade-off` prints what the weight of neutral faces does: calm faces
are then called neutral more often, and rare emotions less. Photographs never train the network.

The threshold below which the answer is "not sure" leaves three of four faces answered, judged on
the sets with at least five emotions, by the cross-validated probabilities.

With `--data DIR` the new answer is also judged on PublicTest, by the FER+ majority. The figures
that model.json keeps with the calibration are cross-validated. Without photographs, temperature
and threshold are fitted on PublicTest. The arithmetic needs train/requirements.txt.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import Calibration, risk_coverage
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import FerError
from fer_core.model import (
    CONVERTIBLE_VERSION,
    FORMAT_VERSION,
    MODEL_JSON,
    EmotionModel,
    ModelInfo,
)
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array
from fer_core.recognizer import EmotionRecognizer
from train.arguments import add_data_argument, add_model_argument, data_dir, need
from train.calibration import (
    FORMS,
    Candidate,
    Faces,
    FloatArray,
    calibrate_on_dataset,
    cell_weights,
    choose,
    compare,
    cross_validate,
    dataset_logits,
    fit,
    rounded,
)
from train.dataset import DataError, Dataset, load_splits
from train.evaluate_answers import PhotographAnswers, answer_photographs
from train.photographs import read_photograph_sets

NEUTRAL_WEIGHT = 2.0
"""Chosen on the trade-off that the model card shows; `--weight neutral=NUMBER` sets another."""
TRADE_OFF = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
RAREST = ("disgust", "fear", "sad")
"""The emotions that FER2013's crowds name least often beside neutral."""
ANSWERED = 0.75
"""Share of the faces found in photographs that is answered; the rest is "not sure"."""
MANY_EMOTIONS = 5
"""Of sets whose photographs decide the threshold: posed calm faces say little about doubt."""

Sets = Mapping[str, PhotographAnswers]


def faces_of(sets: Sets, special: Mapping[str, float]) -> Faces:
    """Collect the faces found in sets of photographs.

    Raises:
        DataError: no face was found, or `special` names a cell that does not occur.
    """
    from train.photographs import person_keys

    found = {name: said.found for name, said in sets.items()}
    if not any(rows.any() for rows in found.values()):
        raise DataError("no face was found in the photographs; there is nothing to fit.")
    labels = np.concatenate([said.labels[found[name]] for name, said in sets.items()])
    names = np.repeat(list(sets), [rows.sum() for rows in found.values()])
    people = np.concatenate(
        [
            np.char.add(f"{name}/", person_keys(said.photographs)[found[name]])
            for name, said in sets.items()
        ]
    )
    crops = np.concatenate(
        [said.crops[found[name]] for name, said in sets.items() if said.crops is not None]
    )
    heads = {
        head: np.concatenate([said.logits[head][found[name]] for name, said in sets.items()])
        for head in ("ferplus", "fer2013")
    }
    weights = cell_weights(labels, names, special)
    return Faces(heads, labels, names, join_copies(people, crops), weights)


def join_copies(people: NDArray[np.str_], crops: UInt8Array) -> NDArray[np.str_]:
    """Give faces that show one photograph, cut or printed over otherwise, the same person's key.

    Without this a fold would be judged by photographs that another fold was fitted on.

    Args:
        people: (N,) keys.
        crops: (N, h, w) uint8 grey.

    Returns:
        (N,) keys, equal where people or photographs are the same, also by way of others.
    """
    from train.duplicates import connected_groups, near_pairs

    _, numbers = np.unique(people, return_inverse=True)
    size = (DATASET_FACE_SIZE, DATASET_FACE_SIZE)
    small = [cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops]
    near = near_pairs(np.array(small, np.uint8))
    pairs = [*zip(near.first.tolist(), near.second.tolist(), strict=True)]
    first = {number: row for row, number in reversed(list(enumerate(numbers.tolist())))}
    pairs += [(first[number], row) for row, number in enumerate(numbers.tolist())]
    return connected_groups(len(people), pairs).astype(str)


def figures_of(sets: Sets, probabilities: FloatArray, threshold: float) -> dict[str, Any]:
    """Compute metrics of each set for other probabilities of the faces found, row by row.

    Returns:
        By set name, as `photo_figures.photograph_figures`.
    """
    from train.photo_figures import photograph_figures

    ends = np.cumsum([said.found.sum() for said in sets.values()])[:-1]
    figures = {}
    for (name, said), rows in zip(sets.items(), np.split(probabilities, ends), strict=True):
        full = np.full((len(said.found), len(FER2013_LABELS)), np.nan)
        full[said.found] = rows
        unsure = (np.nan_to_num(full).max(axis=1) < threshold) | ~said.reliable
        figures[name] = photograph_figures(replace(said, probabilities=full, uncertain=unsure))
    return figures


def choose_threshold(sets: Sets, probabilities: FloatArray) -> float:
    """Find the confidence from which on `ANSWERED` of the faces are answered.

    Args:
        sets: of the faces.
        probabilities: (N, 7) of the faces found, row by row.

    Returns:
        The threshold; 0 where no set has `MANY_EMOTIONS`, or too few of its faces are reliable.
    """
    counted = np.concatenate(
        [
            np.full(said.found.sum(), len(set(said.labels)) >= MANY_EMOTIONS)
            for said in sets.values()
        ]
    )
    reliable = np.concatenate([said.reliable[said.found] for said in sets.values()])
    confidence = np.where(reliable, probabilities.max(axis=1), 0.0)[counted]
    if not len(confidence):
        return 0.0
    return risk_coverage(confidence, confidence > 0).threshold_at(ANSWERED)


def calibrate_on_photographs(
    info: ModelInfo, sets: Sets, special: Mapping[str, float], forms: Sequence[str] = FORMS
) -> tuple[ModelInfo, list[Candidate]]:
    """Choose, fit and judge a calibration on photographs.

    Args:
        info: of the model that gave the logits.
        sets: from `train.evaluate_answers.answer_photographs`, by name.
        special: weights of cells, as `calibration.cell_weights`.
        forms: that compete.

    Returns:
        The new info, its calibration with cross-validated figures and without figures of other
        answers; the candidates.

    Raises:
        DataError: no face was found, or `special` names a cell that does not occur.
    """
    faces = faces_of(sets, special)
    candidates = compare(faces, forms)
    best = choose(candidates)
    threshold = round(
        float(np.mean([choose_threshold(sets, held_out) for held_out in best.predictions])), 4
    )
    repeats = [figures_of(sets, held_out, threshold) for held_out in best.predictions]
    figures = {name: _mean_of([repeat[name] for repeat in repeats]) for name in sets}
    counts = dict(zip(*np.unique(faces.sets, return_counts=True), strict=True))
    calibration = replace(
        rounded(fit(best.form, best.strength, faces)),
        fitted_on={name: int(counts[name]) for name in sets if name in counts},
        figures={
            "strength": best.strength,
            "weights": dict(special),
            "loss": round(best.loss, 4),
            "cross_validated": figures,
        },
    )
    new = replace(info, calibration=calibration, abstention_threshold=threshold, figures={})
    return new, candidates


def trade_off(
    info: ModelInfo,
    sets: Sets,
    special: Mapping[str, float],
    public: tuple[Dataset, Mapping[str, Any]] | None,
) -> list[dict[str, Any]]:
    """Tell what the weight of neutral faces does, by the form and strength of a calibration.

    Args:
        info: with a calibration fitted on photographs.
        sets: that it was fitted on.
        special: weights of cells; that of "neutral" is varied.
        public: PublicTest and its logits, to be judged by the FER+ majority, or None.

    Returns:
        For each weight: cross-validated mean recall of each set, of the rarest three, and recall of
        neutral faces by set; on PublicTest accuracy, mean recall and recall of neutral.
    """
    form, strength = info.calibration.form, info.calibration.figures["strength"]
    rows = []
    for weight in TRADE_OFF:
        faces = faces_of(sets, {**special, "neutral": weight})
        repeats = [figures_of(sets, p, 0.0) for p in cross_validate(form, strength, faces)]
        row: dict[str, Any] = {"weight of neutral": weight}
        for name in sets:
            told = _mean_of([repeat[name] for repeat in repeats])
            row[f"{name}: mean recall"] = told["mean_recall"]
            recall = told["recall"]
            if rare := [recall[emotion] for emotion in RAREST if emotion in recall]:
                row[f"{name}: {', '.join(e for e in RAREST if e in recall)}"] = float(np.mean(rare))
            if "neutral" in recall:
                row[f"{name}: neutral"] = recall["neutral"]
        if public is not None:
            dataset, heads = public
            row |= judge_on_dataset(fit(form, strength, faces), dataset, heads)
        rows.append(row)
    return rows


def judge_on_dataset(
    calibration: Calibration, dataset: Dataset, heads: Mapping[str, Any]
) -> dict[str, float]:
    """Compare the answer with the FER+ majority: accuracy, mean recall, recall of neutral."""
    from train.metrics import answer_figures

    no_copies = np.zeros(len(dataset), bool)
    probabilities = calibration.probabilities(heads)
    answer = answer_figures(probabilities, dataset.reference, 0.0, no_copies)["answer"]
    return {
        "PublicTest: accuracy": answer["accuracy"],
        "PublicTest: mean recall": answer["macro_recall"],
        "PublicTest: neutral": answer["recall"].get("neutral", float("nan")),
    }


def convert(folder: Path) -> ModelInfo:
    """Read a model.json of format 2, whose answer was a temperature and a share of the heads.

    Raises:
        DataError: it is of another format, or malformed.
    """
    try:
        values = json.loads((folder / MODEL_JSON).read_text(encoding="utf-8"))
        version = values["format_version"]
        if version != CONVERTIBLE_VERSION:
            raise DataError(
                f"{MODEL_JSON} of {folder} has format {version}; only format "
                f"{CONVERTIBLE_VERSION} can be converted to {FORMAT_VERSION}."
            )
        calibration = Calibration.temperature(
            float(values.pop("temperature")), float(values.pop("fer2013_share"))
        )
        converted = {
            **values,
            "format_version": FORMAT_VERSION,
            "calibration": calibration.to_dict(),
        }
        return ModelInfo.from_dict(converted)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{MODEL_JSON} of {folder} cannot be converted: {error}.") from error


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    from train.export import write_info

    parser, options = _parse(arguments)
    try:
        if options.convert:
            write_info(options.model, convert(options.model))
            print(f"{options.model} now has {MODEL_JSON} of format {FORMAT_VERSION}")
            return
        if options.photos:
            info = _with_photographs(options)
        else:
            need("calibration", "sklearn")
            public = load_splits(data_dir(parser, options))["PublicTest"]
            info = calibrate_on_dataset(EmotionModel.load(options.model), public)
    except (DataError, FerError) as error:
        raise SystemExit(f"error: {error}") from error
    write_info(options.model, info)
    print(
        f"wrote the calibration, {info.calibration.form}, and the abstention threshold, "
        f"{info.abstention_threshold}, into {MODEL_JSON} of {options.model}; figures of other "
        "answers are gone: python -m train.evaluate --record"
    )


def _with_photographs(options: argparse.Namespace) -> ModelInfo:
    from train.markdown import table

    need("calibration on photographs", "scipy", "sklearn")
    folders = read_photograph_sets(options.photos)
    public_split = load_splits(options.data)["PublicTest"] if options.data else None
    recognizer = EmotionRecognizer.load(options.model)
    sets = {name: answer_photographs(recognizer, photos) for name, photos in folders.items()}
    special = dict(options.weight or ())
    if any("neutral" in {photo.label for photo in photos} for photos in folders.values()):
        special = {"neutral": NEUTRAL_WEIGHT, **special}
    info, candidates = calibrate_on_photographs(recognizer.model.info, sets, special)
    rows = [
        (one.form, f"{one.strength:g}", f"{one.loss:.4f}", f"{one.behind:.4f}", f"{one.error:.4f}")
        for one in candidates
    ]
    print("Cross-validated loss by form and strength; the last columns: behind the best, ± error")
    print(table(("form", "strength", "loss", "behind", "±"), rows))
    for name, told in info.calibration.figures["cross_validated"].items():
        recalls = "  ".join(f"{label} {value:.3f}" for label, value in told["recall"].items())
        print(
            f"{name}, cross-validated: mean recall {told['mean_recall']:.3f}, calibration error "
            f"{told['ece']:.3f}, answered {told['answered']:.3f}, accuracy of these "
            f"{told['accuracy_answered']:.3f}\n  {recalls}"
        )
    public = None
    if public_split is not None:
        heads = dataset_logits(recognizer.model, public_split)
        public = public_split, heads
        told = judge_on_dataset(info.calibration, public_split, heads)
        print(", ".join(f"{key} {value:.3f}" for key, value in told.items()))
    if options.trade_off:
        lines = trade_off(info, sets, special, public)
        print(table(list(lines[0]), [[f"{value:.3f}" for value in row.values()] for row in lines]))
    return info


def _mean_of(repeats: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of numbers, rounded, also within mappings; intervals, bins and texts are left out.

    A count that is the same in all repeats stays a whole number.
    """
    means: dict[str, Any] = {}
    for key, first in repeats[0].items():
        values = [repeat[key] for repeat in repeats]
        if key.endswith("_interval") or key in ("groups", "not_found", "support"):
            continue
        if isinstance(first, dict):
            means[key] = _mean_of(values)
        elif isinstance(first, int) and len(set(values)) == 1:
            means[key] = first
        elif isinstance(first, int | float):
            means[key] = round(float(np.mean(values)), 4)
    return means


def _parse(
    arguments: list[str] | None,
) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="python -m train.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_argument(parser)
    add_data_argument(parser)
    parser.add_argument(
        "--photos",
        type=Path,
        action="append",
        metavar="DIR",
        help="photographs with labels.csv; may be given several times",
    )
    parser.add_argument(
        "--weight",
        type=_weight,
        action="append",
        metavar="CELL=NUMBER",
        help="of the photographs LABEL, or SET/LABEL, instead of 1 "
        f"(neutral: {NEUTRAL_WEIGHT:g}); may be given several times",
    )
    parser.add_argument(
        "--trade-off", action="store_true", help="print what the weight of neutral faces does"
    )
    parser.add_argument(
        "--convert", action="store_true", help="convert model.json from format 2, and do no more"
    )
    options = parser.parse_args(arguments)
    if not options.photos and (options.weight or options.trade_off):
        parser.error("--weight and --trade-off need --photos")
    return parser, options


def _weight(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not name or not 0 <= weight < float("inf"):
        raise argparse.ArgumentTypeError("must be LABEL=NUMBER or SET/LABEL=NUMBER, at least 0")
    return name, weight


if __name__ == "__main__":
    main()
