"""What the paths of a command stand for."""

import io
import os
from pathlib import Path

import pytest

from fer_core.files import find_files

NOTHING = io.BytesIO()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of empty files, in which the tests then stand."""
    for name in (
        "b.jpg", "a.PNG", "clip.mp4", "notes.txt", ".hidden.jpg", "._a.jpg", "deep/c.heic",
        "deep/deeper/d.webm", ".cache/e.jpg", "[1].jpg",
    ):  # fmt: skip
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str, listed: bytes = b"", leave_out: Path | None = None) -> list[str]:
    return list(find_files(paths, io.BytesIO(listed), leave_out))


def test_a_folder_gives_its_images_and_videos_in_order_with_its_name_as_given(tree: Path) -> None:
    expected = ["[1].jpg", "a.PNG", "b.jpg", "clip.mp4", "deep/c.heic", "deep/deeper/d.webm"]
    assert names("in") == [f"in/{name}" for name in expected]
    assert names("./in") == [f"./in/{name}" for name in expected]
    assert names(str(tree / "in")) == [str(tree / "in" / name) for name in expected]


def test_a_file_is_taken_whatever_its_name(tree: Path) -> None:
    assert names("in/notes.txt", "missing.jpg") == ["in/notes.txt", "missing.jpg"]


def test_a_pattern_gives_what_matches_and_itself_where_nothing_does(tree: Path) -> None:
    assert names("in/*.jpg") == ["in/[1].jpg", "in/b.jpg"]
    assert names("in/**/*.webm") == ["in/deep/deeper/d.webm"]
    assert names("in/*.gif") == ["in/*.gif"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tree: Path) -> None:
    assert names("in/[1].jpg") == ["in/[1].jpg"]


def test_each_file_comes_once(tree: Path) -> None:
    assert names("in/b.jpg", "in/deep", "in/b.jpg", "in/*.jpg").count("in/b.jpg") == 1


def test_lines_of_standard_input_are_files_and_folders_but_no_patterns(tree: Path) -> None:
    listed = b"in/b.jpg\r\nin/deep\n\nin/*.jpg\n"
    expected = ["in/b.jpg", "in/deep/c.heic", "in/deep/deeper/d.webm", "in/*.jpg"]
    assert names("-", listed=listed) == expected


def test_a_list_with_null_characters_is_split_there(tree: Path) -> None:
    assert names("-", listed=b"in/b.jpg\0two\nlines.jpg\0") == ["in/b.jpg", "two\nlines.jpg"]


def test_names_that_are_no_utf_8_are_kept(tree: Path) -> None:
    name = os.fsdecode(b"in/\xff.jpg")
    Path(name).touch()
    assert name in names("in")
    assert names("-", listed=b"in/\xff.jpg") == [name]


def test_a_folder_without_files_stands_for_itself(tree: Path) -> None:
    (tree / "empty").mkdir()
    assert names("empty") == ["empty"]


def test_the_folder_of_marked_copies_is_left_out(tree: Path) -> None:
    assert names("in/deep", leave_out=Path("in/deep")) == names("in/deep")
    assert names("in", leave_out=Path("in/deep")) == names("in/[1].jpg", "in/a.PNG", "in/b.jpg",
                                                           "in/clip.mp4")  # fmt: skip
