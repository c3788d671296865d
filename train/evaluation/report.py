"""Write the report of an evaluation, report.md, with its tables and plots."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_core.emotions import BY_NAME, EMOTIONS, FER2013_LABELS, FERPLUS_LABELS
from train.data.dataset import is_judged
from train.evaluation.calibration_plots import draw_calibration
from train.evaluation.figures import SETS
from train.evaluation.photograph_report import draw_photographs, photo_section
from train.evaluation.tables import split_tables
from train.reporting.markdown import Plot, figure, mistaken_for, number, table

if TYPE_CHECKING:
    from train.evaluation.predictions import PhotographPredictions, SplitPredictions

ENDINGS = {"PublicTest": "_public", "PrivateTest": ""}
MISTAKES = 24
INTERVALS = (
    "In brackets: 95 % intervals of the percentile bootstrap, 1,000 resamples of the images, or of "
    "people where these are known, with a fixed seed. They show how much a metric depends on the "
    "choice of images, not how much it would vary between training runs. Resampling adds noise to "
    "the calibration error, so its interval is biased upwards. Copies are images that are also in "
    "Training, near copies other images of a photograph in Training."
)
CLASS_COLUMNS = ("precision", "recall", "f1", "auc")


def write_report(
    folder: Path,
    figures: dict[str, Any],
    by_split: "Mapping[str, SplitPredictions]",
    *,
    photographs: "Mapping[str, PhotographPredictions]",
    origin: dict[str, str],
    history: list[dict[str, Any]],
) -> list[Path]:
    """Write report.md and its plots, those of a split for PrivateTest if it was predicted.

    Args:
        folder: where to, made when missing.
        figures: from `all_figures`.
        by_split: from `predict_splits`; may be empty.
        photographs: predictions of photographs by the name of their set; may be empty.
        origin: model, version, commit, date and command.
        history: the epochs of the run, from `read_history`; may be empty.

    Returns:
        What was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots: list[Plot] = []
    sections = [
        f"# Evaluation of {origin['model']} {origin['version']}",
        *(f"> **Warning.** {sentence}" for sentence in figures["warnings"]),
        f"Measured on {origin['date']} with commit `{origin['commit']}`:",
        f"```\n{origin['command']}\n```",
        INTERVALS,
    ]
    for name, predictions in photographs.items():
        values = figures["photos"][name]
        drawn = draw_photographs(folder / "photos" / name, name, values, predictions)
        plots += drawn
        sections += [photo_section(name, values), *(figure(plot, folder) for plot in drawn)]
    if by_split:
        split = list(by_split)[-1]
        drawn = [
            *_plots_of_heads(folder, figures, split, by_split[split]),
            *_plots_of_prediction(folder, figures, split, by_split[split]),
        ]
        plots += drawn
        sections += [*_tables(figures), f"## Plots of {split}"]
        sections += [figure(plot, folder) for plot in drawn]
    if history:
        curves = _learning_curves(folder, history)
        plots.append(curves)
        sections += ["## Training", figure(curves, folder)]
    path = folder / "report.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return [path, *(plot.path for plot in plots)]


def _tables(figures: dict[str, Any]) -> list[str]:
    """Format the sections of the dataset's splits."""
    titles = {f"answer{end}": f"Calibrated prediction on {name}" for name, end in ENDINGS.items()}
    return [
        "## Scores",
        *split_tables(figures),
        *(
            _classes(title, figures[name])
            for name, title in {**titles, **SETS}.items()
            if name in figures
        ),
    ]


def _plots_of_heads(
    folder: Path, figures: dict[str, Any], split: str, predictions: "SplitPredictions"
) -> list[Plot]:
    from train.evaluation import metrics
    from train.reporting import plots

    suffix, dataset = split.removesuffix("Test").lower(), predictions.dataset
    heads = [("FER2013", "fer2013", FER2013_LABELS, predictions.fer2013, dataset.labels)]
    if dataset.has_votes:
        heads.append(("FER+", "ferplus", FERPLUS_LABELS, predictions.ferplus, dataset.majority))
    drawn, curves, areas = [], {}, {}
    for name, head, classes, probabilities, labels in heads:
        values, judged = figures[f"{head}_{suffix}"], labels >= 0
        curves[name] = metrics.roc_curves(probabilities[judged], labels[judged], classes)
        areas[name] = {**values["auc"], "macro": values["macro_auc"]}
        path = plots.confusion_matrix(
            values["confusion"],
            classes,
            folder / f"confusion_{head}.png",
            title=f"{split} by {name}: {values['accuracy']:.1%} right",
        )
        text = "Per cent of each row; the diagonal is the recall."
        drawn.append(Plot(f"Confusion by {name}", text, path))
    title = f"{split}: each emotion against the rest"
    path = plots.roc(curves, areas, folder / "roc.png", title)
    text = "With the area under each curve; the mean is over the emotions that occur."
    return [*drawn, Plot("ROC curves", text, path)]


def _plots_of_prediction(
    folder: Path, figures: dict[str, Any], split: str, predictions: "SplitPredictions"
) -> list[Plot]:
    from train.evaluation import metrics
    from train.reporting import plots
    from train.reporting.contact_sheet import MISTAKE_SIZE, Tile, draw_contact_sheet

    ending, faces, reference = (
        ENDINGS[split],
        predictions.dataset.faces,
        predictions.dataset.reference,
    )
    by, answer = figures[f"reference{ending}"], figures[f"answer{ending}"]
    judged, chosen = is_judged(reference), predictions.seven.argmax(axis=1)
    confidence = predictions.seven.max(axis=1)
    drawn = [
        Plot(
            "Confusion of the calibrated prediction",
            "Per cent of each row; the diagonal is the recall.",
            plots.confusion_matrix(
                answer["confusion"],
                FER2013_LABELS,
                folder / "confusion.png",
                title=f"{split} by {by}: {answer['accuracy']:.1%} right",
            ),
        ),
        *draw_calibration(
            folder,
            f"{split} by {by}",
            {**figures[f"calibration{ending}"], **figures[f"coverage{ending}"]},
            confidence[judged],
            (chosen == reference)[judged],
        ),
    ]
    rows = metrics.confident_mistakes(predictions.seven, reference, MISTAKES)
    if len(rows):
        captions = [
            f"{EMOTIONS[reference[row]].title} predicted as {EMOTIONS[chosen[row]].title}\n"
            f"{confidence[row]:.0%}"
            for row in rows
        ]
        path = folder / "mistakes.png"
        title = f"{split}: the most confident mistakes (by {by}, with confidence)"
        tiles = [Tile(faces[row], text) for row, text in zip(rows, captions, strict=True)]
        draw_contact_sheet({title: tiles}, path, size=MISTAKE_SIZE)
        text = "Images of the dataset, which must not be redistributed."
        drawn.append(Plot("The most confident mistakes", text, path))
    return drawn


def _learning_curves(folder: Path, history: list[dict[str, Any]]) -> Plot:
    from train.artifacts.run_folder import best
    from train.reporting import plots

    path = folder / "learning_curves.png"
    plots.learning_curves(history, best(history)["epoch"], path)
    text = "PublicTest after each epoch, without flip averaging. The best epoch is evaluated."
    return Plot("Learning curves", text, path)


def _classes(title: str, values: dict[str, Any]) -> str:
    classes = FERPLUS_LABELS[: len(values["confusion"])]  # the first seven are FER2013's
    rows = [
        (
            BY_NAME[name].title,
            *(number(values[column].get(name)) for column in CLASS_COLUMNS),
            f"{count:,}",
            mistaken_for(
                name, dict(zip(classes, values["confusion"][classes.index(name)], strict=True))
            ),
        )
        for name, count in values["support"].items()
    ]
    rows += [
        (
            kind,
            *(number(values.get(f"{kind}_{column}")) for column in CLASS_COLUMNS),
            f"{values['n']:,}",
            "",
        )
        for kind in ("macro", "weighted")
    ]
    columns = ("", "precision", "recall", "F1", "AUC (one against the rest)", "images")
    return f"## {title}\n\n" + table((*columns, "most often mistaken for"), rows)
