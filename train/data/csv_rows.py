"""Reads rows of CSV files, plain or gzip-compressed, with row numbers for messages."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from train.errors import DataError


def read_rows(
    path: Path, required: Sequence[str], *, may_end_early: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV file in UTF-8, .gz or not, row by row.

    Strips spaces around names and values, and skips blank rows.

    Args:
        path: of the file.
        required: columns that it must have.
        may_end_early: whether missing values at the end of a row are empty.

    Yields:
        The line number of a row, from 1, and its values by column.

    Raises:
        DataError: the file cannot be read, lacks a column, or a row has another number of values;
            the message names file and row.
    """
    records = _records(path)
    header = [name.strip() for name in next(records, (1, []))[1]]
    missing = [name for name in required if name not in header]
    if missing:
        raise DataError(f"{path.name} lacks the column {missing[0]!r}; it has {header}.")
    for row, values in records:
        if may_end_early:
            values.extend([""] * (len(header) - len(values)))
        if len(values) != len(header):
            raise DataError(
                f"{path.name}, row {row}: {len(values)} values for {len(header)} columns."
            )
        yield row, dict(zip(header, (value.strip() for value in values), strict=True))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its first line, values) of every record that is not blank."""
    row = 1
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            # Decoded line by line, so that an error has its line number; utf-8-sig, because Excel
            # writes a byte order mark.
            reader = csv.reader(line.decode("utf-8-sig") for line in stream)
            for values in reader:
                if values:
                    yield row, values
                row = reader.line_num + 1
    except FileNotFoundError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}, row {row}: not UTF-8 text.") from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(f"{path.name}, row {row}: cannot be read from here ({error}).") from error
