"""Programs of every kind: what they may give, what they are told, what the log says of it."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool

from app import build_demo
from fer_core import EmotionRecognizer, __version__
from fer_core.images import MAX_BYTES, TOO_MANY_BYTES, UNREADABLE
from page.addresses import NOT_FETCHED, SERVED
from page.calls import NO_EVENT, NO_JSON, NO_SESSION
from page.parameters import BAD_DATA
from page.pictures import NO_PICTURE, NO_VIDEO
from page.texts import TEXTS
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, ROOT
from tests.hostile import META, Reply, Visitor
from tests.serving import Server, served
from tests.web import ROOT as WEB
from tests.web import Web, customize, web

HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
DATA = "data:image/jpeg;base64," + base64.b64encode(HAPPY.read_bytes()).decode()
SCHEMA = json.loads((ROOT / "docs" / "answer.schema.json").read_text(encoding="utf-8"))
KIND = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Programs:
    """An app, programs that use it, and the internet as it sees it."""

    server: Server
    visitor: Visitor
    internet: Web

    @property
    def log(self) -> str:
        return self.server.log.read_text(encoding="utf-8")

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.visitor.http.post(f"/gradio_api/{path}", json=body)

    def call(self, name: str, **arguments: Any) -> Reply:
        """The way with names."""
        taken = self.post(f"call/v2/{name}", arguments)
        if taken.status_code != 200:
            return Reply(taken.status_code, error=taken.json()["detail"])
        said = self.visitor.http.get(f"/gradio_api/call/v2/{name}/{taken.json()['event_id']}").text
        event, _, told = said.rpartition("event: ")[2].partition("\ndata: ")
        answer = json.loads(told)
        return Reply(200, data=answer) if event == "complete" else Reply(200, error=answer["error"])

    def use(self, *calls: tuple[str, Any]) -> list[CallToolResult]:
        """What tools say; the client checks structured content by the tool's own schema."""

        async def ask() -> list[CallToolResult]:
            async with (
                streamable_http_client(f"{self.server.address}/gradio_api/mcp/") as (get, put, _),
                ClientSession(get, put) as session,
            ):
                await session.initialize()
                await session.list_tools()
                return [await session.call_tool(name, {"image": given}) for name, given in calls]

        return asyncio.run(ask())

    def tools(self) -> dict[str, Tool]:
        async def ask() -> list[Tool]:
            async with (
                streamable_http_client(f"{self.server.address}/gradio_api/mcp/") as (get, put, _),
                ClientSession(get, put) as session,
            ):
                await session.initialize()
                return list((await session.list_tools()).tools)

        return {tool.name: tool for tool in asyncio.run(ask())}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    folder = tmp_path_factory.mktemp("programs")
    with web() as internet, pytest.MonkeyPatch.context() as patch:
        customize(folder / "site", internet, patch)
        internet.pages |= {
            "/happy.jpg": HAPPY.read_bytes(),
            "/page.html": b"<html>",
            "/huge.jpg": bytes(MAX_BYTES + 1),
            "/inside.jpg": "http://127.0.0.1/happy.jpg",
        }
        with served(folder) as server:
            yield Programs(server, Visitor(server.address), internet)


@pytest.fixture(scope="module")
def happy(recognizer: EmotionRecognizer) -> dict[str, Any]:
    return recognizer.recognize(HAPPY).to_dict()


def text_of(result: CallToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


# Tools.


def test_a_tool_answers_in_json_as_text_and_structured(
    programs: Programs, happy: dict[str, Any]
) -> None:
    for result in programs.use(("predict", DATA), ("predict", f"{WEB}/happy.jpg")):
        assert not result.isError
        assert result.structuredContent == happy
        (content,) = result.content
        assert json.loads(content.text) == happy  # type: ignore[union-attr]


def test_a_tool_gives_a_marked_picture(programs: Programs) -> None:
    for result in programs.use(("annotate", DATA), ("annotate", f"{WEB}/happy.jpg")):
        assert not result.isError
        assert result.content[0].type == "image"
        assert base64.b64decode(result.content[0].data).startswith(b"\xff\xd8\xff")


def test_tools_tell_what_they_take_and_give(programs: Programs) -> None:
    tools = programs.tools()
    assert set(tools) == {"predict", "annotate"}
    for tool in tools.values():
        assert tool.description is not None
        assert "http" in tool.description
        assert "data URI" in tool.description
        assert ",," not in tool.description
        assert "at most 20 MB" in tool.inputSchema["properties"]["image"]["description"]
        assert tool.inputSchema["required"] == ["image"]
        assert tool.annotations is not None
        assert tool.annotations.readOnlyHint
    assert tools["predict"].outputSchema == SCHEMA
    shown = programs.visitor.http.get("/gradio_api/mcp/schema").json()
    assert {tool["name"]: tool["description"] for tool in shown} == {
        name: tool.description for name, tool in tools.items()
    }
    (result,) = programs.use(("predict_batch", None))
    assert result.isError


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (f"{WEB}/missing.jpg", NOT_FETCHED),
        (f"{WEB}/inside.jpg", NOT_FETCHED),
        ("http://127.0.0.1/happy.jpg", NOT_FETCHED),
        ("examples/happy_f_asian_01.jpg", NOT_FETCHED),
        (str(HAPPY), NOT_FETCHED),
        (f"{WEB}/page.html", UNREADABLE),
        (f"{WEB}/huge.jpg", TOO_MANY_BYTES),
        ("data:image/jpeg;base64,====", BAD_DATA),
    ],
)
def test_a_tool_tells_what_is_wrong_in_a_sentence(
    programs: Programs, given: str, sentence: str
) -> None:
    for result in programs.use(("predict", given), ("annotate", given)):
        assert result.isError
        assert text_of(result) == sentence


@pytest.mark.slow
def test_files_of_a_user_come_by_the_tool_that_gradio_names(
    programs: Programs, happy: dict[str, Any], tmp_path: Path
) -> None:
    """Its address is one of the server itself, which nobody else may have asked."""
    picture = shutil.copy(HAPPY, tmp_path / "my face.jpg")
    beside = StdioServerParameters(
        command=str(Path(sys.executable).with_name("gradio")),
        args=["upload-mcp", programs.server.address, str(tmp_path)],
    )

    async def upload() -> str:
        async with stdio_client(beside) as (get, put), ClientSession(get, put) as session:
            await session.initialize()
            result = await session.call_tool("upload_file_to_gradio", {"file": str(picture)})
            return text_of(result)

    address = asyncio.run(upload())
    assert address.startswith(f"{programs.server.address}{SERVED}")
    elsewhere = address.replace(programs.server.address, "https://somebody-space.hf.space")
    for result in programs.use(("predict", address), ("predict", elsewhere)):
        assert result.structuredContent == happy


# Calls.


def test_a_call_takes_what_its_description_offers(
    programs: Programs, happy: dict[str, Any]
) -> None:
    uploaded = programs.visitor.uploaded(HAPPY.read_bytes())
    given: list[Any] = [
        uploaded,
        {"url": DATA, "meta": META},
        {"path": None, "url": DATA},
        {"url": f"{WEB}/happy.jpg"},
        {"path": f"{WEB}/happy.jpg", "meta": META},
        {"path": f"{programs.server.address}{SERVED}{uploaded['path']}", "meta": META},
    ]
    for one in given:
        assert programs.visitor.call("predict", one).data == [happy], one
        assert programs.call("predict", image=one).data == [happy], one


def test_an_address_is_what_the_python_client_takes(
    programs: Programs, happy: dict[str, Any], tmp_path: Path
) -> None:
    client = Client(programs.server.address, verbose=False, download_files=tmp_path)
    picture = handle_file(f"{WEB}/happy.jpg")
    assert client.predict(image=picture, api_name="/predict") == happy
    answers, _ = client.predict(images=[picture, picture], api_name="/predict_batch")
    assert answers == [{"picture": "happy.jpg", **happy}] * 2
    with pytest.raises(AppError) as caught:
        client.predict(image=handle_file(f"{WEB}/missing.jpg"), api_name="/predict")
    assert str(caught.value) == NOT_FETCHED


def test_a_video_by_address_is_read_and_not_kept(programs: Programs, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [scene(Part(HAPPY.stem))] * 3, [0.0, 0.2, 0.4])
    programs.internet.pages["/clip.mp4"] = clip.read_bytes()
    before = {path for path in programs.server.copies.rglob("*") if path.is_file()}
    given = {"path": f"{WEB}/clip.mp4", "meta": META}
    summary, timeline, table = programs.call("predict_video", video=given).data or [None] * 3
    assert summary["frames"] == len(timeline) == 3
    assert table.splitlines()[1].startswith("clip.mp4,")
    assert {path for path in programs.server.copies.rglob("*") if path.is_file()} <= before
    given["path"] = f"{WEB}/missing.mp4"
    assert programs.call("predict_video", video=given).error == NOT_FETCHED


@pytest.mark.parametrize("way", ["call", "call/v2"])
@pytest.mark.parametrize("name", ["predikt", "0"])
def test_a_wrong_endpoint_is_told(programs: Programs, way: str, name: str) -> None:
    before = len(programs.log)
    told = programs.post(f"{way}/{name}", {"data": []} if way == "call" else {})
    assert told.status_code == 404
    assert "/predict, /annotate, /predict_batch, /predict_video" in told.json()["detail"]
    assert_one_line(programs.log[before:])


@pytest.mark.parametrize("arguments", [{}, {"picture": None}, {"image": None, "other": 1}])
def test_wrong_names_of_arguments_are_told(programs: Programs, arguments: dict[str, Any]) -> None:
    before = len(programs.log)
    told = programs.post("call/v2/predict", arguments)
    assert told.status_code == 422
    assert told.json()["detail"] == '/predict takes "image" by name, and nothing else.'
    assert_one_line(programs.log[before:])


@pytest.mark.parametrize(
    ("path", "body"),
    [("call/predict", b"{}"), ("call/predict", b"pixels"), ("call/v2/predict", b"[1]")],
)
def test_a_body_that_is_no_call_is_told(programs: Programs, path: str, body: bytes) -> None:
    before = len(programs.log)
    told = programs.visitor.http.post(f"/gradio_api/{path}", content=body, headers=KIND)
    assert (told.status_code, told.json()["detail"]) == (422, NO_JSON)
    assert_one_line(programs.log[before:])


@pytest.mark.parametrize("endpoint", ["predict", "predict_video"])
def test_what_is_no_file_is_told(programs: Programs, endpoint: str) -> None:
    missing = NO_VIDEO if endpoint == "predict_video" else NO_PICTURE
    for data in ([], [None], [1], ["picture.jpg"], [{"path": "/etc/passwd", "meta": META}]):
        assert programs.visitor.call(endpoint, *data).error == missing, data


def test_an_event_that_there_is_not_is_told(programs: Programs) -> None:
    uploaded = programs.visitor.uploaded(HAPPY.read_bytes())
    event = programs.post("call/v2/predict", {"image": uploaded}).json()["event_id"]
    answer = f"/gradio_api/call/predict/{event}"
    assert "event: complete" in programs.visitor.http.get(answer).text
    before = len(programs.log)
    for path in (answer, "/gradio_api/call/predict/0", "/gradio_api/call/v2/predict/0"):
        told = programs.visitor.http.get(path)
        assert (told.status_code, told.json()["detail"]) == (404, NO_EVENT)
    assert_one_line(programs.log[before:], 3)


def test_a_session_that_is_over_is_told(programs: Programs) -> None:
    before = len(programs.log)
    told = programs.visitor.http.get("/gradio_api/queue/data?session_hash=gone").text
    message = json.loads(told.removeprefix("data: "))
    assert message["message"] == NO_SESSION
    assert message["session_not_found"]
    assert_one_line(programs.log[before:])


def assert_one_line(log: str, lines: int = 1) -> None:
    assert log.count("\n") == lines, log
    assert "Traceback" not in log


def test_no_program_fills_the_memory_with_pictures_inside_of_calls(programs: Programs) -> None:
    """Gradio keeps what was sent in each session, and each call is one."""
    huge = "data:image/jpeg;base64," + base64.b64encode(bytes(9_000_000)).decode()
    assert programs.visitor.call("predict", {"url": huge}).error == UNREADABLE
    before = programs.server.resident_mb
    for _ in range(12):
        assert programs.visitor.call("predict", {"url": huge}).error == UNREADABLE
    assert programs.server.resident_mb - before < 75  # it would be 150


def test_no_event_of_the_page_fetches_addresses(programs: Programs) -> None:
    programs.internet.asked.clear()
    config = programs.visitor.http.get("/config").json()
    public = {"predict", "annotate", "predict_batch", "predict_video"}
    for event in config["dependencies"]:
        if event["api_name"] not in public and event["backend_fn"]:
            given = {"path": f"{WEB}/happy.jpg", "meta": META}
            body = {
                "data": [given] * len(event["inputs"]),
                "fn_index": event["id"],
                "session_hash": "stranger",
            }
            programs.post("run/predict", body)
    assert programs.internet.asked == []


# Descriptions.


def test_the_openapi_document_is_ours(programs: Programs) -> None:
    document = programs.visitor.http.get("/gradio_api/openapi.json").json()
    assert document["info"]["title"] == TEXTS["title"]["en"]
    assert document["info"]["version"] == __version__
    assert "emotion" in document["info"]["description"]
    assert "/gradio_api/call/v2/predict" in document["paths"]


def test_the_calls_that_the_page_shows_are_of_our_pictures_and_work(
    programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints = programs.visitor.http.get("/gradio_api/info").json()["named_endpoints"]
    write_clip(tmp_path / "clip.mp4", [scene(Part(HAPPY.stem))] * 3, [0.0, 0.2, 0.4])
    for name, endpoint in endpoints.items():
        snippets = endpoint["code_snippets"]
        for language, code in snippets.items():
            assert "gradio/main" not in code
            assert "clip.mp4" in code or HAPPY.name in code, language
        assert f"/call/v2{name}" in snippets["bash"]
        said = subprocess.run(
            ["sh", "-c", snippets["bash"]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "event: complete" in said, name
        assert "happy" in said or name == "/annotate"
    exec(endpoints["/predict_batch"]["code_snippets"]["python"], {})  # noqa: S102 - ours
    assert "happy" in capsys.readouterr().out
    script = endpoints["/predict_batch"]["code_snippets"]["javascript"]
    assert re.search(r"images: \[handle_file\(.*happy.*\), handle_file\(.*group.*\)\]", script)


def test_on_a_space_the_examples_have_its_address(
    recognizer: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_HOST", "somebody-space.hf.space")
    info = build_demo(recognizer).get_api_info()["named_endpoints"]["/predict"]
    (parameter,) = info["parameters"]
    assert parameter["example_input"]["url"].startswith(f"https://somebody-space.hf.space{SERVED}/")
