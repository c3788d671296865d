"""Formats tables, figures and numbers of reports in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from fer_core.emotions import BY_NAME
from train.errors import DataError


class Plot(NamedTuple):
    """An image file of a report, with a title and a sentence on how to read it."""

    title: str
    text: str
    path: Path


def class_title(name: str) -> str:
    """Return the title of an emotion, or another name capitalized."""
    return BY_NAME[name].title if name in BY_NAME else name.capitalize()


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[str] = ()
) -> str:
    """Format a table, numbers aligned to the right.

    Args:
        header: name of each column.
        rows: as many cells each.
        words: columns of text, besides the first.

    Returns:
        Lines, without a line break at the end.
    """
    rules = ["---", *("---" if name in words else "---:" for name in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rules, *rows))


def figure(plot: Plot, folder: Path) -> str:
    """Format a plot as a subsection of a report in a folder."""
    link = quote(plot.path.relative_to(folder).as_posix())
    return f"### {plot.title}\n\n{plot.text}\n\n![{plot.title}]({link})"


def number(value: float | None) -> str:
    """Format a number with three digits, or "-" for None."""
    return "-" if value is None else f"{value:.3f}"


def with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    """Format a number and its interval as `0.738 [0.709, 0.765]`, or the number alone."""
    bounds = "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
    return number(value) + bounds


def measured(values: Mapping[str, Any], key: str) -> str:
    """Format the metric under a key, with the interval under `<key>_interval`."""
    return with_interval(values.get(key), values.get(f"{key}_interval"))


def mistaken_for(label: str, answers: Mapping[str, int]) -> str:
    """Format the two most frequent wrong predictions for a label, with their shares.

    Args:
        label: the correct label.
        answers: number of images by prediction, the correct one included.
    """
    wrong = [(count, answer) for answer, count in answers.items() if answer != label and count]
    often = sorted(wrong, key=lambda pair: -pair[0])[:2]
    return ", ".join(f"{answer} ({count / sum(answers.values()):.0%})" for count, answer in often)


def replace_marked(path: Path, name: str, text: str) -> None:
    """Replace the lines between `<!-- NAME -->` and `<!-- end -->` in a file.

    Raises:
        DataError: the file has no such comments.
    """
    old = path.read_text(encoding="utf-8")
    mark = f"<!-- {name} -->"
    pattern = re.compile(rf"({re.escape(mark)}\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(old):
        raise DataError(f"{path} has no lines {mark} and <!-- end --> to write between.")
    new = pattern.sub(lambda marks: f"{marks[1]}{text}\n{marks[2]}", old, count=1)
    path.write_text(new, encoding="utf-8")
