"""All metrics of an evaluation, and the warnings that follow from them."""

from collections.abc import Mapping
from typing import Any

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.model import EmotionModel
from train.data.dataset import Dataset, need_judged
from train.evaluation.predictions import Answers, PhotographAnswers, answer_splits


def all_figures(
    answers: Mapping[str, Answers],
    threshold: float,
    photographs: Mapping[str, PhotographAnswers] | None = None,
) -> dict[str, Any]:
    """Compute all figures of an evaluation.

    Args:
        answers: from `answer_splits`; may be empty.
        threshold: the confidence below which the answer to a dataset face is "not sure".
        photographs: the answers to photographs by the name of their set.

    Returns:
        Figures by name: `fer2013_*` and, where there are votes, `ferplus_*` as
        `metrics.classification_figures` gives them; `answer`, `happy_sad`, `calibration` and
        `coverage` as `metrics.answer_figures` does, and `reference`, what these four are judged by.
        These five are PrivateTest's; those of PublicTest end in `_public`. `photos`, where there
        are photographs: of each set what `photo_figures.photograph_figures` gives. And `warnings`,
        sentences.

    Raises:
        DataError: the annotators of a split agree on none of its pictures.
    """
    from train.evaluation import metrics

    figures: dict[str, Any] = {}
    for split, said in answers.items():
        suffix, ending = ("public", "_public") if split == "PublicTest" else ("private", "")
        dataset, reference = said.dataset, said.dataset.reference
        need_judged(reference, split)
        figures[f"fer2013_{suffix}"] = metrics.classification_figures(
            said.fer2013, dataset.labels, said.copies, FER2013_LABELS, said.near_copies
        )
        if dataset.has_votes:
            figures[f"ferplus_{suffix}"] = metrics.classification_figures(
                said.ferplus, dataset.majority, said.copies, FERPLUS_LABELS, said.near_copies
            )
        served = metrics.answer_figures(
            said.seven, reference, threshold, said.copies, said.near_copies
        )
        figures |= {f"{name}{ending}": values for name, values in served.items()}
        figures[f"reference{ending}"] = "FER+ majority" if dataset.has_votes else "FER2013 label"
    if photographs:
        from train.evaluation.photograph_metrics import photograph_figures

        figures["photos"] = {name: photograph_figures(said) for name, said in photographs.items()}
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
FEW = 200  # pictures, below which a fair model may by bad luck look like chance


def warnings(figures: dict[str, Any]) -> list[str]:
    """A sentence for each set whose answers do not seem to belong to its labels; see `in_step`."""
    sentences = []
    for name, title in SETS.items():
        if name in figures and (words := _out_of_step(figures[name])) is not None:
            sentences.append(f"{title}: {words}")
    return sentences


def _out_of_step(values: dict[str, Any]) -> str | None:
    step, accuracy = values["in_step"], values["accuracy"]
    if step["better_shift"] is not None:
        return (
            "labels and pictures are out of step. "
            f"With the labels moved by {step['better_shift']:+d} rows the model would be right on "
            f"{step['better_shift_accuracy']:.1%} instead of {accuracy:.1%}."
        )
    if step["better_permutation"] is not None:
        pairs = ", ".join(f"{a} as {b}" for a, b in step["better_permutation"].items())
        return (
            f"the class names are in another order than the labels. Reading {pairs}, the model "
            f"would be right on {step['better_permutation_accuracy']:.1%} instead of "
            f"{accuracy:.1%}."
        )
    if not step["is_better_than_chance"]:
        few = f", or {values['n']} pictures are too few to tell" if values["n"] < FEW else ""
        return (
            f"{accuracy:.1%} right cannot be told apart from chance, which gives "
            f"{step['expected_by_chance']:.1%}. Either the model has learned nothing, or labels "
            f"and pictures are out of step{few}."
        )
    return None


def evaluate(
    model: EmotionModel, splits: dict[str, Dataset], *, public_only: bool = False
) -> dict[str, Any]:
    """All figures of a model; the arguments are `answer_splits`', the result `all_figures`'."""
    return all_figures(
        answer_splits(model, splits, public_only=public_only), model.info.abstention_threshold
    )
