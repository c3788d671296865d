"""The start on ZeroGPU, the hardware of free accounts: Hugging Face's package, without its GPU."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import PORTRAITS, serve
from tests.hostile import Visitor

REPORTED: list[str] = []


class Machine(BaseHTTPRequestHandler):
    """What lends GPUs there, as far as the package `spaces` asks it when an app starts."""

    def do_POST(self) -> None:
        REPORTED.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Machine) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("SPACES_ZERO_GPU", "true")
        monkeypatch.setenv(
            "SPACES_ZERO_DEVICE_API_URL", f"http://127.0.0.1:{server.server_address[1]}"
        )
        REPORTED.clear()
        yield
        server.shutdown()


@pytest.mark.slow
def test_the_app_starts_on_zero_gpu_and_computes_without_it(machine: None, tmp_path: Path) -> None:
    with serve(tmp_path) as address:
        visitor = Visitor(address)
        (answer,) = visitor.call("predict", visitor.uploaded(PORTRAITS[0].read_bytes())).data or [
            None
        ]
    assert len(answer["faces"]) == 1
    assert REPORTED == ["/startup-report"]  # an app that reports nothing is ended; no GPU was lent
