"""How fast videos are read, and in how much memory.

    python -m benchmarks.video
    python -m benchmarks.video --fer-python PEER/bin/python

Prints Markdown tables; run it on an idle machine. Beside frames a second stand milliseconds of all
processors a frame, which other work on the machine disturbs less. The clips are made: four
portraits, one of them small and one rolled by 30 degrees, sway before a calm background, 30 frames
a second. A face counts as found when the middle of a box lies nearer to it than half its width.
`--fer-python` names the Python of another environment with the `fer` package (how to make one:
train/evaluation/peer_fer.py), whose own video reader then reads the same clips in the same run.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from fer_core import EmotionRecognizer, read_video
from fer_core.frames import VideoFrames
from fer_core.video_writer import VideoWriter
from tests.clips import Part, scene
from tests.serving import memory_mb

ROOT = Path(__file__).resolve().parent.parent
SIZES = ((640, 480), (1920, 1080))
RATE = 30  # frames a second of the clips
PERIOD = 60  # frames until the portraits are where they were
# Names, places as shares of the width, sides as shares of the height.
PORTRAITS = (
    ("happy_f_asian_01", 0.14, 0.45),
    ("sad_f_african_01", 0.40, 0.5),
    ("happy_f_african_roll30_01", 0.67, 0.45),
    ("surprise_m_african_01", 0.90, 0.25),
)
FACE = 0.45  # width of a face, as a share of its portrait
EVERY = 0.2  # seconds, the default of read_video
CHECKED = (100, 2000)  # frames after which memory is read
PEER_MINUTES = 30

Places = list[tuple[float, float]]


class Reading(NamedTuple):
    """How a clip was read.

    Attributes:
        places: the middles of the boxes in each frame.
        seconds: that it took.
        cpu: seconds of all processors.
    """

    places: list[Places]
    seconds: float
    cpu: float

    @property
    def rate(self) -> str:
        """Frames a second, and milliseconds of processors a frame."""
        count = len(self.places)
        return f"{count / self.seconds:.1f} ({1000 * self.cpu / count:.0f} ms)"

    def found(self, size: tuple[int, int]) -> str:
        """Share of the faces that were found, and how many others in a frame, every frame read."""
        hits = others = 0
        for number, places in enumerate(self.places):
            parts = _parts(size, number)
            near = [
                {place for place in places if math.dist(place, part[1:3]) < FACE * part.side / 2}
                for part in parts
            ]
            hits += sum(map(bool, near))
            others += len(places) - len(set().union(*near))
        total = len(self.places) * len(PORTRAITS)
        return f"{hits / total:.1%} found, {others / len(self.places):.2f} others"


def clip(path: Path, size: tuple[int, int], frames: int) -> Path:
    """Make a clip of portraits that sway."""
    width, height = size
    images = [
        scene(*_parts(size, number), width=width, height=height)
        for number in range(min(frames, PERIOD))
    ]
    with VideoWriter(path) as writer:
        for number in range(frames):
            writer.write(images[number % PERIOD], number / RATE)
    return path


def _parts(size: tuple[int, int], number: int) -> list[Part]:
    """Where the portraits are in a frame."""
    (width, height), phase = size, 2 * math.pi * number / PERIOD
    return [
        Part(
            name,
            width * (x + 0.03 * math.sin(phase + x)),
            height * (0.5 + 0.05 * math.cos(phase)),
            round(height * side),
        )
        for name, x, side in PORTRAITS
    ]


def read(path: Path, every: float, recognizer: EmotionRecognizer) -> Reading:
    """Read a clip by `read_video`."""
    begin, worked, places = time.perf_counter(), time.process_time(), []
    for frame in read_video(path, every, recognizer):
        boxes = [face.detection.box for face in frame.result.faces]
        places.append([((box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2) for box in boxes])
    return Reading(places, time.perf_counter() - begin, time.process_time() - worked)


def decode(path: Path) -> float:
    """Frames a second, decoded only."""
    begin = time.perf_counter()
    frames = sum(1 for _ in VideoFrames(path))
    return frames / (time.perf_counter() - begin)


def ask_peer(python: Path, path: Path) -> tuple[Reading, str]:
    """Have the `fer` package read a clip; also its version."""
    asked = [str(python), str(ROOT / "benchmarks" / "fer_video.py"), str(path)]
    try:
        finished = subprocess.run(
            asked, check=True, capture_output=True, text=True, timeout=60 * PEER_MINUTES
        )
    except OSError as error:
        raise SystemExit(f"error: {python} cannot be run: {error.strerror}.") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SystemExit(f"error: fer failed in {python}: {last}") from error
    told: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    places = [[(x + w / 2, y + h / 2) for x, y, w, h in boxes] for boxes in told["boxes"]]
    return Reading(places, told["seconds"], told["cpu"]), told["version"]


def memory(path: Path) -> list[float]:
    """Megabytes after each of `CHECKED` frames, in a process of its own."""
    asked = [sys.executable, "-m", "benchmarks.video", "--watch", str(path)]
    finished = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True)
    megabytes: list[float] = json.loads(finished.stdout)
    return megabytes


def watch(path: Path) -> None:
    """Read a clip and print the memory that is resident after each of `CHECKED` frames."""
    megabytes = []
    for number, _ in enumerate(read_video(path, 0), 1):
        if number in CHECKED:
            megabytes.append(memory_mb("VmRSS"))
    print(json.dumps(megabytes))


def speed_tables(folder: Path, frames: int, python: Path | None) -> None:
    """Frames a second, ours and the peer's."""
    recognizer = EmotionRecognizer.load()
    ours, both = [], []
    version = ""
    for size in SIZES:
        name = f"{size[0]}x{size[1]}"
        path = clip(folder / f"{name}.mp4", size, frames)
        read(path, EVERY, recognizer)  # networks prepare themselves for the size
        every, some = read(path, 0, recognizer), read(path, EVERY, recognizer)
        real = frames / RATE / some.seconds
        ours.append([name, f"{decode(path):.0f}", every.rate, f"{real:.1f} times real time"])
        if python is not None:
            theirs, version = ask_peer(python, path)
            rates = [every.rate, theirs.rate]
            both.append([name, *rates, every.found(size), theirs.found(size)])
    print(_table(["frames a second", "decoded only", "read", f"read every {EVERY} s"], ours))
    if both:
        peer = f"fer {version}"
        head = ["every frame", "ours a second", f"{peer} a second", "ours finds", f"{peer} finds"]
        print(f"\n{_table(head, both)}")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.video",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fer-python", type=Path, help="Python of an environment with fer")
    parser.add_argument("--frames", type=int, default=300, help="of the clips for speed")
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.watch is not None:
        watch(given.watch)
        return
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{cores} cores, load {load:.1f} before, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed_tables(folder, given.frames, given.fer_python)
        long = clip(folder / "long.mp4", SIZES[0], CHECKED[-1])
        megabytes = memory(long)
        rows = [
            [f"{count:,}", f"{size:.1f}"] for count, size in zip(CHECKED, megabytes, strict=True)
        ]
        print(f"\n{_table(['frames of 640x480', 'MB resident'], rows)}")


if __name__ == "__main__":
    main()
