"""How fast the command line reads a folder of images, and where the time goes.

    python -m benchmarks.folder --images 2000 --workers 1 2 --ray

makes JPEGs of 640x480 with one face each (or takes those of `--folder`), reads them by the command
with each number of workers, and prints tables in Markdown. Takes about five minutes on two cores.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core import EmotionRecognizer, load_image
from fer_core.files import find_files
from fer_core.inference import limit_threads
from fer_core.table import rows, write_csv
from tests.pictures import HEIGHT, WIDTH, encode, scene, several

TIMED = 200  # images whose steps are timed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=int, default=2000, help="number to make (default: 2000)")
    parser.add_argument("--folder", type=Path, help="of images to read instead of made ones")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--ray", action="store_true", help="measure --engine ray, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or make_images(Path(temporary) / "images", options.images)
        images = list(find_files([str(folder)], sys.stdin.buffer))
        print(
            f"\n{len(images)} images, {os.cpu_count()} cores, Python {platform.python_version()}\n"
        )
        print("| workers | seconds | images a second | images an hour and worker | CPU ms an image "
              "| memory of a process |")  # fmt: skip
        print("|---|---:|---:|---:|---:|---:|")
        runs = [("local", count) for count in options.workers]
        runs += [("ray", count) for count in options.workers if options.ray]
        for engine, count in runs:
            out = Path(temporary) / f"{engine}-{count}.parquet"
            report(engine, count, len(images), read(folder, out, engine, count))
        steps(images[:: max(1, len(images) // TIMED)])


def make_images(folder: Path, count: int) -> Path:
    """A folder of so many different JPEGs, with one face each."""
    folder.mkdir()
    for number, portrait in enumerate(several(count)):
        image = scene(WIDTH + 2 * (number % 40), HEIGHT, [portrait])
        (folder / f"{number:06}.jpg").write_bytes(encode(image))
    return folder


def read(folder: Path, out: Path, engine: str, workers: int) -> tuple[float, float, float]:
    """Seconds, seconds of all cores, and bytes of the largest process of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "fer_core", str(folder), "--out", str(out), "--engine", engine,
         "--workers", str(workers)],
        check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, after.ru_maxrss * 1024


def report(engine: str, workers: int, count: int, used: tuple[float, float, float]) -> None:
    """A row of the table. Ray's processes outlive the command, so that their time is not known."""
    seconds, cpu, memory = used
    name = f"{workers}" if engine == "local" else f"{workers}, Ray"
    rest = f"{1000 * cpu / count:.1f} | {memory / 1e6:.0f} MB" if engine == "local" else "- | -"
    an_hour = 3600 * count / seconds / workers
    print(
        f"| {name} | {seconds:.0f} | {count / seconds:.1f} | {an_hour:,.0f} | {rest} |", flush=True
    )


def steps(images: Sequence[str]) -> None:
    """Print the time of each step of one worker."""
    limit_threads(1)
    recognizer = EmotionRecognizer.load()
    recognizer.recognize(images[0])
    spent: dict[str, float] = defaultdict(float)
    for path in images:
        times = [time.process_time()]
        content = Path(path).read_bytes()
        times.append(time.process_time())
        image = load_image(content)
        times.append(time.process_time())
        recognizer.detector.detect(image)
        times.append(time.process_time())
        result = recognizer.recognize(image)
        times.append(time.process_time())
        with open(os.devnull, "w", encoding="utf-8") as nothing:  # noqa: PTH123  a device
            write_csv(nothing, rows(path, None, None, result))
        times.append(time.process_time())
        reading, decoding, finding, all_of_it, writing = np.diff(times).tolist()
        for name, seconds in (
            ("read the file", reading),
            ("decode", decoding),
            ("detect faces", finding),
            ("align, quality, emotion", all_of_it - finding),
            ("write rows", writing),
        ):
            spent[name] += seconds
    total = sum(spent.values())
    print("\n| step | CPU ms an image | share |\n|---|---:|---:|")
    for name, seconds in spent.items():
        print(f"| {name} | {1000 * seconds / len(images):.2f} | {seconds / total:.0%} |")


if __name__ == "__main__":
    main()
