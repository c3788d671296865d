"""Markdown that several reports write."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: names to the left, numbers to the right.

    Args:
        header: of each column.
        rows: as many cells each.

    Returns:
        Lines without a line break at the end.
    """
    rules = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rules, *rows))
