"""How many pictures a second the app answers to programs, and how long they wait, by their number.

    python -m benchmarks.server
    python -m benchmarks.server --clients 1 8 32 96 --seconds 10

Clients send 640x480 JPEGs with one face by plain HTTP, as the curl call in README.md does, and
compare every answer with the package's. They run on the machine that serves, so leave it idle
otherwise. Prints a Markdown table; exit status 1 when an answer was wrong or a call failed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core import EmotionRecognizer
from tests.clients import Tally, load
from tests.pictures import Picture, known_portraits
from tests.serving import Server, served

WARM_UP = 2  # seconds that do not count, for each number of clients
SHOWN = 5  # of what went wrong
COLUMNS = (
    "clients", "pictures a second", "median", "95 % within", "queue full", "errors",
    "wrong answers", "memory",
)  # fmt: skip


def main() -> None:
    """Serve, ask, print."""
    options = parse()
    pictures = known_portraits(EmotionRecognizer.load())
    failures = []
    print(f"| {' | '.join(COLUMNS)} |\n|{'---:|' * len(COLUMNS)}")
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as server:
        for clients in options.clients:
            tally, rate = measure(server, pictures, clients, options.seconds)
            print(row(clients, rate, tally, server.resident_mb), flush=True)
            failures += tally.errors + tally.wrong
    if failures:
        raise SystemExit("\n".join(["error: it failed under load", *failures[:SHOWN]]))


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--seconds", type=float, default=10, help="for each number of clients")
    return parser.parse_args()


def measure(
    server: Server, pictures: Sequence[Picture], clients: int, seconds: float
) -> tuple[Tally, float]:
    """What so many clients met, and right answers a second."""
    with load(server.address, pictures, clients) as warm_up:
        time.sleep(WARM_UP)
    with load(server.address, pictures, clients) as tally:
        start = time.perf_counter()
        time.sleep(seconds)
        rate = len(tally.seconds) / (time.perf_counter() - start)
    tally.errors.extend(warm_up.errors)
    tally.wrong.extend(warm_up.wrong)
    return tally, rate


def row(clients: int, rate: float, tally: Tally, megabytes: float) -> str:
    """A line of the table."""
    seconds = tally.seconds or [float("nan")]
    cells = (
        clients,
        f"{rate:.1f}",
        f"{statistics.median(seconds):.2f} s",
        f"{np.percentile(seconds, 95):.2f} s",
        len(tally.queue_full),
        len(tally.errors),
        len(tally.wrong),
        f"{megabytes:.0f} MB",
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
