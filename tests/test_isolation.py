"""What a stranger cannot have: files of the server, other visitors' pictures, its connections."""

import asyncio
import base64
import json
import re
import shutil
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from playwright.sync_api import sync_playwright

from app import MAX_UPLOAD
from tests.conftest import PORTRAITS, ROOT, chromium_arguments, film, serve
from tests.hostile import META, Reply, Visitor, small_png

TOO_MUCH = (int(MAX_UPLOAD.removesuffix("mb")) + 2) << 20  # bytes
SECRETS = [
    ROOT / name
    for name in (
        "app.py", "requirements.txt", "fer_core/model.py", "models/model.json",
        "models/emotion.tflite", "docs/page.jpg", ".git/config",
    )
] + [Path("/etc/passwd"), Path("/proc/self/environ")]  # fmt: skip
ROUTES = ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/file/", "/gradio_api/proxy=")
FOLDERS = ("/static/", "/assets/", "/svelte/", "/gradio_api/custom_component/0/client/component/")


@pytest.fixture(scope="module")
def visitor(served_app: str) -> Visitor:
    return Visitor(served_app)


def get(address: str, target: str) -> tuple[int, bytes]:
    """Ask for a target as it is spelled, which other clients would tidy."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def spellings(secret: Path, copies: Path) -> list[str]:
    """One path in the ways that have fooled servers."""
    absolute, up = str(secret), "/.." * 12
    plain = [
        absolute, f"/{absolute}", f"file://{absolute}", f"/proc/self/root{absolute}",
        f"{copies}{up}{absolute}", f"{ROOT}/examples{up}{absolute}", f"{absolute}/",
        f"{absolute}/.", f"{absolute}\\", f"{absolute}%00.jpg", absolute.replace("/", "\\"),
        absolute.upper(), f"~/..{up}{absolute}", f"..{up}{absolute}",
    ]  # fmt: skip
    if secret.is_relative_to(ROOT):
        relative = str(secret.relative_to(ROOT))
        plain += [
            relative, f"./{relative}", f"examples/../{relative}", f"/proc/self/cwd/{relative}",
            f"{ROOT}/examples/../{relative}", f"{ROOT}/examples/..;/{relative}",
        ]  # fmt: skip
    once = [quote(path, safe="") for path in plain]
    dotted = [path.replace("..", "%2e%2e") for path in plain if ".." in path]
    return (
        [quote(path, safe="/%:\\~;") for path in plain] + once + [quote(p) for p in once] + dotted
    )


@pytest.mark.parametrize("secret", SECRETS, ids=lambda path: path.name)
def test_no_file_of_the_server_is_served(served_app: str, visitor: Visitor, secret: Path) -> None:
    if not secret.is_file():
        pytest.skip("it is not on this machine")
    marker = b"GRADIO_TEMP_DIR=" if secret.name == "environ" else secret.read_bytes()[:60]
    copies = Path(visitor.uploaded(small_png())["path"]).parent
    asked = [route + path for route in ROUTES[:1] for path in spellings(secret, copies)]
    asked += [route + path for route in ROUTES[1:] for path in spellings(secret, copies)[:12]]
    ups = ("../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "%252e%252e%252f" * 12, "..\\" * 12)
    asked += [folder + up + str(secret)[1:] for folder in FOLDERS for up in ups]
    for target in asked:
        _, body = get(served_app, target)
        assert marker not in body, target
        assert b"Traceback" not in body, target


def test_an_upload_lies_in_a_folder_that_no_one_can_guess_or_list(
    served_app: str, visitor: Visitor
) -> None:
    data = PORTRAITS[0].read_bytes() + b"only this visitor has it"
    path = Path(visitor.uploaded(data, "me.jpg")["path"])
    assert re.fullmatch(r".*/face-emotion-reader/[0-9a-f]{64}/me\.jpg", str(path))
    assert get(served_app, f"/gradio_api/file={path}") == (200, data)
    for folder in (path.parent, path.parents[1], path.parents[2]):
        for end in ("", "/", "/.", "/*"):
            assert get(served_app, f"/gradio_api/file={folder}{end}")[0] in (403, 404)
    other = path.parents[1] / ("0" * 64) / path.name
    assert get(served_app, f"/gradio_api/file={other}")[0] == 403


def test_the_same_name_with_other_content_stays_apart(visitor: Visitor) -> None:
    paths = {visitor.uploaded(small_png() + bytes(n), "me.png")["path"] for n in range(3)}
    assert len(paths) == 3


@pytest.fixture
def private_picture(tmp_path: Path) -> Path:
    """A picture on the server that nobody uploaded."""
    return Path(shutil.copy(PORTRAITS[0], tmp_path / "private.jpg"))


@pytest.mark.parametrize("meta", [True, False], ids=["with meta", "without meta"])
@pytest.mark.parametrize("endpoint", ["predict", "annotate", "predict_batch"])
def test_a_picture_of_the_server_is_not_read(
    visitor: Visitor, private_picture: Path, endpoint: str, meta: bool
) -> None:
    copies = Path(visitor.uploaded(small_png())["path"]).parent
    up = "/.." * 12
    for path in (
        str(private_picture),
        f"file://{private_picture}",
        f"/proc/self/root{private_picture}",
        f"{copies}{up}{private_picture}",
        "docs/page.jpg",
        f"{ROOT}/examples/../docs/page.jpg",
        "/proc/self/cwd/docs/page.jpg",
        "/etc/passwd",
        "/proc/self/environ",
        "/no/such/file",
        str(copies),
    ):
        given = {"path": path, "meta": META} if meta else {"path": path}
        reply = visitor.call(endpoint, [given] if endpoint == "predict_batch" else given)
        tells = read_in_batch(reply) if endpoint == "predict_batch" else reply.data
        assert not tells, path


def read_in_batch(reply: Reply) -> list[Any]:
    """The answers in a batch that hold more than an error."""
    return [answer for answer in (reply.data or [[]])[0] if "faces" in answer]


def test_whether_a_file_exists_is_not_told(visitor: Visitor, private_picture: Path) -> None:
    paths = str(private_picture), "/etc/passwd", "/no/such/file", str(private_picture.parent)
    assert len({visitor.call("predict", {"path": path}).error for path in paths}) == 1


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of the machine, such as only those inside may reach."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening


def addresses(listener: socket.socket) -> list[str]:
    """Its address in the ways that have fooled servers."""
    hosts = (
        "127.0.0.1", "localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1",
        "0", "[::1]", "[::ffff:127.0.0.1]", "[::]", "127.0.0.1%2f", "huggingface.co@127.0.0.1",
        "127.0.0.1#.huggingface.co",
    )  # fmt: skip
    port = listener.getsockname()[1]
    return [f"http://{host}:{port}/picture.png" for host in hosts]


def assert_nobody_came(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_nothing_inside_is_asked_for_a_picture(visitor: Visitor, listener: socket.socket) -> None:
    for address in addresses(listener):
        given = {"path": address, "meta": META}
        assert visitor.call("predict", given).data is None
        assert visitor.call("predict", {"path": None, "url": address, "meta": META}).data is None
        assert not read_in_batch(visitor.call("predict_batch", [given]))
    assert_nobody_came(listener)


def test_nothing_inside_is_asked_for_a_file(served_app: str, listener: socket.socket) -> None:
    for address in addresses(listener):
        for route in ROUTES:
            assert get(served_app, route + quote(address, safe="/:@[]%"))[0] >= 400
    assert_nobody_came(listener)


PICTURE_URL = "data:image/png;base64," + base64.b64encode(small_png()).decode()
DEEP: Any = "x"
for _ in range(200):
    DEEP = {"path": [DEEP]}
WRONG = {
    "number": 1,
    "fraction": 1e308,
    "truth": True,
    "text": "picture.png",
    "much text": "x" * 3_000_000,
    "data url as text": PICTURE_URL,
    "data url as path": {"path": PICTURE_URL, "meta": META},
    "file url": {"path": "file:///etc/passwd", "meta": META},
    "url of a file": {"path": None, "url": "file:///etc/passwd", "meta": META},
    "list": [1, [2, [3]]],
    "object": {"a": {"b": {"c": []}}},
    "nested": DEEP,
    "empty path": {"path": "", "meta": META},
    "number as path": {"path": 1, "meta": META},
    "list as path": {"path": ["/etc/passwd"], "meta": META},
    "object as path": {"path": {"path": "/etc/passwd", "meta": META}, "meta": META},
    "null in path": {"path": "a\0b", "meta": META},
    "long path": {"path": "x" * 100_000, "meta": META},
    "wrong size": {"path": "x.png", "size": "big", "meta": META},
    "wrong meta": {"path": "x.png", "meta": {"_type": [1]}},
    "stream": {"path": "/etc/passwd", "is_stream": True, "meta": META},
    "null": None,
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("endpoint", ["predict", "annotate", "predict_batch"])
def test_what_is_no_uploaded_picture_is_refused_with_a_sentence(
    visitor: Visitor, endpoint: str, name: str
) -> None:
    assert visitor.call(endpoint, WRONG[name]).refused
    if endpoint == "predict_batch":
        assert visitor.call(endpoint, [WRONG[name]]).refused


BODIES = {
    "nothing": b"",
    "no json": b"picture",
    "list": b"[]",
    "no data": b"{}",
    "data is a number": b'{"data": 1}',
    "data is null": b'{"data": null}',
    "data is empty": b'{"data": []}',
    "data is too long": b'{"data": [null, null, null]}',
    "deep": b'{"data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "not utf-8": b'{"data": ["\xff\xfe"]}',
    "lone surrogate": b'{"data": ["\\ud800"]}',
    "not a number": b'{"data": [NaN]}',
    "other fields": b'{"data": [null], "fn_index": "x", "session_hash": 1, "event_id": []}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_call_is_refused(visitor: Visitor, name: str) -> None:
    assert visitor.send("predict", BODIES[name]).refused


def test_a_body_beyond_the_largest_upload_is_refused(visitor: Visitor) -> None:
    assert visitor.upload(bytes(TOO_MUCH), "picture.png").status_code == 413
    assert visitor.send("predict", b'{"data": ["' + b"x" * TOO_MUCH + b'"]}').status == 413


def test_after_all_that_a_portrait_is_still_read(visitor: Visitor) -> None:
    (answer,) = visitor.call("predict", visitor.uploaded(PORTRAITS[0].read_bytes())).data or [None]
    assert len(answer["faces"]) == 1


def use_tools(address: str, calls: list[tuple[str, Any]]) -> list[CallToolResult]:
    """What a language model is told by MCP tools that are handed a picture."""

    async def use() -> list[CallToolResult]:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            names = {tool.name: next(iter(tool.inputSchema["properties"])) for tool in tools}
            return [await session.call_tool(tool, {names[tool]: given}) for tool, given in calls]

    return asyncio.run(use())


def test_a_tool_reads_nothing_of_the_server_and_asks_nothing_inside(
    served_app: str, private_picture: Path, listener: socket.socket
) -> None:
    given: list[Any] = [
        str(private_picture), f"file://{private_picture}", "docs/page.jpg", addresses(listener)[0],
        addresses(listener)[8], {"path": str(private_picture), "meta": META},
        {"path": str(private_picture)}, 1, None, [], ["x"], "data:", "data:image/png;base64,====",
    ]  # fmt: skip
    calls = [(tool, one) for tool in ("predict", "annotate") for one in given]
    for call, result in zip(calls, use_tools(served_app, calls), strict=True):
        said = "".join(getattr(part, "text", "picture") for part in result.content)
        assert result.isError or ("faces" not in said and "picture" not in said), call
        assert "Traceback" not in said, call
        assert 'File "' not in said, call
    assert_nobody_came(listener)


@pytest.mark.parametrize("tool", ["predict", "annotate"])
def test_a_tool_reads_what_it_is_handed(served_app: str, tool: str) -> None:
    (result,) = use_tools(served_app, [(tool, PICTURE_URL)])
    assert not result.isError, result.content


GUARD = """
import os, sys

INSIDE = ("127.", "::1", "localhost", "0.0.0.0")

def guard(event, given):
    if event in ("socket.connect", "socket.sendto"):
        host = given[1][0] if isinstance(given[1], tuple) else "localhost"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = given[0] or "localhost"
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if not host.startswith(INSIDE):
        with open(os.environ["GUARD_RECORD"], "a") as record:
            record.write(f"{event} {host}\\n")
        raise OSError("no connections to the outside")

sys.addaudithook(guard)
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitor, Path]]:
    """An app that cannot reach the outside, and the record of where it wanted to."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(GUARD)
    record = folder / "record.txt"
    record.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder / "site"))
        patch.setenv("GUARD_RECORD", str(record))
        with serve(folder) as address:
            yield Visitor(address), record


def test_the_app_starts_and_answers_without_the_outside(guarded: tuple[Visitor, Path]) -> None:
    visitor, record = guarded
    (answer,) = visitor.call("predict", visitor.uploaded(PORTRAITS[0].read_bytes())).data or [None]
    assert len(answer["faces"]) == 1
    assert visitor.http.get("/").status_code == 200
    assert record.read_text() == ""


def test_the_app_is_no_way_to_elsewhere(guarded: tuple[Visitor, Path]) -> None:
    """Else strangers would fetch what they like from the address of this server."""
    visitor, record = guarded
    for route in ROUTES:
        visitor.http.get(f"{route}http://1.1.1.1/picture.png")
    assert record.read_text() == ""


class Loaded(HTMLParser):
    """Collects what a browser loads by itself from a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in (
            "script",
            "img",
            "iframe",
            "video",
            "audio",
            "source",
            "embed",
            "object",
            "base",
        ):
            found = [given.get("src"), given.get("data"), given.get("srcset")]
        else:
            found = [given.get("href") if tag == "link" else None]
        self.addresses += [address for address in found if address]


def test_the_page_loads_nothing_from_elsewhere(served_app: str, visitor: Visitor) -> None:
    page = visitor.http.get("/").text
    loaded = Loaded()
    loaded.feed(page)
    assert loaded.addresses
    styles = [address for address in loaded.addresses if urlsplit(address).path.endswith(".css")]
    sheets = [visitor.http.get(address.removeprefix(".")).text for address in styles]
    sheets += [
        visitor.http.get("/theme.css").text,
        *re.findall(r"<style>(.*?)</style>", page, re.DOTALL),
    ]
    for sheet in sheets:
        loaded.addresses += re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", sheet)
    elsewhere = [
        address
        for address in loaded.addresses
        if re.match(r"(https?:)?//", address) and not address.startswith(served_app)
    ]
    assert elsewhere == []


@pytest.mark.browser
def test_a_browser_asks_no_other_server(served_app: str, chromium: str, tmp_path: Path) -> None:
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=chromium_arguments(film(PORTRAITS[0], tmp_path / "frames.mjpeg")),
        )
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served_app)
        with page.expect_response(lambda response: "/gradio_api/queue/data" in response.url):
            page.locator("input[type=file]").first.set_input_files(PORTRAITS[0])
        page.get_by_role("button", name="Use it from a program").click()
        page.get_by_text("predict_batch").first.wait_for(state="attached")
        page.goto(f"{served_app}/gradio_api/mcp/")
        page.get_by_text("/gradio_api/mcp").first.wait_for()
        browser.close()
    assert any("/gradio_api/upload" in address for address in asked)
    own = (f"{served_app}/", "data:", f"blob:{served_app}/")
    assert [address for address in asked if not address.startswith(own)] == []


def test_the_page_may_be_embedded_as_a_space_is(visitor: Visitor) -> None:
    headers = visitor.http.get("/").headers
    assert "x-frame-options" not in headers
    assert "frame-ancestors" not in headers.get("content-security-policy", "")


def test_the_routes_that_are_not_of_this_page_are_shut(visitor: Visitor) -> None:
    """Gradio's tools for developers."""
    for target in ("/monitoring", "/monitoring/summary", "/gradio_api/vibe-code", "/dev/reload"):
        assert visitor.http.get(target).status_code in (403, 404), target
    said = json.dumps({"component_id": 1, "fn_name": "__init__", "data": [], "session_hash": "x"})
    reply = visitor.http.post("/gradio_api/component_server", content=said)
    assert reply.status_code == 404
