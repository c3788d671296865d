"""All metrics of an evaluation, and the warnings that follow from them."""

from collections.abc import Mapping
from typing import Any

from fer_core.model import EmotionModel
from train.data.dataset import Dataset, need_judged
from train.evaluation.predictions import PhotographPredictions, SplitPredictions, predict_splits

ENDINGS = {"PublicTest": "_public", "PrivateTest": ""}
"""Of the names of a split's metrics of the calibrated prediction."""


def all_figures(
    by_split: Mapping[str, SplitPredictions],
    threshold: float,
    photographs: Mapping[str, PhotographPredictions] | None = None,
) -> dict[str, Any]:
    """Compute all metrics of an evaluation.

    Args:
        by_split: from `predict_splits`; may be empty.
        threshold: confidence below which the app answers "not sure" to a dataset face.
        photographs: predictions of photographs by the name of their set.

    Returns:
        Metrics by name: `fer2013_*` and, where there are votes, `ferplus_*`, from
        `metrics.classification_figures`; `answer`, `happy_sad`, `calibration` and `coverage`, from
        `metrics.answer_figures`, and `reference`, the labels of these four. These five are of
        PrivateTest; those of PublicTest end in `_public`. `photos`, where there are photographs: by
        set, from `photograph_metrics.photograph_figures`. `warnings`: sentences.

    Raises:
        DataError: no image of a split has a majority among its votes.
    """
    from train.evaluation import metrics

    figures: dict[str, Any] = {}
    for split, predictions in by_split.items():
        suffix, ending = split.removesuffix("Test").lower(), ENDINGS[split]
        copies = predictions.copies, predictions.near_copies
        need_judged(predictions.labels, split)
        for head, (probabilities, labels, classes) in predictions.heads.items():
            figures[f"{head}_{suffix}"] = metrics.classification_figures(
                probabilities, labels, classes, *copies
            )
        served = metrics.answer_figures(predictions.seven, predictions.labels, threshold, *copies)
        figures |= {f"{name}{ending}": values for name, values in served.items()}
        has_votes = predictions.dataset.has_votes
        figures[f"reference{ending}"] = "FER+ majority" if has_votes else "FER2013 label"
    if photographs:
        from train.evaluation.photograph_metrics import photograph_figures

        figures["photos"] = {
            name: photograph_figures(predictions) for name, predictions in photographs.items()
        }
    figures["warnings"] = warnings(figures)
    return figures


def compact(figures: dict[str, Any]) -> dict[str, Any]:
    """Round the metrics that model.json keeps: single numbers, and recalls of photographs."""
    kept: dict[str, Any] = {
        name: _rounded(values) for name, values in figures.items() if isinstance(values, dict)
    }
    kept["photos"] = {
        name: compact_photographs(values) for name, values in figures.get("photos", {}).items()
    }
    return {name: values for name, values in kept.items() if values}


def compact_photographs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Round the metrics of one set of photographs: single numbers, and the recall by emotion."""
    return {**_rounded(values), "recall": _rounded(values["recall"])}


def _rounded(values: Mapping[str, Any]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in values.items() if isinstance(value, int | float)}


SETS = {
    "fer2013_public": "PublicTest by FER2013",
    "ferplus_public": "PublicTest by FER+",
    "fer2013_private": "PrivateTest by FER2013",
    "ferplus_private": "PrivateTest by FER+",
}
FEW = 200  # images; with fewer, a good model may look like chance


def warnings(figures: dict[str, Any]) -> list[str]:
    """Describe each set whose predictions do not seem to belong to its labels."""
    sentences = []
    for name, title in SETS.items():
        if name in figures and (words := _mismatch(figures[name])) is not None:
            sentences.append(f"{title}: {words}")
    return sentences


def _mismatch(values: dict[str, Any]) -> str | None:
    step, accuracy = values["in_step"], values["accuracy"]
    if step["better_shift"] is not None:
        return (
            "labels and images do not match. "
            f"With labels shifted by {step['better_shift']:+d} rows, the accuracy would be "
            f"{step['better_shift_accuracy']:.1%} instead of {accuracy:.1%}."
        )
    if step["better_permutation"] is not None:
        pairs = ", ".join(f"{a} as {b}" for a, b in step["better_permutation"].items())
        return (
            f"the class names are in another order than the labels. With {pairs}, the accuracy "
            f"would be {step['better_permutation_accuracy']:.1%} instead of {accuracy:.1%}."
        )
    if not step["is_better_than_chance"]:
        few = f", or {values['n']} images are too few to tell" if values["n"] < FEW else ""
        return (
            f"an accuracy of {accuracy:.1%} is not significantly better than chance, "
            f"{step['expected_by_chance']:.1%}. Either the model has learned nothing, or labels "
            f"and images do not match{few}."
        )
    return None


def evaluate(
    model: EmotionModel, splits: dict[str, Dataset], *, public_only: bool = False
) -> dict[str, Any]:
    """Predict the splits and compute all metrics; see `predict_splits` and `all_figures`."""
    return all_figures(
        predict_splits(model, splits, public_only=public_only), model.info.abstention_threshold
    )
