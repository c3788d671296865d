"""The app as a process whose memory is known and that may be killed, and programs that use it.

A client goes the way of the curl call in README.md, by plain HTTP over a connection of its own that
stays open; it shares the machine with the server, so figures are those of both together.
"""

import http.client
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np

from tests.pictures import Picture, facts

LIMIT = 120  # seconds that a client waits for an answer
PAUSE = 0.2  # seconds before the next try where the queue was full or the server is gone
BOUNDARY = "a-line-that-no-picture-has"
HEAD = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="files"; filename="%s"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
)


class QueueFullError(Exception):
    """The server takes no more for now."""


class RefusedError(Exception):
    """The server's sentence about a picture that it does not read."""


class UnexpectedError(Exception):
    """Any other answer than the promised ones."""


class Client:
    """A program that uses the API, one call after the other."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LIMIT)
        # As Gradio's own clients have one; without, every call costs the server a new session.
        self._session = uuid4().hex

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go; the next call opens another."""
        self._connection.close()

    def predict(self, name: str, content: bytes) -> dict[str, Any]:
        """The answer of `/predict` to a picture.

        Raises:
            QueueFullError: there is no place left.
            RefusedError: the picture is refused.
            UnexpectedError: the server says something else.
            OSError, HTTPException: the connection fails.
        """
        form = f"multipart/form-data; boundary={BOUNDARY}"
        (path,) = json.loads(self._send("POST", "/gradio_api/upload", _form(name, content), form))
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call = {"data": [picture], "session_hash": self._session}
        joined = self._send(
            "POST", "/gradio_api/call/predict", json.dumps(call).encode(), "application/json"
        )
        event = json.loads(joined)["event_id"]
        events = self._send("GET", f"/gradio_api/call/predict/{event}").decode()
        for kind, data in re.findall(r"event: (\w+)\ndata: (.*)", events):
            if kind == "complete":
                (answer,) = json.loads(data)
                return dict(answer)
            if kind == "error":
                said = json.loads(data)
                raise RefusedError(said["error"] if isinstance(said, dict) else str(said))
        raise UnexpectedError(f"events without an answer: {events!r}")

    def page(self) -> bytes:
        """What a browser asks for first."""
        return self._send("GET", "/")

    def break_off(self, name: str, content: bytes) -> None:
        """Begin an upload and leave it at its half."""
        body = _form(name, content)
        self._connection.putrequest("POST", "/gradio_api/upload")
        self._connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body[: len(body) // 2])

    def _send(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        response = self._connection.getresponse()
        content = response.read()
        if response.status == http.client.SERVICE_UNAVAILABLE and b"Queue is full" in content:
            raise QueueFullError
        if response.status != http.client.OK:
            raise UnexpectedError(f"{method} {path}: {response.status} {content[:200]!r}")
        return content


@dataclass(frozen=True)
class Tally:
    """What clients met; lists, which threads may append to.

    Attributes:
        seconds: from the beginning of the upload to the right answer.
        wrong: answers that do not belong to their picture.
        errors: what else should not be.
        queue_full: pictures that found no place; another was tried then.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    queue_full: list[str] = field(default_factory=list)


@contextmanager
def load(address: str, pictures: Sequence[Picture], clients: int) -> Iterator[Tally]:
    """Clients that ask all the time while the block runs; then the calls under way are waited for.

    No two uploads are alike, as with visitors, so that each has a copy of its own on the server.
    """
    tally, stop = Tally(), threading.Event()

    def ask(number: int) -> None:
        generator = np.random.default_rng(number)
        with Client(address) as client:
            while not stop.is_set():
                if not _ask(client, pictures[int(generator.integers(len(pictures)))], tally):
                    stop.wait(PAUSE)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def check(client: Client, picture: Picture) -> str | None:
    """Ask about a picture; what is wrong with the answer, if anything.

    Raises:
        QueueFullError, UnexpectedError, OSError, HTTPException: as `Client.predict`.
    """
    content = picture.content + os.urandom(8)  # readers stop at the picture's own end
    try:
        answer = client.predict(picture.name, content)
    except RefusedError as error:
        if picture.error is None:
            raise UnexpectedError(f"{picture.name} was refused: {error}") from error
        return None if str(error) == picture.error else f"{picture.name}: {error}"
    return None if facts(answer) == picture.facts else f"{picture.name}: {facts(answer)}"


def _ask(client: Client, picture: Picture, tally: Tally) -> bool:
    """Ask about a picture and note what came; whether the next may be asked about at once."""
    start = time.perf_counter()
    try:
        wrong = check(client, picture)
    except QueueFullError:
        tally.queue_full.append(picture.name)
        return False
    except UnexpectedError as error:
        tally.errors.append(str(error))
        return False
    except (OSError, http.client.HTTPException, ValueError) as error:
        tally.errors.append(f"{picture.name}: {error!r}")
        client.close()
        return False
    if wrong is None:
        tally.seconds.append(time.perf_counter() - start)
    else:
        tally.wrong.append(wrong)
    return True


def _form(name: str, content: bytes) -> bytes:
    return (HEAD % name).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
