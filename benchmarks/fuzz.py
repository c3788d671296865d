"""Hostile inputs by the thousand through the reading of pictures.

    python -m benchmarks.fuzz [--inputs 10000] [--seed N] [--keep DIR]

A worker process reads the corpus of `tests.hostile` and then mutated files, and some of what it
read goes on to the recognizer. Of each input it is asked: an answer within two seconds of the
worker's own time and 500 MB of memory; a picture, or an error of fer_core that is one sentence; no
file written, no program started, no connection made. Exit status 1 when one of these is broken;
`--keep` saves the inputs that broke it. Thousands are done in a minute.
"""

import argparse
import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

from PIL import Image

from fer_core import FerError, load_image
from tests import hostile
from tests.conftest import PORTRAITS
from tests.serving import ROOT

SECONDS = 2.0  # of the processor; the clock on the wall also runs while others compute
MEGABYTES = 500  # above what the worker takes when idle
STILL = 60.0  # seconds on the wall without an answer, for a worker that waits and computes nothing
RECOGNIZED = 20  # one of so many goes on to the recognizer
HEAD = struct.Struct("<I?")
FORBIDDEN = {"socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}

Kind = Literal["loaded", "refused", "other exception", "hang", "growth", "crash"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input.

    Attributes:
        kind: of end.
        said: the message of the error, or what went wrong.
        seconds: of the processor.
        megabytes: by which the worker grew at most while it read, above its idle size.
    """

    kind: Kind
    said: str = ""
    seconds: float = 0.0
    megabytes: int = 0

    def fault(self, allowed: hostile.Allowed = "either", seconds: float = SECONDS) -> str | None:
        """The rule that this breaks, or None."""
        if self.kind not in ("loaded", "refused"):
            return f"{self.kind}: {self.said}"
        if self.seconds > seconds:
            return f"hang: {self.seconds:.1f} s"
        if self.megabytes > MEGABYTES:
            return f"growth: {self.megabytes} MB"
        if allowed != "either" and (self.kind == "loaded") != (allowed == "picture"):
            return f"{self.kind}, but must be {allowed}: {self.said}"
        return None


class Worker:
    """A process that reads inputs, killed when it takes too long or too much, then begun anew."""

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        """Begin; `folder` gets two folders that must stay empty."""
        self._seconds = seconds
        self.folders = folder / "here", folder / "temporary"
        for each in self.folders:
            each.mkdir()
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, data: bytes, *, recognize: bool = False) -> Outcome:
        """Have one input read."""
        before = processor_seconds(self._process.pid)
        stdin, stdout = self._pipes()
        try:
            stdin.write(HEAD.pack(len(data), recognize) + data)
            stdin.flush()
        except BrokenPipeError:
            return self._gone()
        deadline = time.monotonic() + STILL
        while not select.select([stdout], [], [], 0.02)[0]:
            try:
                used = processor_seconds(self._process.pid) - before
                grown = resident(self._process.pid) - self._idle
            except (OSError, ValueError):  # it has just ended
                continue
            if used > self._seconds or time.monotonic() > deadline:
                return self._killed("hang", f"stopped after {used:.1f} s", used, grown)
            if grown > 2 * MEGABYTES:  # less may still come to an end, and tells its peak itself
                return self._killed("growth", f"stopped at {grown} MB more", used, grown)
        line = stdout.readline()
        return Outcome(**json.loads(line)) if line else self._gone()

    def left_behind(self) -> list[Path]:
        """Files where none may be."""
        return [path for folder in self.folders for path in folder.rglob("*")]

    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout  # type: ignore[return-value]

    def _begin(self) -> None:
        here, temporary = self.folders
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fuzz", "--worker"],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders complain there of every damaged file
        )
        self._pipes()[1].readline()  # it is warm
        self._idle = resident(self._process.pid)

    def _end(self) -> int:
        """End the process; how it ended."""
        self._process.kill()
        for pipe in self._pipes():
            with suppress(BrokenPipeError):
                pipe.close()
        return self._process.wait()

    def _gone(self) -> Outcome:
        ended = self._process.wait()
        self._end()
        self._begin()
        return Outcome("crash", f"ended with {ended}")

    def _killed(self, kind: Kind, said: str, seconds: float, megabytes: int) -> Outcome:
        self._end()
        self._begin()
        return Outcome(kind, said, round(seconds, 2), megabytes)


def processor_seconds(pid: int) -> float:
    """The time that a process has computed so far, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """The memory that a process takes, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


def work() -> None:
    """The worker: inputs from stdin, a line of JSON for each."""
    from fer_core import EmotionRecognizer

    recognizer = EmotionRecognizer.load()
    Image.init()  # what is imported late is imported now
    recognizer.recognize(load_image(PORTRAITS[0]))
    told: list[str] = []
    with Path("/proc/self/clear_refs").open("w") as peak:
        sys.addaudithook(lambda event, given: watch(event, given, told))
        idle = resident(os.getpid())
        sys.stdout.write("\n")
        sys.stdout.flush()
        while head := sys.stdin.buffer.read(HEAD.size):
            length, recognize = HEAD.unpack(head)
            data = sys.stdin.buffer.read(length)
            told.clear()
            peak.write("5")  # forget the peak so far: see proc(5)
            peak.flush()
            outcome = read_one(data, recognizer if recognize else None, told)
            grown = peak_megabytes() - idle
            sys.stdout.write(json.dumps({**outcome, "megabytes": grown}) + "\n")
            sys.stdout.flush()


def watch(event: str, given: tuple[Any, ...], told: list[str]) -> None:
    """Note what reading a picture never needs."""
    written = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
    if written or event in FORBIDDEN:
        told.append(f"{event} {given[0]}")


def peak_megabytes() -> int:
    """The most memory that this process took since it was last forgotten."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 // 1_000_000


def read_one(data: bytes, recognizer: Any, told: list[str]) -> dict[str, Any]:
    """Read one input as the app would."""
    began = time.process_time()
    kind: Kind = "loaded"
    said = ""
    try:
        picture = load_image(data)
        if (picture.ndim, picture.shape[2], str(picture.dtype)) != (3, 3, "uint8"):
            kind, said = "other exception", f"gave {picture.shape} {picture.dtype}"
        if recognizer is not None:
            recognizer.recognize(picture)
    except FerError as error:
        kind, said = "refused", str(error)
        if not hostile.SENTENCE.fullmatch(said):
            kind, said = "other exception", f"not one sentence: {said}"
    except BaseException as error:  # noqa: BLE001 - it is what is looked for
        kind, said = "other exception", f"{type(error).__name__}: {error}"
    if told:
        kind, said = "other exception", f"did what it must not: {told[0]}"
    seconds = round(time.process_time() - began, 3)
    return {"kind": kind, "said": said[:300], "seconds": seconds}


@dataclass
class Tally:
    """What came out, and the worst of it."""

    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")

    def add(self, name: str, outcome: Outcome, fault: str | None) -> None:
        """Count one."""
        self.kinds[outcome.kind] += 1
        self.slowest = max(self.slowest, (outcome.seconds, name))
        self.largest = max(self.largest, (outcome.megabytes, name))
        if fault is not None:
            self.faults.append(f"{name}: {fault}")

    def table(self) -> str:
        """All of it, a line each."""
        lines = [("inputs", str(self.kinds.total()))]
        kinds = ("loaded", "refused", "crash", "hang", "growth", "other exception")
        lines += [(kind, str(self.kinds[kind])) for kind in kinds]
        lines.append(("slowest", f"{self.slowest[0]:.2f} s  {self.slowest[1]}"))
        lines.append(("most memory", f"{self.largest[0]} MB  {self.largest[1]}"))
        lines.append(("rules broken", str(len(self.faults))))
        return "\n".join(f"{name:16} {value:>8}" for name, value in lines)


def inputs(count: int, seed: int) -> Iterator[tuple[str, bytes, hostile.Allowed]]:
    """The corpus, then mutations, so many in all."""
    corpus = hostile.corpus()[:count]
    for item in corpus:
        yield item.name, item.data, item.allowed
    mutated = enumerate(hostile.mutations(seed))
    for number, (name, data) in islice(mutated, count - len(corpus)):
        yield f"mutation-{seed}-{number}-of-{name}", data, "either"


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """A function that tells now and then how far it is."""
    began, last = time.monotonic(), [0.0]

    def tell(done: int, faults: int) -> None:
        now = time.monotonic()
        if now - last[0] > 1:
            last[0] = now
            rate = 60 * done / (now - began)
            said = f"{done:,} of {total:,}, {rate:,.0f} a minute, {faults} rules broken"
            sys.stderr.write(f"\r{said:70}")

    yield tell
    sys.stderr.write("\r" + " " * 70 + "\r")


def main() -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save what breaks a rule here")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work()
        return 0
    tally = Tally()
    with (
        tempfile.TemporaryDirectory() as folder,
        Worker(Path(folder)) as worker,
        progress(given.inputs) as tell,
    ):
        for number, (name, data, allowed) in enumerate(inputs(given.inputs, given.seed)):
            outcome = worker.ask(data, recognize=number % RECOGNIZED == 0)
            fault = outcome.fault(allowed)
            tally.add(name, outcome, fault)
            if fault is not None and given.keep is not None:
                given.keep.mkdir(parents=True, exist_ok=True)
                (given.keep / name.replace("/", "-")).write_bytes(data)
            tell(number + 1, len(tally.faults))
        tally.faults += [f"wrote {path.name}" for path in worker.left_behind()]
    print("\n".join([*tally.faults, tally.table()]))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
