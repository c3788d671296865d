"""Format the metrics of an evaluation: for the terminal, for report.md, and for the log."""

from collections.abc import Mapping, Sequence
from typing import Any

from fer_core.emotions import BY_NAME, FER2013_LABELS, FERPLUS_LABELS
from train.evaluation.figures import ENDINGS, SETS
from train.evaluation.photograph_groups import MEASURES, TITLES
from train.reporting.markdown import measured, mistaken_for, number, table, with_interval

NO_FACE = "no face"
MISTAKEN = "most often mistaken for"
CLASS_COLUMNS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auc": "AUC (one against the rest)",
}
SHARES = ("70%", "80%", "90%")


def summary(figures: dict[str, Any]) -> str:
    """Format the metrics of the model, beside those of its peers, as Markdown; warnings last."""
    columns = {"ours": figures, **figures.get("peers", {})}
    texts = split_tables(figures)
    if photos := figures.get("photos"):
        rows = [
            (f"{name}: {title}", *cells)
            for name in photos
            for title, *cells in _photograph_rows([one["photos"][name] for one in columns.values()])
        ]
        texts.append(table(("photographs", *columns), rows))
        texts += [f"{name}:\n\n{text}" for name in photos for text in _groups(photos[name])]
    return "\n\n".join([*texts, *(f"WARNING: {sentence}" for sentence in figures["warnings"])])


def split_tables(figures: dict[str, Any]) -> list[str]:
    """Format a table for each split, with a column for the model and for each of its peers."""
    columns = {"ours": figures, **figures.get("peers", {})}
    return [
        table((split, *columns), _split_rows(list(columns.values()), split))
        for split, ending in ENDINGS.items()
        if f"answer{ending}" in figures
    ]


def _split_rows(columns: Sequence[dict[str, Any]], split: str) -> list[tuple[str, ...]]:
    """Format the metrics of one split: rows of a title and a cell for each program."""
    ours, suffix, end = columns[0], split.removesuffix("Test").lower(), ENDINGS[split]
    metrics = [
        (f"{title}{of_images}", group, key)
        for name, group in (
            ("FER2013", f"fer2013_{suffix}"),
            ("FER+, eight classes", f"ferplus_{suffix}"),
        )
        for title, of_images, key in (
            (f"{name}, accuracy", f" ({ours.get(group, {}).get('n', 0):,})", "accuracy"),
            ("without copies of training images", "", "accuracy_deduplicated"),
            ("without near copies", "", "accuracy_without_near_copies"),
        )
    ]
    metrics += [
        (f"prediction by {ours[f'reference{end}']}, accuracy", f"answer{end}", "accuracy"),
        ("macro F1", f"answer{end}", "macro_f1"),
        ("mean F1 without disgust and fear", f"answer{end}", "main_five_f1"),
        ("happy or sad, accuracy", f"happy_sad{end}", "accuracy"),
        ("happy or sad, AUC", f"happy_sad{end}", "auc"),
        ("expected calibration error", f"calibration{end}", "ece"),
        ("negative log-likelihood", f"calibration{end}", "nll"),
        ("Brier score", f"calibration{end}", "brier"),
        *(
            (f"accuracy of the most confident {share}", f"coverage{end}", f"accuracy_at_{share}")
            for share in SHARES
        ),
        ("not “not sure”", f"coverage{end}", "answered"),
        ("accuracy of these", f"coverage{end}", "accuracy_answered"),
    ]
    return [
        (title, *(measured(column.get(group, {}), key) for column in columns))
        for title, group, key in metrics
        if key in ours.get(group, {})
    ]


def class_sections(figures: dict[str, Any]) -> list[str]:
    """Format a section on the classes of each set of labels and of the calibrated prediction."""
    titles = {f"answer{end}": f"Calibrated prediction on {name}" for name, end in ENDINGS.items()}
    return [
        _class_section(title, figures[name])
        for name, title in {**titles, **SETS}.items()
        if name in figures
    ]


def _class_section(title: str, values: dict[str, Any]) -> str:
    of_classes = {
        BY_NAME[name].title: ({key: values[key].get(name) for key in CLASS_COLUMNS}, count)
        for name, count in values["support"].items()
    }
    of_means = {
        kind: ({key: values.get(f"{kind}_{key}") for key in CLASS_COLUMNS}, values["n"])
        for kind in ("macro", "weighted")
    }
    scores = [
        (name, *map(number, row.values()), f"{count:,}")
        for name, (row, count) in {**of_classes, **of_means}.items()
    ]
    classes = FERPLUS_LABELS[: len(values["confusion"])]  # the first seven are FER2013's
    mistakes = [
        (BY_NAME[name].title, mistaken_for(name, dict(zip(classes, counts, strict=True))))
        for name, counts in zip(classes, values["confusion"], strict=True)
        if name in values["support"]
    ]
    return "\n\n".join(
        [
            f"## {title}",
            table(("", *CLASS_COLUMNS.values(), "images"), scores),
            table(("", MISTAKEN), mistakes, words=(MISTAKEN,)),
        ]
    )


def photograph_section(name: str, values: dict[str, Any]) -> str:
    """Format the metrics of one set of photographs as a section, without its plots."""
    recalls = [
        (
            BY_NAME[label].title,
            f"{values['support'][label]:,}",
            f"{values['not_found'][label]:,}",
            _recall(values, label),
            mistaken_for(label, answers),
        )
        for label, answers in confusion_rows(values).items()
    ]
    texts = [
        f"## Photographs: {name}",
        f"{size_of_set(values)}. A face that is not found counts as wrong.",
        table(("", name), _photograph_metrics([values])),
        table(("", "photographs", "not found", "recall", MISTAKEN), recalls, words=(MISTAKEN,)),
        *_groups(values),
    ]
    return "\n\n".join(texts)


def _photograph_rows(columns: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Format one set's metrics: rows of a title and a cell for each program."""
    return [
        ("images", *map(size_of_set, columns)),
        *_photograph_metrics(columns),
        *(
            (f"recall of {label} ({count})", *(_recall(values, label) for values in columns))
            for label, count in columns[0]["support"].items()
        ),
    ]


def _photograph_metrics(columns: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    titles = {
        "found": "face found",
        "mean_recall": "mean recall",
        "ece": "expected calibration error, faces found",
        **{
            f"accuracy_at_{share}": f"accuracy of the most confident {share}, faces found"
            for share in SHARES
        },
        "answered": "not “not sure”, faces found",
        "accuracy_answered": "accuracy of these",
    }
    return [
        (title, *(measured(values, key) for values in columns)) for key, title in titles.items()
    ]


def confusion_rows(values: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Count the predictions for each label that occurs in a set, `NO_FACE` included."""
    return {
        label: {
            **dict(zip(FER2013_LABELS, values["confusion"][index], strict=True)),
            NO_FACE: values["not_found"][label],
        }
        for index, label in enumerate(FER2013_LABELS)
        if label in values["recall"]
    }


def size_of_set(values: Mapping[str, Any]) -> str:
    """Format the number of photographs, and of people where these are known."""
    people = f" of {values['n_people']:,} people" if "n_people" in values else ""
    photographs = "photograph" if values["n"] == 1 else "photographs"
    return f"{values['n']:,} {photographs}{people}"


def _recall(values: Mapping[str, Any], label: str) -> str:
    return with_interval(values["recall"][label], values["recall_interval"][label])


def _groups(values: Mapping[str, Any]) -> list[str]:
    """Format the groups of one set: a subsection, or nothing where there are none."""
    if "groups" not in values:
        return []
    rows = {
        f"{column}: {group}": row
        for column, groups in values["groups"].items()
        for group, row in groups.items()
    }
    measures = [name for name in MEASURES if any(row[name] for row in rows.values())]
    cells = [
        (group, f"{row['n_people']:,}", *(_share(row[measure]) for measure in measures))
        for group, row in rows.items()
    ]
    texts = [
        "### Groups",
        "Predictions for all faces with the label, their share, and its 95 % Wilson interval.",
        table(("group", "people", *(TITLES[name] for name in measures)), cells),
        *(f"- {note}" for note in values["group_notes"]),
    ]
    return ["\n\n".join(texts)]


def _share(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return "-"
    share = with_interval(values["share"], values["interval"])
    return f"{values['count']} of {values['n']}, {share}"


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
