"""How long a picture takes, part by part, how soon the app is ready, and what memory it needs.

    python -m benchmarks.recognition
    python -m benchmarks.recognition --fer-python PEER/bin/python --out speed.md

Prints Markdown tables; run it on an idle machine. `--fer-python` names the Python of another
environment with the `fer` package (how to make one: train/evaluation/peer_fer.py), and sets its
time for the same pictures beside ours.
"""

import argparse
import http.client
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np

from fer_core import EmotionRecognizer, load_image
from fer_core.alignment import align_face
from fer_core.inference import Network
from fer_core.landmarks import INPUT_SIZE
from fer_core.preprocessing import Float32Array, preprocess, to_grey
from tests.clients import Client, UnexpectedError
from tests.pictures import encode, scene, several
from tests.serving import ROOT, START_LIMIT, memory_mb, started

SIZES = ((640, 480), (1920, 1080), (4000, 3000))
FACES = (0, 1, 10)
ONE = "640x480, 1 face"
COMPARED = (ONE, "640x480, 10 faces", "1920x1080, 1 face", "4000x3000, 1 face")
STARTS = 3  # of a process, of which the median counts
REREAD = 3  # times that each picture is read before the memory is
PEER_MINUTES = 10
Times = list[float]
Report = Callable[[str], None]

# A fresh process, given the paths of pictures: says when it was how far, and its memory then. The
# clock is that of the machine, so the parent's start can be taken from it.
COLD = """
import json, sys, time
from fer_core import EmotionRecognizer
imported = time.monotonic()
recognizer = EmotionRecognizer.load()
loaded = time.monotonic()
paths, rereads = sys.argv[2:], int(sys.argv[1])
recognizer.recognize(paths[0])
answered = time.monotonic()
def most():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
first = most()
for path in paths[1:] * rereads:
    recognizer.recognize(path)
print(json.dumps([imported, loaded, answered, first, most()]))
"""

# For the other environment, from a picture's bytes to its answer as ours is measured.
PEER = """
import json, sys, time
import cv2, fer, numpy as np
from fer.fer import FER
reader = FER()
answers = []
for path in sys.argv[2:]:
    content = np.fromfile(path, np.uint8)
    times = []
    for _ in range(1 + int(sys.argv[1])):
        start = time.perf_counter()
        found = reader.detect_emotions(cv2.imdecode(content, cv2.IMREAD_COLOR))
        times.append(time.perf_counter() - start)
    answers.append([times[1:], len(found)])
print(json.dumps([fer.__version__, answers]))
"""


def main() -> None:
    """Measure, print."""
    options = parse()
    lines: list[str] = []

    def say(text: str) -> None:
        print(text, flush=True)
        lines.append(text)

    with tempfile.TemporaryDirectory() as name:
        paths = make_pictures(Path(name))
        say(machine())
        say_cold([paths[ONE], *paths.values()], say)
        recognizer = EmotionRecognizer.load()
        say(f"\nModel {recognizer.model.info.name} {recognizer.model.info.version}.")
        whole = say_warm(recognizer, paths, options.repeats, say)
        say_floor(recognizer, paths[ONE].read_bytes(), options.repeats, say)
        if options.fer_python is not None:
            content = paths[ONE].read_bytes()
            quick = {"": partial(recognizer.recognize, content, small_faces=False)}
            whole[f"{ONE}, small ones left out"] = seconds_of(quick, options.repeats)[""]
            say_peer(options.fer_python, paths, whole, options.repeats, say)
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fer-python", type=Path, metavar="PYTHON")
    parser.add_argument("--repeats", type=int, default=30, help="of each part")
    parser.add_argument("--out", type=Path, metavar="FILE.md")
    return parser.parse_args()


def machine() -> str:
    """What the figures hold for."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return (
        f"{len(os.sched_getaffinity(0))} cores ({names[0] if names else platform.machine()}), "
        f"Python {platform.python_version()}. Times are medians / 95th percentiles."
    )


def make_pictures(folder: Path) -> dict[str, Path]:
    """JPEGs of every size with every number of faces, by what they are."""
    paths = {}
    for width, height in SIZES:
        for faces in FACES:
            name = f"{width}x{height}, {faces} face{'' if faces == 1 else 's'}"
            paths[name] = folder / f"{width}x{height}_{faces}.jpg"
            paths[name].write_bytes(encode(scene(width, height, several(faces))))
    return paths


def say_cold(paths: Sequence[Path], say: Report) -> None:
    """From nothing to the first answer: the package in a program, and the app."""
    starts = []
    for number in range(STARTS):
        last = number == STARTS - 1  # which reads all, for the memory
        chosen = [str(path) for path in (paths if last else paths[:1])]
        start = time.monotonic()
        imported, loaded, answered, first, most = json.loads(
            run_code(sys.executable, COLD, REREAD, chosen, cwd=ROOT)
        )
        starts.append((imported - start, loaded - start, answered - start, first))
    imported, loaded, answered, first = (median(column) for column in zip(*starts, strict=True))
    apps = [cold_app(paths) for _ in range(STARTS)]
    served, resident = (median(column) for column in zip(*apps, strict=True))
    say(
        f"""
| cold start, to the first result ({ONE}) | seconds | memory |
|---|---:|---:|
| package imported | {imported:.2f} | |
| networks loaded | {loaded:.2f} | |
| first image read | {answered:.2f} | {first:.0f} MB at most |
| each of the images below read {REREAD} times | | {most:.0f} MB at most |
| app, first image over HTTP | {served:.2f} | |
| app, each of the images below | | {resident:.0f} MB resident |"""
    )


def cold_app(paths: Sequence[Path]) -> tuple[float, float]:
    """Seconds from the app's start to its first answer; its memory after an answer to each."""
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder)) as server,
        Client(server.address) as client,
    ):
        content = paths[0].read_bytes()
        while True:
            try:
                client.predict(paths[0].name, content)
                break
            except (OSError, http.client.HTTPException, UnexpectedError):
                client.close()
                late = time.monotonic() - start > START_LIMIT
                if late or server.process.poll() is not None:
                    raise
                time.sleep(0.02)
        seconds = time.monotonic() - start
        for path in paths:
            client.predict(path.name, path.read_bytes())
        return seconds, server.resident_mb


def say_warm(
    recognizer: EmotionRecognizer, paths: Mapping[str, Path], repeats: int, say: Report
) -> dict[str, Times]:
    """Print the time of each step; return the seconds of all steps, by image."""
    whole, rows = {}, []
    contents = {name: path.read_bytes() for name, path in paths.items()}
    mixed: dict[str, Callable[[], object]] = {
        name: lambda content=content: recognizer.recognize(content)  # type: ignore[misc]
        for name, content in contents.items()
    }
    in_turns = seconds_of(mixed, max(3, repeats // 5))
    for name, content in contents.items():
        parts = seconds_of(parts_of(recognizer, name, content), repeats)
        whole[name] = parts["total"]
        rows.append(f"| {name} | {' | '.join(map(milliseconds, parts.values()))} |")
    say(f"\n| milliseconds | {' | '.join(parts)} |\n|---|{'---:|' * len(parts)}")
    say("\n".join(rows))
    say("\n| milliseconds | total, images alternating |\n|---|---:|")
    say("\n".join(f"| {name} | {milliseconds(times)} |" for name, times in in_turns.items()))
    most = memory_mb("VmHWM")
    say(f"\nThe process that measured took at most {most:.0f} MB, generated images included.")
    return whole


def parts_of(
    recognizer: EmotionRecognizer, name: str, content: bytes
) -> dict[str, Callable[[], object]]:
    """Make the steps of recognition, each on the output of the steps before it."""
    detector, model = recognizer.detector, recognizer.model
    picture = load_image(content)
    faces = detector.detect(picture)
    if len(faces) != int(name.split()[1]):
        raise SystemExit(f"error: {name} was made, and {len(faces)} are found there")

    def prepare() -> Float32Array:
        spec = model.info.preprocessing
        crops = np.zeros((len(faces), spec.crop_size, spec.crop_size, 3), np.uint8)
        for index, face in enumerate(faces):
            crops[index], _ = align_face(picture, face, spec)
        return preprocess(to_grey(crops), spec)

    inputs = prepare()
    return {
        "decode": lambda: load_image(content),
        "detect": lambda: detector.detect(picture),
        "align, preprocess": prepare,
        "network": lambda: model.answer(inputs),
        "total": lambda: recognizer.recognize(content),
    }


def say_floor(recognizer: EmotionRecognizer, content: bytes, repeats: int, say: Report) -> None:
    """Print the time of the networks alone beside the total."""
    levels, meshes = passes_of(recognizer, content)
    shape = (1, *recognizer.model.info.preprocessing.input_shape)
    face = np.zeros(shape, np.float32)
    timed = seconds_of(
        {
            "decode": lambda: load_image(content),
            **{f"level {number}": made for number, made in enumerate(levels)},
            "mesh": meshes[0],
            "emotion": lambda: recognizer.model.logits(face),
            "whole": lambda: recognizer.recognize(content),
        },
        repeats,
    )
    ms = {name: 1000 * median(times) for name, times in timed.items()}
    finder = sum(ms[f"level {number}"] for number in range(len(levels)))
    floor = ms["decode"] + finder + 2 * ms["mesh"] + ms["emotion"]
    say(
        f"""
| lower bound, {ONE} | milliseconds |
|---|---:|
| decode | {ms["decode"]:.1f} |
| BlazeFace, {len(levels)} passes | {finder:.1f} |
| face mesh, 2 of its {len(meshes)} passes | {2 * ms["mesh"]:.1f} |
| emotion network, flip-averaged | {ms["emotion"]:.1f} |
| sum | {floor:.1f} |
| total, measured | {ms["whole"]:.1f}, {ms["whole"] / floor:.2f} times the sum |"""
    )


def passes_of(
    recognizer: EmotionRecognizer, content: bytes
) -> tuple[list[Callable[[], object]], list[Callable[[], object]]]:
    """Record the passes of BlazeFace and of the face mesh for an image, to repeat them."""
    levels: list[Callable[[], object]] = []
    meshes: list[Callable[[], object]] = []
    run = Network.run

    def record(network: Network, inputs: Float32Array) -> Any:
        made = meshes if inputs.shape[1:3] == (INPUT_SIZE, INPUT_SIZE) else levels
        made.append(partial(run, network, inputs.copy()))
        return run(network, inputs)

    picture = load_image(content)
    with mock.patch.object(Network, "run", record):
        recognizer.detector.detect(picture)
    return levels, meshes


def say_peer(
    python: Path, paths: Mapping[str, Path], ours: Mapping[str, Times], repeats: int, say: Report
) -> None:
    """The `fer` package on the same pictures, with its default settings."""
    asked = [str(paths[name]) for name in COMPARED]
    version, answers = json.loads(run_code(str(python), PEER, repeats, asked))
    theirs = dict(zip(COMPARED, answers, strict=True))
    say(f"\n| from bytes to result | this, ms | fer {version}, ms | faces that fer finds | ratio |")
    say("|---|---:|---:|---:|---:|")
    for name, times in ours.items():
        picture = next((picture for picture in COMPARED if name.startswith(picture)), None)
        if picture is not None:
            peer, found = theirs[picture]
            ratio = median(peer) / median(times)
            say(
                f"| {name} | {milliseconds(times)} | {milliseconds(peer)} | {found} "
                f"| {ratio:.1f} times ours |"
            )


def run_code(
    python: str, code: str, number: int, paths: Sequence[str], cwd: Path | None = None
) -> str:
    """The last line that a program prints."""
    try:
        finished = subprocess.run(
            [python, "-c", code, str(number), *paths],
            cwd=cwd,
            check=True,
            capture_output=True,
            text=True,
            timeout=60 * PEER_MINUTES,
        )
    except OSError as error:
        raise SystemExit(f"error: {python} cannot be run: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: {python} failed:\n{error.stderr[-2000:]}") from error
    return finished.stdout.strip().splitlines()[-1]


def seconds_of(parts: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    """Seconds of each part, in turns, so that a slow moment does not hit one alone."""
    times: dict[str, Times] = {name: [] for name in parts}
    for number in range(1 + repeats):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            if number:  # the first is a warm-up
                times[name].append(time.perf_counter() - start)
    return times


def milliseconds(times: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"{1000 * median(times):.1f} / {1000 * np.percentile(times, 95):.1f}"


if __name__ == "__main__":
    main()
