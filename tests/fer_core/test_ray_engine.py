"""The command line with Ray Data, on two actors of this machine."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pyarrow import parquet

from fer_core.__main__ import FAILED, SOME_FAILED, main
from fer_core.table import FIELDS
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, ROOT
from tests.fer_core.test_main import COMMAND, HAPPY, many, run, wait_for
from tests.fer_core.test_sinks import read

RAY = ["--engine", "ray", "--workers", "2"]


def rows(path: Path) -> list[tuple[str, ...]]:
    """The rows of a table, in an order that does not depend on who read them."""
    return sorted(tuple(map(str, row.values())) for row in read(path))


def actors(process: subprocess.Popen[Any]) -> list[int]:
    """Process numbers of the actors that a command has started and that have loaded."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True,
                            check=True)  # fmt: skip
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()[1:]]
    parents = {int(pid): int(parent) for pid, parent, _ in lines}

    def is_ours(pid: int) -> bool:
        while pid not in (0, 1, process.pid):
            pid = parents.get(pid, 0)
        return pid == process.pid

    return [int(pid) for pid, _, name in lines if "MapWorker" in name and is_ours(int(pid))]


@pytest.mark.slow
def test_the_rows_are_those_of_the_local_engine(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(EXAMPLES, folder / "deep")
    write_clip(folder / "clip.mp4", [scene(Part("happy_f_asian_01"))] * 20)
    shutil.copy(HAPPY, folder / "ümlaut, comma.jpg")
    (folder / "zero.jpg").touch()
    (folder / "text.png").write_text("no picture")
    (folder / "zero.mp4").touch()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(HAPPY, other)
    expected, out = tmp_path / "expected.parquet", tmp_path / "out.parquet"
    paths = [os.path.relpath(folder, ROOT), "missing.jpg"]
    finished = run(*paths, f"file://{other}", "--out", out, *RAY, "--summary")
    assert finished.returncode == SOME_FAILED, finished.stderr
    assert run(*paths, other, "--out", expected).returncode == SOME_FAILED
    found = [row for row in rows(out) if not row[0].startswith("file://")]
    assert found == [row for row in rows(expected) if not row[0].startswith(str(other))]
    (address,) = (row for row in read(out) if row["file"].startswith("file://"))
    assert address["file"] == f"file://{other / HAPPY.name}"
    assert address["label"] == "happy"
    assert parquet.read_schema(next(out.glob("*.parquet"))).names == list(FIELDS)
    assert re.search(r"^no face +1 ", finished.stdout, re.MULTILINE)
    # Once more, after a call that was killed: what is whole is kept, what is new is read.
    whole = next(out.glob("*.parquet"))
    (out / "half.parquet").write_bytes(whole.read_bytes()[:500])  # as a killed writer leaves it
    with Image.open(HAPPY) as picture:
        picture.save(folder / "new.png")
    again = run(*paths, f"file://{other}", "--out", out, *RAY)
    assert again.returncode == SOME_FAILED
    assert "files were in" in again.stderr
    expected_names = sorted([*(row[0] for row in found), f"{paths[0]}/new.png"])
    names = [row[0] for row in rows(out) if not row[0].startswith("file://")]
    assert names == expected_names


@pytest.mark.slow
def test_an_actor_that_is_killed_costs_no_row(tmp_path: Path) -> None:
    pictures, out = many(tmp_path / "many", 400), tmp_path / "out.parquet"
    arguments = [*COMMAND, str(pictures), "--out", str(out), *RAY]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: len(actors(process)) == 2, process)
        time.sleep(2)  # so that it is killed at work, and not while it loads
        os.kill(actors(process)[0], signal.SIGKILL)
        assert process.wait(timeout=300) == 0
    assert sorted(Path(row["file"]).name for row in read(out)) == [
        f"{n:04}.jpg" for n in range(400)
    ]


def test_what_the_engine_cannot_do_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "out.parquet")
    assert main([str(HAPPY), "--out", str(tmp_path / "out.csv"), *RAY]) == FAILED
    assert "the output is a folder of Parquet files" in capsys.readouterr().err
    assert main([str(HAPPY), "--out", out, *RAY, "--annotate", str(tmp_path)]) == FAILED
    assert "writes no marked copies" in capsys.readouterr().err
    assert main(["s3://bucket/folder", "--out", out]) == FAILED
    assert "s3://bucket/folder is no path on this machine" in capsys.readouterr().err
    assert main([str(HAPPY), "--out", str(tmp_path / "no" / "out.parquet"), *RAY]) == FAILED
    assert "does not exist; please make it first" in capsys.readouterr().err
    (tmp_path / "file.parquet").touch()
    assert main([str(HAPPY), "--out", str(tmp_path / "file.parquet"), *RAY]) == FAILED
    assert "is a file; please name another folder" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([str(HAPPY), "--out", out, *RAY]) == FAILED
    assert "The engine ray needs Ray; run pip install" in capsys.readouterr().err
