"""Format the metrics of an evaluation for the terminal, and for the log of PrivateTest."""

from collections.abc import Sequence
from typing import Any

from train.evaluation.photograph_report import group_texts, photo_rows
from train.reporting.markdown import measured, table


def summary(figures: dict[str, Any]) -> str:
    """Format the metrics of the model, beside those of its peers, as Markdown; warnings last."""
    columns = {"ours": figures, **figures.get("peers", {})}
    texts = split_tables(figures)
    if photos := figures.get("photos"):
        rows = [
            row
            for name in photos
            for row in photo_rows(name, [column["photos"][name] for column in columns.values()])
        ]
        texts.append(table(("photographs", *columns), rows))
    for name, values in figures.get("photos", {}).items():
        texts += [f"{name}:\n\n{text}" for text in group_texts(values)]
    return "\n\n".join([*texts, *(f"WARNING: {sentence}" for sentence in figures["warnings"])])


def split_tables(figures: dict[str, Any]) -> list[str]:
    """Format a table for each split, with a column for the model and for each of its peers."""
    columns = {"ours": figures, **figures.get("peers", {})}
    return [
        table((split, *columns), _rows(list(columns.values()), suffix, ending))
        for split, suffix, ending in (
            ("PublicTest", "public", "_public"),
            ("PrivateTest", "private", ""),
        )
        if f"answer{ending}" in figures
    ]


def _rows(columns: Sequence[dict[str, Any]], suffix: str, ending: str) -> list[tuple[str, ...]]:
    """Format the metrics of one split: rows of a title and a cell for each program."""
    ours = columns[0]
    rows = [("FER2013", f"fer2013_{suffix}"), ("FER+, eight classes", f"ferplus_{suffix}")]
    metrics = [
        (f"{title}{of_images}", group, key)
        for name, group in rows
        for title, of_images, key in (
            (f"{name}, accuracy", f" ({ours.get(group, {}).get('n', 0):,})", "accuracy"),
            ("without copies of training images", "", "accuracy_deduplicated"),
            ("without near copies", "", "accuracy_without_near_copies"),
        )
    ]
    metrics += [
        (f"prediction by {ours[f'reference{ending}']}, accuracy", f"answer{ending}", "accuracy"),
        ("macro F1", f"answer{ending}", "macro_f1"),
        ("mean F1 without disgust and fear", f"answer{ending}", "main_five_f1"),
        ("happy or sad, accuracy", f"happy_sad{ending}", "accuracy"),
        ("happy or sad, AUC", f"happy_sad{ending}", "auc"),
        ("expected calibration error", f"calibration{ending}", "ece"),
        ("negative log-likelihood", f"calibration{ending}", "nll"),
        ("Brier score", f"calibration{ending}", "brier"),
        *(
            (f"accuracy of the most confident {share}", f"coverage{ending}", f"accuracy_at_{share}")
            for share in ("70%", "80%", "90%")
        ),
        ("not “not sure”", f"coverage{ending}", "answered"),
        ("accuracy of these", f"coverage{ending}", "accuracy_answered"),
    ]
    return [
        (title, *(measured(column.get(group, {}), key) for column in columns))
        for title, group, key in metrics
        if key in ours.get(group, {})
    ]


def log_entry(figures: dict[str, Any], origin: dict[str, str]) -> str:
    """Format an evaluation on PrivateTest as an entry of experiments/private-test.toml."""
    accuracies = {
        "fer2013_accuracy": figures["fer2013_private"]["accuracy"],
        "ferplus_accuracy": figures.get("ferplus_private", {}).get("accuracy"),
        "happy_or_sad_accuracy": figures["happy_sad"]["accuracy"],
    }
    lines = [
        "[[readings]]",
        f"date = {origin['date']}",
        f'commit = "{origin["commit"][:12]}"',
        f'model = "{origin["model"]} {origin["version"]}"',
        *(f"{name} = {value:.4f}" for name, value in accuracies.items() if value is not None),
        'why = ""',
    ]
    return "\n".join(lines)
