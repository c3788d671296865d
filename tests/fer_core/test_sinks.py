"""Tables that grow file by file, and what is left of them after a kill."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from fer_core import OutputError
from fer_core.sinks import RECORD, open_table
from fer_core.table import FIELDS, empty_row, error_row
from tests.conftest import ROOT

SUFFIXES = ("csv", "jsonl", "parquet")
each_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a table, with None for what is missing."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def write(path: Path, *files: str) -> None:
    table = open_table(path)
    for file in files:
        table.write([empty_row(file, None)])
        table.commit()
    table.close()


def files_in(path: Path) -> list[str]:
    return [row["file"] for row in read(path)]


@each_suffix
def test_rows_come_back_with_all_columns_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    row = {**error_row("a.jpg", "No."), "time": 1.25, "face": 2, "uncertain": True, "happy": 0.5}
    table = open_table(path)
    table.write([row])
    table.commit()
    table.close()
    (found,) = read(path)
    assert tuple(found) == FIELDS
    if suffix == "csv":
        assert found == {k: None if v is None else str(v) for k, v in row.items()}
    else:
        assert found == row


@each_suffix
def test_nothing_else_is_left_beside_a_finished_table(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"table.{suffix}", "a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == [f"table.{suffix}"]


@each_suffix
def test_a_table_of_no_files_is_valid(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"table.{suffix}")
    assert read(tmp_path / f"table.{suffix}") == []


@each_suffix
def test_a_second_call_knows_what_is_there_and_appends(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    write(path, "a.jpg", "b.jpg")
    table = open_table(path)
    assert table.has("a.jpg")
    assert not table.has("c.jpg")
    assert [row["file"] for row in table.earlier_rows()] == ["a.jpg", "b.jpg"]
    table.close()
    write(path, "c.jpg")
    assert files_in(path) == ["a.jpg", "b.jpg", "c.jpg"]


@each_suffix
def test_what_failed_is_known_to_the_next_call(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    table = open_table(path)
    for row in (error_row("bad.jpg", "No."), empty_row("good.jpg", None)):
        table.write([row])
        table.commit()
    table.close()
    table = open_table(path)
    assert table.has_failed("bad.jpg")
    assert not table.has_failed("good.jpg")
    table.close()


@each_suffix
def test_rows_of_a_file_that_was_not_finished_are_dropped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    table = open_table(path)
    table.write([empty_row("a.jpg", None)])
    table.commit()
    table.write([empty_row("half.mp4", 0.0), empty_row("half.mp4", 0.2)])
    table.close()
    assert files_in(path) == ["a.jpg"]


KILLED = """
import os, sys
from pathlib import Path
from fer_core.sinks import open_table
from fer_core.table import empty_row

table = open_table(Path(sys.argv[1]))
for file in ("a.jpg", "b.jpg"):
    table.write([empty_row(file, None)])
    table.commit()
table.write([empty_row("half.mp4", 0.0)] * 5000)
os._exit(9)
"""


@each_suffix
def test_a_killed_call_leaves_what_the_next_one_goes_on_from(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    table = open_table(path)
    assert [table.has(file) for file in ("a.jpg", "b.jpg", "half.mp4")] == [True, True, False]
    table.write([empty_row("half.mp4", 0.0)])
    table.commit()
    table.close()
    assert files_in(path) == ["a.jpg", "b.jpg", "half.mp4"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_half_a_line_is_cut_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    write(path, "a.jpg")
    size = path.stat().st_size
    (tmp_path / (path.name + RECORD)).write_text(f"{size:020d}\n")
    with path.open("ab") as file:
        file.write(b'{"file": "b.jp')
    write(path, "b.jpg")
    assert files_in(path) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_call_that_was_killed_before_it_wrote_loses_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    write(path, "a.jpg")
    (tmp_path / (path.name + RECORD)).touch()
    write(path, "b.jpg")
    assert files_in(path) == ["a.jpg", "b.jpg"]


def test_parquet_that_was_finished_before_its_rows_were_removed_has_no_row_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.parquet"
    write(path, "a.jpg")
    (tmp_path / "table.parquet.rows.jsonl").write_text(json.dumps(empty_row("a.jpg", None)) + "\n")
    write(path, "b.jpg")
    assert files_in(path) == ["a.jpg", "b.jpg"]


@each_suffix
def test_names_are_kept_whatever_is_in_them(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    files = ["a,b.jpg", 'say "x".jpg', "two\nlines.jpg", "carriage\rreturn.jpg", "ümlaut 🙂.jpg"]
    write(path, *files)
    assert files_in(path) == files
    write(path, "next.jpg")
    table = open_table(path)
    assert all(table.has(file) for file in files)
    table.close()


@each_suffix
def test_names_that_are_no_utf_8_are_written(tmp_path: Path, suffix: str) -> None:
    path, name = tmp_path / f"table.{suffix}", os.fsdecode(b"\xff.jpg")
    write(path, name)
    assert files_in(path) == [r"\xff.jpg" if suffix == "parquet" else name]
    table = open_table(path)
    assert table.has(name)
    table.close()


@pytest.mark.parametrize(
    "name", ["=1+1.jpg", "+1.jpg", "-1.jpg", "@a.jpg", "\t=1.jpg", "\r=1.jpg", "a;=1.jpg", "a\t=1"]
)
def test_no_name_is_a_formula_in_csv(tmp_path: Path, name: str) -> None:
    path = tmp_path / "table.csv"
    write(path, name)
    (written,) = files_in(path)
    assert written.replace("'", "") == name
    assert "'=" in written or written.startswith("'")
    table = open_table(path)
    assert table.has(name)
    table.close()


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_elsewhere_names_stand_as_given(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    write(path, "=1+1.jpg")
    assert files_in(path) == ["=1+1.jpg"]


@each_suffix
def test_a_file_that_is_no_such_table_is_refused_and_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    path.write_text("name,mark\nme,1\n")
    with pytest.raises(OutputError, match=r"exists and is not a table of this program"):
        open_table(path)
    assert path.read_text() == "name,mark\nme,1\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["table.txt", "table", "table.xlsx"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"must end in \.csv, \.jsonl or \.parquet"):
        open_table(tmp_path / name)


@each_suffix
def test_a_missing_folder_is_told(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(OutputError, match=r"The folder of the output .* does not exist"):
        open_table(tmp_path / "missing" / f"table.{suffix}")


@each_suffix
def test_a_folder_that_is_no_folder_is_told(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        open_table(tmp_path / "file" / f"table.{suffix}")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_folder_that_may_not_be_written_is_told(suffix: str) -> None:
    with pytest.raises(OutputError, match=r"may not be written here|cannot be written"):
        open_table(Path("/sys") / f"table.{suffix}")


@each_suffix
def test_a_folder_of_that_name_is_told(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"table.{suffix}").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        open_table(tmp_path / f"table.{suffix}")


@each_suffix
def test_two_processes_do_not_write_one_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    table = open_table(path)
    with pytest.raises(OutputError, match="is being written by another process"):
        open_table(path)
    table.write([empty_row("a.jpg", None)])
    table.commit()
    table.close()
    assert files_in(path) == ["a.jpg"]


def test_a_table_that_was_shortened_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write(path, "a.jpg")
    (tmp_path / ("table.csv" + RECORD)).write_text("99999\n")
    with pytest.raises(OutputError, match="is shorter than"):
        open_table(path)


def test_parquet_without_pyarrow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OutputError, match="Parquet needs the package pyarrow; run pip install"):
        open_table(tmp_path / "table.parquet")


def test_parquet_has_types(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write(path, "a.jpg")
    types = {field.name: str(field.type) for field in parquet.read_schema(path)}
    assert types["file"] == types["error"] == "string"
    assert types["time"] == types["happy"] == "double"
    assert types["x_min"] == types["track"] == "int64"
    assert types["uncertain"] == types["reliable"] == "bool"
