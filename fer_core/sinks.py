"""Writes tables file by file, resumable after a kill: CSV, JSON Lines, Parquet.

The rows of one input file are written together. The file `NAME.partial` beside an unfinished table
records how many of its bytes hold complete input files; the next call truncates the table there and
continues. Parquet cannot be appended to: its rows are kept as JSON Lines until the end.
"""

import contextlib
import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fer_core.errors import OutputError
from fer_core.table import FIELDS, Row, inert, write_csv

RECORD = ".partial"
ROWS_OF_PARQUET = ".rows.jsonl"
GROUP = 50_000  # rows of a row group of Parquet
TEXTS, TRUTHS, COUNTS = ("file", "label", "error"), ("uncertain", "reliable"), ("track", "face")
NO_PYARROW = (
    "Parquet needs the package pyarrow; run pip install 'face-emotion-reader[parquet]' or let the "
    "name end in .csv or .jsonl."
)


class Table(ABC):
    """A table that is being written; made by `open_table`."""

    @abstractmethod
    def earlier_rows(self) -> Iterator[Mapping[str, Any]]:
        """Iterate over the rows of earlier calls, in which numbers may be text."""

    @abstractmethod
    def has(self, file: str) -> bool:
        """Tell whether an earlier call wrote all rows of this input file."""

    @abstractmethod
    def has_failed(self, file: str) -> bool:
        """Tell whether an earlier call could not read this input file, or not to its end."""

    @abstractmethod
    def write(self, rows: Iterable[Row]) -> None:
        """Append rows of the current input file.

        Raises:
            OutputError: they cannot be written.
        """

    @abstractmethod
    def commit(self) -> None:
        """Record that all rows of the current input file are written.

        Raises:
            OutputError: they cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the table, truncated to complete input files.

        Raises:
            OutputError: it cannot be written.
        """


def open_table(path: Path) -> Table:
    """Create a table, or open that of an earlier call, finished or not.

    Args:
        path: ends in .csv, .jsonl or .parquet.

    Raises:
        OutputError: the suffix is another, the folder is missing, the file cannot be written, is
            no such table, or is being written by another process; or pyarrow is missing.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _Csv(path)
    if suffix == ".jsonl":
        return _JsonLines(path)
    if suffix == ".parquet":
        return _Parquet(path)
    raise OutputError(f"The output {path.name} must end in .csv, .jsonl or .parquet.")


class _Lines(Table):
    """A table of text lines, to which rows are appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._record_path = path.with_name(path.name + RECORD)
        self._done: set[str] = set()
        self._failed: set[str] = set()
        with _sentences(path), contextlib.ExitStack() as undo:
            if path.is_dir():
                raise OutputError(f"{path} is a folder; please name a file to write to.")
            if not self._record_path.exists():
                undo.callback(self._record_path.unlink, missing_ok=True)
            descriptor = os.open(self._record_path, os.O_RDWR | os.O_CREAT, 0o666)
            self._record = undo.enter_context(os.fdopen(descriptor, "r+b", buffering=0))
            _lock(self._record, path)
            self._file = undo.enter_context(path.open("r+b" if path.exists() else "x+b"))
            self._committed = self._size_of_whole_files()
            for row in self.earlier_rows():
                self._done.add(row["file"])
                if row["error"]:
                    self._failed.add(row["file"])
            self._file.truncate(self._committed)
            self._file.seek(self._committed)
            self.commit()
            if not self._committed:
                self._file.write(self._header())
                self.commit()
            undo.pop_all()  # from here on, `close` closes the files

    def _size_of_whole_files(self) -> int:
        """Read the recorded size; the whole table's where none is recorded."""
        text = self._record.read().decode("ascii", "replace").strip()
        size = int(text) if text.isdecimal() else _size(self._file)
        if size > _size(self._file):
            raise OutputError(
                f"{self._path.name} is shorter than {self._record_path.name} says; delete both to "
                "begin again."
            )
        return size

    def has(self, file: str) -> bool:
        return self._as_written(file) in self._done

    def has_failed(self, file: str) -> bool:
        return self._as_written(file) in self._failed

    def write(self, rows: Iterable[Row]) -> None:
        with _sentences(self._path):
            self._file.write(self._encode(rows))

    def commit(self) -> None:
        with _sentences(self._path):
            self._file.flush()
            self._committed = self._file.tell()
            # In one call, so that a kill leaves either the old number or the new one.
            self._record.seek(0)
            self._record.write(f"{self._committed:020d}\n".encode())

    def close(self) -> None:
        with _sentences(self._path):
            try:
                self._file.close()  # flushes, for which the disk may be full
            finally:
                os.truncate(self._path, self._committed)
                self._record_path.unlink(missing_ok=True)
                self._record.close()

    def _lines(self) -> Iterator[str]:
        """Read the lines of the part that holds complete input files."""
        self._file.seek(0)
        left = self._committed
        while left > 0 and (line := self._file.readline(left)):
            left -= len(line)
            yield line.decode("utf-8", "surrogateescape")

    @abstractmethod
    def _header(self) -> bytes:
        """Give the first bytes of a new table."""

    @abstractmethod
    def _encode(self, rows: Iterable[Row]) -> bytes:
        """Encode rows as they are written."""

    @staticmethod
    def _as_written(file: str) -> str:
        """Give the name of an input file as it is written."""
        return file


class _Csv(_Lines):
    def earlier_rows(self) -> Iterator[Mapping[str, Any]]:
        try:
            reader = csv.DictReader(self._lines(), strict=True)
            if self._committed and tuple(reader.fieldnames or ()) != FIELDS:
                raise _not_ours(self._path)
            for row in reader:
                if None in row or None in row.values():  # more or fewer cells than columns
                    raise _not_ours(self._path)
                yield row
        except csv.Error as error:
            raise _not_ours(self._path) from error

    def _header(self) -> bytes:
        text = io.StringIO()
        write_csv(text, [])
        return text.getvalue().encode()

    def _encode(self, rows: Iterable[Row]) -> bytes:
        text = io.StringIO()
        write_csv(text, rows, header=False)
        return text.getvalue().encode("utf-8", "surrogateescape")

    @staticmethod
    def _as_written(file: str) -> str:
        return inert(file)


class _JsonLines(_Lines):
    def earlier_rows(self) -> Iterator[Mapping[str, Any]]:
        for line in self._lines():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _not_ours(self._path) from error
            if not isinstance(row, dict) or tuple(row) != FIELDS:
                raise _not_ours(self._path)
            yield row

    def _header(self) -> bytes:
        return b""

    def _encode(self, rows: Iterable[Row]) -> bytes:
        return "".join(f"{_json(row)}\n" for row in rows).encode()


class _Parquet(Table):
    """A Parquet file, and JSON Lines beside it with the rows that it lacks."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa  # noqa: F401  fails before the work, not after it
        except ImportError as error:
            raise OutputError(NO_PYARROW) from error
        self._path = path
        if path.is_dir():
            raise OutputError(f"{path} is a folder; please name a file to write to.")
        self._finished: set[str] = set()
        self._failed: set[str] = set()
        for batch in self._batches(["file", "error"]):
            for row in batch.to_pylist():
                self._finished.add(row["file"])
                if row["error"]:
                    self._failed.add(row["file"])
        self._rows_path = path.with_name(path.name + ROWS_OF_PARQUET)
        self._rows = _JsonLines(self._rows_path)

    def earlier_rows(self) -> Iterator[Mapping[str, Any]]:
        for batch in self._batches(list(FIELDS)):
            yield from batch.to_pylist()
        yield from self._new_rows()

    def has(self, file: str) -> bool:
        return utf8(file) in self._finished or self._rows.has(file)

    def has_failed(self, file: str) -> bool:
        return utf8(file) in self._failed or self._rows.has_failed(file)

    def write(self, rows: Iterable[Row]) -> None:
        self._rows.write(rows)

    def commit(self) -> None:
        self._rows.commit()

    def close(self) -> None:
        self._rows.close()
        if self._path.exists() and not self._rows_path.stat().st_size:
            self._rows_path.unlink()
            return
        unfinished = self._path.with_name(self._path.name + RECORD)
        try:
            with _sentences(self._path):
                self._write_to(unfinished)
                unfinished.replace(self._path)
        except BaseException:  # the rows are kept for the next call
            unfinished.unlink(missing_ok=True)
            raise
        self._rows_path.unlink()

    def _write_to(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        schema = parquet_schema()
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in self._batches(list(FIELDS)):
                writer.write_batch(batch.cast(schema))
            for rows in _groups(self._new_rows()):
                writer.write_table(pa.Table.from_pylist(rows, schema))

    def _batches(self, columns: list[str]) -> Iterator[Any]:
        """Iterate over the rows of the Parquet file, as record batches."""
        import pyarrow as pa
        from pyarrow import parquet

        if not self._path.exists():
            return
        try:
            with parquet.ParquetFile(self._path) as file:
                if file.schema_arrow.names != list(FIELDS):
                    raise _not_ours(self._path)
                yield from file.iter_batches(GROUP, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise _not_ours(self._path) from error

    def _new_rows(self) -> Iterator[Mapping[str, Any]]:
        """Iterate over the JSON Lines without rows that are in the Parquet file, after a kill."""
        with self._rows_path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                row["file"] = utf8(row["file"])
                if row["file"] not in self._finished:
                    yield row


def parquet_schema() -> Any:
    """Make the `pyarrow.Schema` of the columns `FIELDS`."""
    import pyarrow as pa

    def kind(name: str) -> Any:
        if name in TEXTS:
            return pa.string()
        if name in TRUTHS:
            return pa.bool_()
        return pa.int64() if name in COUNTS or name[:2] in ("x_", "y_") else pa.float64()

    return pa.schema([(name, kind(name)) for name in FIELDS])


def _groups(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _json(row: Row) -> str:
    """Encode one line of JSON; names that are not UTF-8 are escaped."""
    text = json.dumps(row, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(row)


def utf8(file: str) -> str:
    """Escape bytes of a name that are not UTF-8 with a backslash."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def _not_ours(path: Path) -> OutputError:
    return OutputError(
        f"{path.name} exists and is not a table of this program; please name another file."
    )


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _lock(record: BinaryIO, path: Path) -> None:
    """Lock the table against other processes; the system unlocks it when this one ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise OutputError(f"{path.name} is being written by another process.") from error


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Convert an OSError into an OutputError with one sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise OutputError(
            f"The folder of the output {path} does not exist; please make it first."
        ) from error
    except PermissionError as error:
        raise OutputError(
            f"The output {path} may not be written here: {error.strerror}."
        ) from error
    except OSError as error:
        raise OutputError(f"The output {path} cannot be written: {error.strerror}.") from error
