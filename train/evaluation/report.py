"""Write the report of an evaluation, report.md, with its tables and plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.artifacts.run_folder import best
from train.evaluation.drawing import draw_photographs, draw_split
from train.evaluation.predictions import PhotographPredictions, SplitPredictions
from train.evaluation.tables import class_sections, photograph_section, split_tables
from train.reporting import plots
from train.reporting.markdown import Plot, figure

INTERVALS = (
    "In brackets: 95 % intervals of the percentile bootstrap, 1,000 resamples of the images, or of "
    "people where these are known, with a fixed seed. They show how much a metric depends on the "
    "choice of images, not how much it would vary between training runs. Resampling adds noise to "
    "the calibration error, so its interval is biased upwards. Copies are images that are also in "
    "Training, near copies other images of a photograph in Training."
)


def write_report(
    folder: Path,
    figures: dict[str, Any],
    by_split: Mapping[str, SplitPredictions],
    *,
    photographs: Mapping[str, PhotographPredictions],
    origin: dict[str, str],
    history: list[dict[str, Any]],
) -> list[Path]:
    """Write report.md and its plots, those of a split for PrivateTest if it was predicted.

    Args:
        folder: where to, made when missing.
        figures: from `all_figures`, of these predictions by split and by set of photographs.
        by_split: from `predict_splits`; may be empty.
        photographs: from `predict_photographs`; may be empty.
        origin: model, version, commit, date and command.
        history: the epochs of the run, from `read_history`; may be empty.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections: list[str | Plot] = [
        f"# Evaluation of {origin['model']} {origin['version']}",
        *(f"> **Warning.** {sentence}" for sentence in figures["warnings"]),
        f"Measured on {origin['date']} with commit `{origin['commit']}`:",
        f"```\n{origin['command']}\n```",
        INTERVALS,
    ]
    for name, of_set in photographs.items():
        values = figures["photos"][name]
        sections.append(photograph_section(name, values))
        sections += draw_photographs(folder / "photos" / name, name, values, of_set)
    if by_split:
        split, predictions = list(by_split.items())[-1]
        sections += ["## Scores", *split_tables(figures), *class_sections(figures)]
        sections += [f"## Plots of {split}", *draw_split(folder, split, figures, predictions)]
    if history:
        path = plots.learning_curves(
            history, best(history)["epoch"], folder / "learning_curves.png"
        )
        text = "PublicTest after each epoch, without flip averaging. The best epoch is evaluated."
        sections += ["## Training", Plot("Learning curves", text, path)]
    texts = [figure(part, folder) if isinstance(part, Plot) else part for part in sections]
    path = folder / "report.md"
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return [path, *(part.path for part in sections if isinstance(part, Plot))]
