"""Format the metrics of an evaluation as tables, for the terminal and for Markdown."""

from typing import Any

from train.evaluation.figures import SETS
from train.evaluation.photograph_report import photo_lines, photo_rows
from train.reporting.markdown import measured, table


def summary(figures: dict[str, Any]) -> str:
    """Format the metrics for the terminal, warnings last."""
    lines = []
    sets = [name for name in SETS if name in figures]
    if sets:
        header = ("accuracy", "macro F1", "macro AUC", "no copies")
        lines.append(f"{'':16}{''.join(f'{name:>11}' for name in header)}{'n':>7}")
    for name in sets:
        row = figures[name]
        keys = ("accuracy", "macro_f1", "macro_auc", "accuracy_deduplicated")
        cells = [f"{_number(row[key], 4):>11}" for key in keys]
        lines.append(f"{name:16}{''.join(cells)}{row['n']:>7}")
        lines.append(f"{'  recall':18}{_pairs(row['recall'])}")
    for split, ending in (("PublicTest", "_public"), ("PrivateTest", "")):
        if f"happy_sad{ending}" in figures:
            answer, happy_sad, calibration, coverage = (
                figures[f"{name}{ending}"]
                for name in ("answer", "happy_sad", "calibration", "coverage")
            )
            of_answer = {key: answer[key] for key in ("accuracy", "macro_f1", "main_five_f1")}
            shares = {k: v for k, v in coverage.items() if k.startswith("accuracy_at")}
            measured = {key: calibration[key] for key in ("ece", "nll", "brier")}
            lines += [
                f"{split}, by {figures[f'reference{ending}']}",
                f"  answer            {_pairs(of_answer)}",
                f"  happy or sad      {_number(happy_sad['accuracy'], 4)} of {happy_sad['n']}",
                f"  calibration       {_pairs(measured)}",
                f"  coverage          {_pairs(shares)}",
            ]
    for name, values in figures.get("photos", {}).items():
        lines += photo_lines(name, values)
    return "\n".join([*lines, *(f"WARNING: {sentence}" for sentence in figures["warnings"])])


def side_by_side(figures: dict[str, Any]) -> str:
    """Format our metrics beside those of each peer, with 95 % intervals, in Markdown."""
    names = list(figures["peers"])
    columns = [figures, *figures["peers"].values()]
    ending = "" if "answer" in figures else "_public"
    suffix = "private" if ending == "" else "public"
    split = f"{suffix.capitalize()}Test"
    rows = [
        ("FER2013, accuracy", f"fer2013_{suffix}", "accuracy"),
        ("without copies of training pictures", f"fer2013_{suffix}", "accuracy_deduplicated"),
        ("without near copies", f"fer2013_{suffix}", "accuracy_without_near_copies"),
        ("FER+, eight classes, accuracy", f"ferplus_{suffix}", "accuracy"),
        ("without copies of training pictures", f"ferplus_{suffix}", "accuracy_deduplicated"),
        ("without near copies", f"ferplus_{suffix}", "accuracy_without_near_copies"),
        ("answer by FER+, accuracy", f"answer{ending}", "accuracy"),
        ("macro F1", f"answer{ending}", "macro_f1"),
        ("mean F1 without disgust and fear", f"answer{ending}", "main_five_f1"),
        ("happy or sad, accuracy", f"happy_sad{ending}", "accuracy"),
        ("expected calibration error", f"calibration{ending}", "ece"),
        ("accuracy of the most confident 70 %", f"coverage{ending}", "accuracy_at_70%"),
    ]
    told = [
        (title, *(measured(column.get(group, {}), key) for column in columns))
        for title, group, key in rows
        if key in figures.get(group, {})
    ]
    for name in figures.get("photos", {}):
        told += photo_rows(name, [column["photos"][name] for column in columns])
    first = split if f"fer2013_{suffix}" in figures else "photographs"
    return table((first, "ours", *names), told)


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


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _pairs(values: dict[str, float | None]) -> str:
    return "  ".join(f"{name} {_number(value, 3)}" for name, value in values.items())
