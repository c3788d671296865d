"""The command line, as a process of its own and, where that is enough, as a function."""

import csv
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from fer_core import __version__, load_image
from fer_core.__main__ import FAILED, INTERRUPTED, SOME_FAILED, main
from fer_core.batch import EMPTY_FOLDER
from fer_core.images import NO_FILE, UNREADABLE
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, ROOT
from tests.fer_core.test_sinks import read

HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
LAKE = EXAMPLES / "lake_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
COMMAND = [sys.executable, "-m", "fer_core"]


@pytest.fixture(autouse=True)
def _signals() -> Any:
    """The command's own signal handling ends with the test."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"cwd": ROOT, "capture_output": True, "text": True, **options}
    return subprocess.run([*COMMAND, *map(str, arguments)], check=False, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few pictures, in folders."""
    pictures = tmp_path / "pictures"
    (pictures / "deep").mkdir(parents=True)
    shutil.copy(HAPPY, pictures / "happy.jpg")
    shutil.copy(LAKE, pictures / "deep" / "happy.jpg")
    shutil.copy(GROUP, pictures / "deep" / "group.jpg")
    return pictures


def many(folder: Path, count: int) -> Path:
    """A folder of so many small pictures."""
    folder.mkdir()
    with Image.open(HAPPY) as opened:
        small = opened.resize((160, 160))
    for number in range(count):
        small.save(folder / f"{number:04}.jpg")
    return folder


def test_help_tells_columns_and_exit_codes_and_loads_no_network() -> None:
    code = (
        "import sys; sys.argv = ['x', '--help']\n"
        "try:\n    from fer_core.__main__ import main; main()\n"
        "except SystemExit:\n    print(sorted({'av', 'ai_edge_litert', 'pyarrow', 'ray'} & "
        "set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "exit code" in said
    assert "surprise, neutral, contempt, reliable, error" in said
    assert said.strip().endswith("[]")


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"face-emotion-reader {__version__}\n"


def test_a_folder_becomes_a_table_with_a_row_for_each_face(folder: Path, tmp_path: Path) -> None:
    finished = run(folder, "--out", tmp_path / "out.csv")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    rows = read(tmp_path / "out.csv")
    assert [(Path(row["file"]).name, row["face"]) for row in rows] == [
        ("happy.jpg", "1"), ("group.jpg", "1"), ("group.jpg", "2"), ("group.jpg", "3"),
        ("happy.jpg", None),
    ]  # fmt: skip
    assert rows[0]["label"] == "happy"
    assert float(rows[0]["confidence"]) > 0.9
    assert all(row["error"] is None for row in rows)


def test_names_stand_as_given(folder: Path, tmp_path: Path) -> None:
    finished = run("pictures/deep", "./pictures/happy.jpg", "--out", "out.jsonl", cwd=tmp_path,
                   env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    names = {row["file"] for row in read(tmp_path / "out.jsonl")}
    assert names == {
        "pictures/deep/group.jpg", "pictures/deep/happy.jpg", "./pictures/happy.jpg",
    }  # fmt: skip


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_cannot_be_read_is_a_row_and_all_else_is_read(tmp_path: Path, workers: str) -> None:
    (tmp_path / "empty").mkdir()
    bad: dict[str, bytes] = {
        "zero.jpg": b"",
        "text.png": b"not a picture",
        "half.jpg": HAPPY.read_bytes()[:5000],
        "zero.mp4": b"",
        "picture.mp4": HAPPY.read_bytes(),
        "text.mov": b"not a video",
        "long.gif": b"GIF89a\x10\x00\x10\x00\x00\x00\x00!\xf9\x04\x00\xff\xff\x00\x00",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as output:
        stream: Any = output.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        frame.rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    paths = [*(tmp_path / name for name in bad), sound, tmp_path / "missing.jpg",
             tmp_path / "empty", tmp_path / "*.tif", HAPPY]  # fmt: skip
    out = tmp_path / "out.jsonl"
    finished = run(*paths, "--out", out, "--workers", workers)
    assert finished.returncode == SOME_FAILED
    assert "11 of 12 files could not be read" in finished.stderr
    assert "Traceback" not in finished.stderr
    rows = {Path(row["file"]).name: row for row in read(out)}
    assert len(rows) == len(paths)
    assert rows[HAPPY.name]["label"] == "happy"
    errors = {name: row["error"] for name, row in rows.items() if name != HAPPY.name}
    assert all(error.endswith(".") and error.count(". ") == 0 for error in errors.values())
    assert errors["missing.jpg"] == errors["*.tif"] == NO_FILE
    assert errors["empty"] == EMPTY_FOLDER
    assert errors["zero.jpg"] == errors["text.png"] == UNREADABLE
    assert all("video" in errors[name] or "moving" in errors[name] for name in
               ("zero.mp4", "picture.mp4", "text.mov", "sound.mp4"))  # fmt: skip


def test_a_list_is_read_from_standard_input(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    finished = run("-", "--out", out, input=f"{HAPPY}\n{LAKE}\n")
    assert finished.returncode == 0
    assert [row["file"] for row in read(out)] == [str(HAPPY), str(LAKE)]


@pytest.mark.parametrize(
    ("suffix", "workers"),
    [
        ("csv", "2"),
        ("jsonl", "1"),
        pytest.param("parquet", "2", marks=pytest.mark.slow),
    ],
)
def test_every_format_and_number_of_workers_gives_the_same_rows(
    folder: Path, tmp_path: Path, suffix: str, workers: str
) -> None:
    write_clip(folder / "clip.mp4", [scene(Part("happy_f_asian_01"))] * 20)
    expected, out = tmp_path / "expected.jsonl", tmp_path / f"out.{suffix}"
    assert main([str(folder), "--out", str(expected)]) == 0
    assert main([str(folder), "--out", str(out), "--workers", workers]) == 0

    def sorted_rows(path: Path) -> list[tuple[str, ...]]:
        return sorted(
            tuple("" if value is None else str(value) for value in row.values())
            for row in read(path)
        )

    assert sorted_rows(out) == sorted_rows(expected)


def test_a_second_call_reads_only_what_is_new(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run(folder, "--out", out).returncode == 0
    before = out.read_bytes()
    shutil.copy(HAPPY, folder / "new.jpg")
    finished = run(folder, "--out", out)
    assert finished.returncode == 0
    assert "3 files were in" in finished.stderr
    assert out.read_bytes().startswith(before)
    assert [Path(row["file"]).name for row in read(out)][len(before.splitlines()) - 1 :] == [
        "new.jpg"
    ]


def test_what_failed_before_is_still_told_by_the_exit_code(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    for _ in range(2):
        assert run("missing.jpg", "--out", out).returncode == SOME_FAILED
    assert len(read(out)) == 1


def wait_for(condition: Any, process: subprocess.Popen[Any]) -> None:
    """Until a running command has come so far."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize(
    ("suffix", "workers"),
    [
        ("csv", "1"),
        pytest.param("csv", "2", marks=pytest.mark.slow),
        pytest.param("parquet", "1", marks=pytest.mark.slow),
    ],
)
def test_a_killed_call_is_gone_on_with_and_no_row_is_lost_or_twice(
    tmp_path: Path, suffix: str, workers: str
) -> None:
    pictures, out = many(tmp_path / "many", 40), tmp_path / f"out.{suffix}"
    growing = tmp_path / "out.parquet.rows.jsonl" if suffix == "parquet" else out
    arguments = [*COMMAND, str(pictures), "--out", str(out), "--workers", workers]
    for least in (8, 20):
        with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda least=least: lines(growing) > least, process)
            process.kill()
    finished = run(pictures, "--out", out, "--workers", workers)
    assert finished.returncode == 0, finished.stderr
    assert "files were in" in finished.stderr
    assert sorted(Path(row["file"]).name for row in read(out)) == [f"{n:04}.jpg" for n in range(40)]
    assert {path.name for path in tmp_path.iterdir()} == {"many", out.name}


@pytest.mark.slow
def test_a_call_that_is_killed_in_a_video_reads_it_again_from_its_beginning(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [scene(Part("happy_f_asian_01"))] * 90)
    out, expected = tmp_path / "out.csv", tmp_path / "expected.csv"
    arguments = [*COMMAND, str(HAPPY), str(clip), "--every", "0", "--out", str(out)]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        # What is buffered of the video is written in large pieces.
        wait_for(lambda: lines(out) > 20, process)
        process.kill()
    assert main(arguments[3:]) == 0
    assert main([*arguments[3:-1], str(expected)]) == 0
    assert out.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "workers", "sent"),
    [
        ("csv", "1", signal.SIGINT),
        ("csv", "2", signal.SIGTERM),
        pytest.param("csv", "2", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("parquet", "2", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_call_leaves_a_valid_table(
    tmp_path: Path, suffix: str, workers: str, sent: signal.Signals
) -> None:
    pictures, out = many(tmp_path / "many", 40), tmp_path / f"out.{suffix}"
    growing = tmp_path / "out.parquet.rows.jsonl" if suffix == "parquet" else out
    arguments = [*COMMAND, str(pictures), "--out", str(out), "--workers", workers]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: lines(growing) > 8, process)
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert said == "Interrupted; the same command resumes from here.\n"
    assert 8 <= len(read(out)) <= 40
    assert {path.name for path in tmp_path.iterdir()} == {"many", out.name}


def test_a_worker_that_is_killed_costs_no_row(tmp_path: Path) -> None:
    pictures, out = many(tmp_path / "many", 40), tmp_path / "out.csv"
    arguments = [*COMMAND, str(pictures), "--out", str(out), "--workers", "2"]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: lines(out) > 8, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        # The last ones started are the workers; multiprocessing has a process of its own, too.
        os.kill(int(children[-1]), signal.SIGKILL)
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert sorted(Path(row["file"]).name for row in read(out)) == [f"{n:04}.jpg" for n in range(40)]


@pytest.mark.parametrize("suffix", ["csv", pytest.param("parquet", marks=pytest.mark.slow)])
def test_a_full_disk_is_told_in_a_sentence_and_gone_on_from(tmp_path: Path, suffix: str) -> None:
    pictures, out = many(tmp_path / "many", 30), tmp_path / f"out.{suffix}"

    def allow_little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    finished = run(pictures, "--out", out, preexec_fn=allow_little)
    assert finished.returncode == FAILED
    assert re.fullmatch(r"error: The output .* cannot be written: File too large\.\n",
                        finished.stderr)  # fmt: skip
    if suffix != "parquet":
        assert 0 < len(read(out)) < 30
    assert run(pictures, "--out", out).returncode == 0
    assert sorted(Path(row["file"]).name for row in read(out)) == [f"{n:04}.jpg" for n in range(30)]


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("missing/out.csv", "does not exist; please make it first"),
        ("/sys/out.csv", "may not be written here"),
        ("out.txt", "must end in .csv, .jsonl or .parquet"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_in_one_sentence(
    tmp_path: Path, out: str, sentence: str
) -> None:
    finished = run(HAPPY, "--out", tmp_path / out)
    assert finished.returncode == FAILED
    assert finished.stderr.startswith("error: ")
    assert sentence in finished.stderr
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "0"], ["--workers", "x"], ["--every", "-1"], ["--every", "nan"],
        ["--every", "x"],
    ],
)  # fmt: skip
def test_wrong_numbers_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(HAPPY), "--out", str(tmp_path / "out.csv"), *arguments])
    assert caught.value.code == FAILED
    assert "must be a number of" in capsys.readouterr().err


def test_marked_copies_mirror_where_the_files_lie(folder: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked"
    Image.open(HAPPY).save(folder / "happy.bmp")
    assert run(folder, "--out", tmp_path / "out.csv", "--annotate", marked).returncode == 0
    copies = {str(path.relative_to(marked)) for path in marked.rglob("*") if path.is_file()}
    assert copies == {"happy.jpg", "happy.bmp.jpg", "deep/happy.jpg", "deep/group.jpg"}
    difference = np.abs(load_image(marked / "happy.jpg").astype(int) - load_image(HAPPY))
    assert (difference.max(axis=2) > 100).sum() > 500
    assert np.abs(load_image(marked / "deep/happy.jpg").astype(int) - load_image(LAKE)).mean() < 3


def test_copies_of_files_with_the_same_name_do_not_replace_each_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(HAPPY, tmp_path / "in" / "a.bmp.jpg")
    Image.open(LAKE).save(tmp_path / "in" / "a.bmp")
    arguments = [tmp_path / "in", "--out", tmp_path / "out.csv", "--annotate", tmp_path / "marked"]
    assert run(*arguments).returncode == 0
    assert {path.name for path in (tmp_path / "marked").iterdir()} == {
        "a.bmp.jpg", "a.bmp.jpg.jpg",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["pictures", "pictures/../pictures", "pictures/deep/.."])
def test_originals_are_never_replaced(folder: Path, tmp_path: Path, name: str) -> None:
    before = (folder / "happy.jpg").read_bytes()
    finished = run(folder, "--out", tmp_path / "out.csv", "--annotate", tmp_path / name)
    assert finished.returncode == FAILED
    assert "The marked copies would replace" in finished.stderr
    assert (folder / "happy.jpg").read_bytes() == before


def test_an_original_below_the_folder_of_copies_is_not_replaced(
    folder: Path, tmp_path: Path
) -> None:
    before = (folder / "deep" / "happy.jpg").read_bytes()
    arguments = [folder / "happy.jpg", folder / "deep" / "happy.jpg", "--annotate", folder / "deep"]
    finished = run(*arguments, "--out", tmp_path / "out.csv")
    assert finished.returncode == FAILED
    assert "The marked copies would replace" in finished.stderr
    assert (folder / "deep" / "happy.jpg").read_bytes() == before


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_marked_video_shows_the_frames_that_were_read_at_their_times(
    folder: Path, tmp_path: Path, workers: str
) -> None:
    write_clip(folder / "deep" / "clip.webm", [scene(Part("happy_f_asian_01"))] * 31,
               codec="libvpx-vp9")  # fmt: skip
    marked = tmp_path / "marked"
    finished = run(folder, "--out", tmp_path / "out.csv", "--annotate", marked, "--every", "0.5",
                   "--workers", workers)  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert {path.name for path in marked.rglob("*.mp4")} == {"clip.webm.mp4"}
    with av.open(str(marked / "deep" / "clip.webm.mp4")) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in
                  container.decode(video=0)]  # fmt: skip
    assert [time for time, _ in frames] == pytest.approx([0.0, 0.5, 1.0], abs=0.01)
    plain = scene(Part("happy_f_asian_01")).astype(int)
    assert all((np.abs(image - plain).max(axis=2) > 60).sum() > 500 for _, image in frames)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_copies_that_cannot_be_written_are_told_in_a_sentence(tmp_path: Path, workers: str) -> None:
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / HAPPY.name).mkdir()
    finished = run(HAPPY, LAKE, "--out", tmp_path / "out.csv", "--annotate", tmp_path / "marked",
                   "--workers", workers)  # fmt: skip
    assert finished.returncode == FAILED
    assert re.fullmatch(r"error: The marked copy .* cannot be written: Is a directory\.\n",
                        finished.stderr)  # fmt: skip


def test_summary_counts_this_call_and_the_earlier_ones(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out.parquet")
    assert main([str(folder / "happy.jpg"), "--out", out]) == 0
    assert main([str(folder), "--out", out, "--summary"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^happy +1 +33\.3%$", said, re.MULTILINE)
    assert re.search(r"^no face +1 +33\.3%$", said, re.MULTILINE)


def test_progress_is_shown_on_a_terminal_and_nowhere_else(folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    finished = run(many(tmp_path / "many", 20), "--out", tmp_path / "out.csv", capture_output=False,
                   stdout=subprocess.DEVNULL, stderr=theirs)  # fmt: skip
    os.close(theirs)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    assert finished.returncode == 0
    assert re.search(r"\r\d+ of 20 files, [\d.]+ a second, 0:\d\d:\d\d left", said)
    assert said.endswith("\x1b[K")


def test_a_model_that_is_missing_is_told_in_a_sentence(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import fer_core.recognizer as r\n"
        "r.MODELS_DIR = Path(sys.argv[1])\n"
        "from fer_core.__main__ import main\n"
        "sys.exit(main([sys.argv[2], '--out', sys.argv[1] + '/out.csv']))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(HAPPY)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == FAILED
    assert finished.stderr.startswith("error: There is no model.json")
    assert json.dumps(finished.stderr).count("Traceback") == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == []
