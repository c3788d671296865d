"""Reads many files one after the other, or in several processes at a time."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from fer_core.batch import FaceReader
from fer_core.errors import OutputError
from fer_core.marked import MarkedCopies
from fer_core.table import Row, error_row

SPOOL_BYTES = 1_000_000  # of a file's rows in memory; more are written to disk
TRIES = 2  # for a file whose process died
ENDED = "The process that read this file was ended, perhaps because there was not enough memory."


class Chunk(NamedTuple):
    """Some rows of a file, and whether they are its last."""

    file: str
    rows: list[Row]
    is_last: bool


@dataclass(frozen=True)
class Job:
    """Options of reading files.

    Attributes:
        every: seconds between the frames of a video that are read.
        copies: writes annotated copies; None for none.
    """

    every: float
    copies: MarkedCopies | None = None

    def reader(self, threads: int | None = None) -> FaceReader:
        """Load the networks, without output on standard error.

        Raises:
            ModelLoadError: a file of the model is missing or malformed.
        """
        with silent():
            return FaceReader(every=self.every, threads=threads)

    def read(self, reader: FaceReader, files: Iterable[str]) -> Iterator[Chunk]:
        """Read files one after the other.

        Raises:
            OutputError: a marked copy cannot be written.
        """
        for file in files:
            try:
                for reading in reader.read(file):
                    if self.copies is not None:
                        self.copies.add(reading)
                    yield Chunk(file, reading.rows(), is_last=False)
                if self.copies is not None:
                    self.copies.finish()
            finally:
                if self.copies is not None:
                    self.copies.drop()
            yield Chunk(file, [], is_last=True)


def read_files(job: Job, files: Iterable[str], workers: int) -> Iterator[Chunk]:
    """Read files, each with its chunks together.

    Args:
        job: options.
        files: their names.
        workers: number of processes. With 1, files are read in this one, in order; with more, the
            chunks of a file are yielded when it is read to its end.

    Raises:
        ModelLoadError: a file of the model is missing or malformed.
        OutputError: a marked copy cannot be written.
    """
    if workers == 1:
        yield from job.read(job.reader(), files)
        return
    job.reader()  # fails once, not in every process, when the model cannot be loaded
    yield from _read_in_processes(job, files, workers)


class _Worker:
    """A process that reads one file at a time, and the rows that it has sent."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(job, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.file: str | None = None
        self._spool: Any = None

    def begin(self, file: str) -> None:
        self.file = file
        self._spool = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115  see `chunks`
        with contextlib.suppress(OSError):  # it has ended, which the next `take` raises
            self.connection.send(file)

    def take(self) -> bool:
        """Receive a chunk; tell whether it is the last of its file.

        Raises:
            EOFError, OSError: it has ended.
            OutputError: a marked copy cannot be written.
        """
        chunk = self.connection.recv()
        if isinstance(chunk, OutputError):
            raise chunk
        pickle.dump(chunk, self._spool)
        return bool(chunk.is_last)

    def chunks(self) -> Iterator[Chunk]:
        """Give all chunks of the file that was read to its end, and become idle."""
        self.file = None
        with self._spool as spool:
            spool.seek(0)
            while True:
                chunk: Chunk = pickle.load(spool)  # noqa: S301  written above
                yield chunk
                if chunk.is_last:
                    return

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()
        self.connection.close()


class _Queue:
    """Files to be read; one whose process died is tried again."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = iter(files)
        self._again: deque[str] = deque()
        self._tries: dict[str, int] = {}

    def next(self) -> str | None:
        return self._again.popleft() if self._again else next(self._files, None)

    def put_back(self, file: str) -> bool:
        """Queue a file again; False after `TRIES` tries."""
        self._tries[file] = self._tries.get(file, 1) + 1
        if self._tries[file] <= TRIES:
            self._again.append(file)
            return True
        return False


def _read_in_processes(job: Job, files: Iterable[str], count: int) -> Iterator[Chunk]:
    queue = _Queue(files)
    workers = [_Worker(job) for _ in range(count)]
    try:
        while True:
            for worker in workers:
                if worker.file is None and (file := queue.next()) is not None:
                    worker.begin(file)
            busy: dict[Any, _Worker] = {
                worker.connection: worker for worker in workers if worker.file is not None
            }
            if not busy:
                return
            for worker in [busy[connection] for connection in wait(list(busy))]:
                try:
                    is_last = worker.take()
                except (EOFError, OSError, pickle.UnpicklingError):
                    file = str(worker.file)
                    worker.stop()
                    workers[workers.index(worker)] = _Worker(job)
                    if not queue.put_back(file):
                        yield Chunk(file, [error_row(file, ENDED)], is_last=True)
                    continue
                if is_last:
                    yield from worker.chunks()
    finally:
        for worker in workers:
            worker.stop()


def _serve(job: Job, connection: Connection) -> None:
    """Read the files that the parent process sends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends it
    warnings.simplefilter("ignore")
    reader = job.reader(threads=1)
    with contextlib.suppress(EOFError, OSError):  # the parent has ended
        while True:
            file = connection.recv()
            try:
                for chunk in job.read(reader, [file]):
                    connection.send(chunk)
            except OutputError as error:
                connection.send(error)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep native libraries from writing to standard error, as LiteRT does when it loads."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123  a device
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
