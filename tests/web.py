"""A small web: a server on the loopback interface that an app takes for one of the internet."""

import asyncio.selector_events
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

NAME, PUBLIC = "pictures.test", "93.184.216.34"
ROOT = f"http://{NAME}"

# What an app needs to take it for one, as a `sitecustomize`: the name is public, the way is short.
CUSTOMIZE = f"""
import asyncio.selector_events, os, socket

resolve = socket.getaddrinfo
connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

def getaddrinfo(host, *given, **named):
    return resolve({PUBLIC!r} if host == {NAME!r} else host, *given, **named)

async def sock_connect(self, sock, address):
    if address[0] == {PUBLIC!r}:
        address = ("127.0.0.1", int(os.environ["WEB_PORT"]))
    return await connect(self, sock, address)

socket.getaddrinfo = getaddrinfo
asyncio.selector_events.BaseSelectorEventLoop.sock_connect = sock_connect
"""


class Web(ThreadingHTTPServer):
    """Serves pages from memory, and notes who asked for what.

    Attributes:
        pages: bytes by path; a text is the address of a redirect, a number a status.
        asked: paths, with the host that was named.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, bytes | str | int] = {}
        self.asked: list[tuple[str, str]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        web: Any = self.server
        web.asked.append((self.headers["Host"], self.path))
        page = web.pages.get(self.path, 404)
        if self.path == "/endless":
            self._send(200)
            self._write_forever(bytes(1 << 20), 0)
        elif self.path == "/slow":
            self._send(200)
            self._write_forever(b"x", 0.2)
        elif isinstance(page, bytes):
            self._send(200, {"Content-Length": str(len(page))})
            self.wfile.write(page)
        elif isinstance(page, str):
            self._send(302, {"Location": page, "Content-Length": "0"})
        else:
            self._send(page, {"Content-Length": "0"})

    def _send(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _write_forever(self, data: bytes, pause: float) -> None:
        try:
            while True:
                self.wfile.write(data)
                time.sleep(pause)
        except OSError:  # the other one had enough
            pass

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def web() -> Iterator[Web]:
    """It, while the block runs."""
    with Web() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def customize(folder: Path, server: Web, patch: pytest.MonkeyPatch, more: str = "") -> None:
    """Let apps that are started from now on take it for one of the internet; and run more code."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(CUSTOMIZE + more)
    patch.setenv("PYTHONPATH", str(folder))
    patch.setenv("WEB_PORT", str(server.port))


def customize_here(server: Web, patch: pytest.MonkeyPatch) -> None:
    """Let this process take it for one."""
    patch.setenv("WEB_PORT", str(server.port))
    loop = asyncio.selector_events.BaseSelectorEventLoop
    patch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    patch.setattr(loop, "sock_connect", loop.sock_connect)
    exec(CUSTOMIZE, {})  # noqa: S102 - ours
