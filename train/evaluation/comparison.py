"""Compare runs in one table: networks, filters or strategies, on the same images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.recipes.config import TrainConfig
from train.reporting.markdown import table

REPORTED = {
    "predecessor_a": "17 %, labels and predictions out of step",
    "predecessor_b": "not stated",
    "happy_sad": "not stated",
    "efficientnet_lite0": "48 %, by ResNet50",
}
"""The accuracy that a predecessor's authors reported."""


def compare(runs: Sequence[Path], data: Path) -> list[dict[str, str]]:
    """Return a row for each run, by column; scores are accuracies on PublicTest.

    Raises:
        DataError: the data cannot be read.
        ModelLoadError: a run has no model.
    """
    from train.data.fer2013 import load_splits

    splits = load_splits(data)
    return [_row(run, splits) for run in runs]


def _row(run: Path, splits: dict[str, Any]) -> dict[str, str]:
    from fer_core.model import EmotionModel
    from train.artifacts.run_folder import read_history
    from train.evaluation.figures import evaluate
    from train.inputs.targets import select_faces, select_training_faces

    model = EmotionModel.load(run)
    training = model.info.training
    config = training.get("config", {})
    emotions = tuple(config.get("emotions", ()))
    chosen = select_faces(splits, emotions)
    figures = evaluate(model, chosen, public_only=True)
    history = read_history(run)
    network = config.get("network", model.info.name)
    faces, _ = select_training_faces(chosen, TrainConfig(faces=config.get("faces", 0)))
    scores = {
        name: f"{figures[key]['accuracy']:.3f}" if key in figures and not emotions else "-"
        for name, key in (("FER+", "ferplus_public"), ("FER2013", "fer2013_public"))
    }
    happy_sad = figures["happy_sad_public"]["accuracy"]
    return {
        "run": run.name + _differences(config),
        "network": network,
        "parameters": f"{training.get('parameters', 0):,}",
        "trained on": f"{len(faces):,} {' and '.join(emotions) + ' ' if emotions else ''}faces",
        "epochs": f"{len(history)}" if history else "-",
        "seconds an epoch": _fastest(history),
        **scores,
        "happy or sad": "-" if happy_sad is None else f"{happy_sad:.3f}",
        "reported by its authors": REPORTED.get(network, "-"),
    }


def _fastest(history: Sequence[dict[str, Any]]) -> str:
    """Format the seconds of the fastest epoch; a published model has no history."""
    return f"{min(row['seconds'] for row in history):.0f}" if history else "-"


def _differences(config: dict[str, Any]) -> str:
    """Name the filters of a run, which its name may not tell."""
    filters = config.get("preprocessing", {}).get("filters", ())
    return f" ({', '.join(filters)})" if filters else ""


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """Format the rows as a Markdown table without the columns that are empty."""
    columns = [name for name in rows[0] if any(row[name] != "-" for row in rows)]
    return table(columns, [[row[name] for name in columns] for row in rows])
