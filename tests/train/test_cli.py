"""What all commands share: places for results, errors as a sentence."""

import os
from pathlib import Path

import pytest

from fer_core.errors import ModelLoadError
from train.cli import check_file, check_folder, explained
from train.errors import DataError, RunError


def test_places_that_can_be_made_are_not_made(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    check_file(tmp_path / "a" / "b.json")
    check_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file is a file; name a folder\.$"):
        check_folder(tmp_path / "file")
    with pytest.raises(RunError, match=r"x cannot be written to: .*file is a file\.$"):
        check_folder(tmp_path / "file" / "x")
    with pytest.raises(RunError, match=r"x.json cannot be written to: .*file is a file\.$"):
        check_file(tmp_path / "file" / "x.json")
    with pytest.raises(RunError, match=r" is a folder; name a file\.$"):
        check_file(tmp_path)


def test_a_read_only_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may write all
    with pytest.raises(RunError, match=r"new cannot be written to: .* is read-only"):
        check_folder(tmp_path / "new")


@pytest.mark.parametrize("error", [DataError("no data."), ModelLoadError("no model.")])
def test_errors_of_the_project_end_a_command_with_their_sentence(error: Exception) -> None:
    with pytest.raises(SystemExit, match=r"^error: no (data|model)\.$"), explained():
        raise error


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    said = r"^error: .*missing.json cannot be read or written \(No such file or directory\)\.$"
    with pytest.raises(SystemExit, match=said), explained():
        (tmp_path / "missing.json").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(SystemExit, match=r"\(No space left on device\)\.$"), explained():
        Path("/dev/full").write_text("figures")


def test_errors_of_the_program_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        1 / 0  # noqa: B018
