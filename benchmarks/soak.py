"""Does the app stay right, quick and small under load for long, and does it survive being killed?

    python -m benchmarks.soak
    python -m benchmarks.soak --clients 32 --minutes 5

Clients send pictures of many sizes and formats, damaged ones among them, and compare every answer
with the package's; one more opens the page every second. In the end the app is killed while it
answers, and started again beside the copies that the dead one left. Prints what was seen; exit
status 1 when a limit is broken.
"""

import argparse
import http.client
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fer_core import EmotionRecognizer
from page.copies import COPY_SECONDS
from tests.clients import Client, Tally, UnexpectedError, check, load
from tests.pictures import Picture, mixed
from tests.serving import Server, served

WARM_UP = 60  # seconds, until every thread and every shape of input has had its memory
REST = 10  # seconds after the load, before the memory is read
MAX_GROWTH = 30  # MB
GONE_LIMIT = 10  # seconds after a start within which old copies are deleted
UNDER_WAY_LIMIT = 60  # seconds until clients have their first answers
SHOWN = 5  # of each kind of failure


@dataclass(frozen=True)
class Seen:
    """What was seen under load.

    Attributes:
        tally: what clients met.
        rate: right answers a second.
        page: seconds that the page took, each time.
    """

    tally: Tally
    rate: float
    page: list[float]

    @property
    def failures(self) -> list[str]:
        """Wrong answers and errors, some of each."""
        wrong = [f"wrong answer: {text}" for text in self.tally.wrong[:SHOWN]]
        return wrong + [f"error: {text}" for text in self.tally.errors[:SHOWN]]


def main() -> None:
    """Serve, load, rest, kill, print."""
    options = parse()
    pictures = mixed(EmotionRecognizer.load())
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as server:
        warm_up = under_load(server.address, pictures, options.clients, WARM_UP)
        time.sleep(REST)
        before = server.resident_mb
        seen = under_load(server.address, pictures, options.clients, 60 * options.minutes)
        time.sleep(REST)
        after = server.resident_mb
        failures = warm_up.failures + seen.failures
        if after - before > MAX_GROWTH:
            failures.append(f"memory grew by {after - before:.0f} MB, more than {MAX_GROWTH}")
        if "Traceback" in server.log.read_text(encoding="utf-8"):
            failures.append(
                f"the server printed:\n{server.log.read_text(encoding='utf-8')[-2000:]}"
            )
        print(report(seen, before, after, len(files(server.copies))), flush=True)
        broken = kill_and_restart(Path(name), server, pictures, options.clients)
    print("\nkilled and started again: " + ("see below" if broken else "answers, copies deleted"))
    failures += broken
    if failures:
        raise SystemExit("\n".join(["error: limits are broken", *failures]))


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=32, metavar="N")
    parser.add_argument("--minutes", type=float, default=5)
    return parser.parse_args()


def report(seen: Seen, before: float, after: float, copies: int) -> str:
    """What was seen, as a Markdown table."""
    tally = seen.tally
    answered = len(tally.seconds)
    each = 1000 * (after - before) / max(1, answered)  # kB
    return f"""\
| what | figure |
|---|---:|
| right answers | {answered}, {seen.rate:.1f} a second |
| queue full, tried again | {len(tally.queue_full)} |
| wrong answers | {len(tally.wrong)} |
| errors | {len(tally.errors)} |
| the page, median and worst | {statistics.median(seen.page):.2f} s, {max(seen.page):.2f} s |
| memory after warm-up | {before:.0f} MB |
| memory at the end | {after:.0f} MB, {each:.0f} kB an answer |
| copies on the disk | {copies} |"""


def under_load(address: str, pictures: Sequence[Picture], clients: int, seconds: float) -> Seen:
    """What clients, and a visitor who only opens the page, meet in so many seconds."""
    with load(address, pictures, clients) as tally, opened_pages(address, tally) as page:
        start = time.perf_counter()
        time.sleep(seconds)
        rate = len(tally.seconds) / (time.perf_counter() - start)
    return Seen(tally, rate, page)


@contextmanager
def opened_pages(address: str, tally: Tally) -> Iterator[list[float]]:
    """Seconds that the page takes, asked for every second while the block runs."""
    times: list[float] = []
    done = threading.Event()

    def visit() -> None:
        with Client(address) as client:
            while True:
                start = time.perf_counter()
                try:
                    client.page()
                except (OSError, http.client.HTTPException, UnexpectedError) as error:
                    tally.errors.append(f"the page: {error!r}")
                    client.close()
                times.append(time.perf_counter() - start)
                if done.wait(1):
                    return

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield times
    finally:
        done.set()
        visitor.join()


def kill_and_restart(
    folder: Path, server: Server, pictures: Sequence[Picture], clients: int
) -> list[str]:
    """Kill an app that answers, start it again in its folder, and say what is not as it should be.

    All copies but one are made old meanwhile: waiting for it would take minutes.
    """
    with Client(server.address) as broken, load(server.address, pictures, clients) as tally:
        broken.break_off(pictures[0].name, pictures[0].content)
        deadline = time.monotonic() + UNDER_WAY_LIMIT
        while len(tally.seconds) < clients and time.monotonic() < deadline:
            time.sleep(0.1)
        failures = [*tally.errors, *tally.wrong]
        if len(tally.seconds) < clients:
            failures.append(f"only {len(tally.seconds)} answers in {UNDER_WAY_LIMIT} s")
        server.kill()
    if not tally.errors:
        failures.append("nobody noticed that the server was killed")
    left = files(server.copies)
    if len(left) < 2:
        return [*failures, "the killed server left no copies to look after"]
    young = left.pop()
    for path in left:
        os.utime(path, (time.time() - COPY_SECONDS - 1,) * 2)
    with served(folder) as again:
        with Client(again.address) as client:
            failures += [
                text for picture in dict.fromkeys(pictures) if (text := check(client, picture))
            ]
        deadline = time.monotonic() + GONE_LIMIT
        while any(path.exists() for path in left) and time.monotonic() < deadline:
            time.sleep(0.1)
        stayed = sum(path.exists() for path in left)
        if stayed:
            failures.append(f"{stayed} of {len(left)} old copies were not deleted")
        if not young.exists():
            failures.append("a copy was deleted that is not old")
    return failures


def files(folder: Path) -> list[Path]:
    """All files, also in folders of it."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
