"""What README.md shows of the package is run as it is written."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, ROOT

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Use it as a package\n")[1]
PYTHON = re.findall(r"```python\n(.*?)```", SECTION.split("\n## ")[0], re.DOTALL)


@pytest.fixture(autouse=True)
def _beside_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)


def test_pictures_are_read_and_marked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    exec(PYTHON[0], {})  # noqa: S102 - our own README
    assert capsys.readouterr().out.startswith("happy ")
    assert (tmp_path / "marked.jpg").stat().st_size > 10_000


def test_own_boxes_are_matched_to_their_faces(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PYTHON[1], {})  # noqa: S102 - our own README
    label, score = capsys.readouterr().out.split()
    assert label == "sad"
    assert float(score) > 0.97


def commands() -> list[str]:
    """Those of the section about the command line."""
    block = re.search(r"```sh\n(.*?)```", SECTION.split("### Command line")[1], re.DOTALL)
    assert block is not None
    return [line.split("#")[0].strip() for line in block[1].splitlines()]


def run(command: str, folder: Path) -> str:
    """In a shell that finds the command as it is installed, beside photos and a clip."""
    shutil.copytree(EXAMPLES, folder / "photos")
    write_clip(
        folder / "clip.mp4", [scene(Part("happy_f_asian_01"))] * 5, [0.3 * n for n in range(5)]
    )
    (folder / "bin").mkdir()
    installed = folder / "bin" / "face-emotion-reader"
    installed.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m fer_core "$@"\n')
    installed.chmod(0o755)
    path = f"{installed.parent}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_folder_becomes_a_table(tmp_path: Path) -> None:
    run(commands()[0], tmp_path)
    with (tmp_path / "answers.csv").open(encoding="utf-8") as table:
        files = {Path(row["file"]).name for row in csv.DictReader(table)}
    assert files == {path.name for path in EXAMPLES.glob("*.jpg")}


def test_a_video_becomes_a_table_and_a_marked_copy(tmp_path: Path) -> None:
    run(commands()[1], tmp_path)
    with (tmp_path / "answers.csv").open(encoding="utf-8") as table:
        assert [row["label"] for row in csv.DictReader(table)] == ["happy"] * 3
    assert (tmp_path / "marked" / "clip.mp4").stat().st_size > 1000


def test_a_list_becomes_a_table_in_parquet(tmp_path: Path) -> None:
    run(commands()[2], tmp_path)
    files = pyarrow.parquet.read_table(tmp_path / "answers.parquet")["file"].to_pylist()
    assert {Path(name).name for name in files} == {path.name for path in EXAMPLES.glob("*.jpg")}


def test_the_columns_that_are_told_are_those_of_the_table() -> None:
    told = SECTION.split("### Command line")[1].split("### ")[0]
    assert {"track", "uncertain", "contempt", "reliable", "error"} <= set(
        re.findall(r"`(\w+)`", told)
    )
