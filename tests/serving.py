"""The app as a process of its own."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT = 120  # seconds; a slow machine, not a speed test
STOP_LIMIT = 20  # seconds that an app may take to end


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes:
        address: where it serves, once it does.
        process: the app.
        copies: folder of the copies of uploads.
        log: what it prints.
    """

    address: str
    process: "subprocess.Popen[bytes]"
    copies: Path
    log: Path

    @property
    def resident_mb(self) -> float:
        """Memory that it holds now."""
        return memory_mb("VmRSS", self.process.pid)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_served(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once the page answers; fail with the log when the process ends before."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the app ended with {process.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"the app did not answer in {START_LIMIT} s:\n{log.read_text()}")


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """`python app.py`, not waited for; in a folder where another one ran before if need be."""
    port, log, copies = free_port(), folder / "log.txt", folder / "copies"
    copies.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(copies),
    }
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(f"http://127.0.0.1:{port}", process, copies, log)
    finally:
        process.terminate()  # Gradio's own end waits five seconds for open connections
        try:
            process.wait(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """The same, once its page answers."""
    with started(folder) as server:
        wait_until_served(server.address, server.process, server.log)
        yield server


def memory_mb(field: str, pid: int | str = "self") -> float:
    """`VmRSS`, resident now, or `VmHWM`, resident at most, of a process.

    Not from `getrusage`: its maximum is handed on to a child at its start.
    """
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(kilobytes) / 1024
