"""Markdown that several reports write."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from train.errors import DataError


class Plot(NamedTuple):
    """A picture of a report, with a title and a sentence on how to read it."""

    title: str
    text: str
    path: Path


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[str] = ()
) -> str:
    """A Markdown table: names to the left, numbers to the right.

    Args:
        header: of each column.
        rows: as many cells each.
        words: further columns, beside the first, that hold words.

    Returns:
        Lines without a line break at the end.
    """
    rules = ["---", *("---" if name in words else "---:" for name in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rules, *rows))


def figure(plot: Plot, folder: Path) -> str:
    """Format a plot as a subsection of a report that lies in a folder."""
    link = quote(plot.path.relative_to(folder).as_posix())
    return f"### {plot.title}\n\n{plot.text}\n\n![{plot.title}]({link})"


def number(value: float | None) -> str:
    """Format a figure with three digits, or "-" where it is not defined."""
    return "-" if value is None else f"{value:.3f}"


def with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    """Format a figure as `0.738 [0.709, 0.765]`, without brackets where there is no interval."""
    bounds = "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
    return number(value) + bounds


def measured(values: Mapping[str, Any], key: str) -> str:
    """Format the figure that stands under a key, with the interval under `<key>_interval`."""
    return with_interval(values.get(key), values.get(f"{key}_interval"))


def mistaken_for(label: str, answers: Mapping[str, int]) -> str:
    """Format the two most frequent wrong answers to the pictures of a label, with their shares.

    Args:
        label: what is right.
        answers: how often each answer was given, the right one included.
    """
    wrong = [(count, answer) for answer, count in answers.items() if answer != label and count]
    often = sorted(wrong, key=lambda pair: -pair[0])[:2]
    return ", ".join(f"{answer} ({count / sum(answers.values()):.0%})" for count, answer in often)


def replace_marked(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- end -->` in a file.

    Raises:
        DataError: the file has no such marks.
    """
    old = path.read_text(encoding="utf-8")
    mark = f"<!-- {name} -->"
    pattern = re.compile(rf"({re.escape(mark)}\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(old):
        raise DataError(f"{path} has no lines {mark} and <!-- end --> to write between.")
    new = pattern.sub(lambda marks: f"{marks[1]}{text}\n{marks[2]}", old, count=1)
    path.write_text(new, encoding="utf-8")
