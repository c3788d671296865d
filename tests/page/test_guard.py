"""What stands between strangers and Gradio."""

import errno
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from page.guard import MAX_BODY, MAX_UPLOAD, NO_ROOM, Guard


async def write(request: Request) -> PlainTextResponse:
    number = int(request.query_params.get("errno", 0))
    if number:
        raise OSError(number, "the disk")
    await request.body()
    return PlainTextResponse("written")


@pytest.fixture
def client() -> Any:
    routes = [Route("/{path:path}", write, methods=["GET", "POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)])
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://example.org/a.jpg",
        "/gradio_api/file=HTTPS://example.org/a.jpg",
        "/file/http://example.org/a.jpg",
        "/gradio_api/proxy=https://example.org/",
        "/gradio_api/process_recording",
        "/gradio_api/deep_link",
    ],
)
def test_doors_that_lead_out_are_closed(client: TestClient, path: str) -> None:
    assert client.post(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/gradio_api/upload", "/gradio_api/file=examples/a.jpg"])
def test_the_others_are_open(client: TestClient, path: str) -> None:
    assert client.get(path).text == "written"


def test_a_full_disk_is_told_in_a_sentence_and_does_not_end_the_app(client: TestClient) -> None:
    full = client.post("/gradio_api/upload", params={"errno": errno.ENOSPC})
    assert (full.status_code, full.text) == (507, NO_ROOM)
    assert client.post("/gradio_api/upload", params={"errno": errno.EIO}).status_code == 500
    assert client.post("/gradio_api/upload").text == "written"


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/gradio_api/upload", MAX_UPLOAD),
        ("/gradio_api/queue/join", MAX_BODY),
        ("/gradio_api/call/upload", MAX_BODY),
    ],
)
def test_a_body_beyond_its_limit_is_refused_told_or_not(
    client: TestClient, path: str, limit: int
) -> None:
    assert client.post(path, content=bytes(limit)).text == "written"
    assert client.post(path, content=bytes(limit + 1)).status_code == 413
    pieces = [bytes(2**20)] * (limit // 2**20 + 1)  # without a length in the header
    assert client.post(path, content=iter(pieces)).status_code == 413
