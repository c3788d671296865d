"""A picture is followed: where its bytes lie, for how long, and what is told of it."""

import base64
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from fer_core.emotions import FER2013_LABELS
from page.copies import COPY_SECONDS
from tests.clips import Part, scene, write_clip
from tests.conftest import PORTRAITS, chromium_arguments, film, serve
from tests.hostile import META, Visitor, begin_event, segment
from tests.test_isolation import use_tools
from tests.web import ROOT as WEB
from tests.web import customize, web

NAME = "aunt-erna"
PATTERN = b"bytes-that-are-nowhere-else-0123456789-0123456789"
JPEG = b"\xff\xd8" + segment(0xFE, PATTERN) + PORTRAITS[0].read_bytes()[2:]
AS_URL = "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
# How it looks inside of base64, depending on where it starts; the ends mix with their neighbours.
ENCODED = [base64.b64encode(bytes(shift) + PATTERN)[4:-8] for shift in range(3)]
# How pictures, WebM clips and ZIP archives begin; MP4 clips have b"ftyp" after four bytes.
HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"GIF8", b"\x1a\x45\xdf\xa3", b"PK\x03\x04")

# The thread that sweeps need not be waited for ten seconds.
IMPATIENT = """
import threading, time
sleep = time.sleep
def sleep_less(seconds):
    sleep(min(seconds, 0.2) if threading.current_thread().name == "sweep" else seconds)
time.sleep = sleep_less
"""


@dataclass(frozen=True, slots=True)
class House:
    """An app whose every folder is known."""

    visitor: Visitor
    address: str
    folder: Path

    @property
    def copies(self) -> Path:
        """The only folder where pictures may lie."""
        return self.folder / "copies" / "face-emotion-reader"

    @property
    def log(self) -> str:
        """What the app has said so far."""
        return (self.folder / "log.txt").read_text(encoding="utf-8")

    def traces(self) -> list[Path]:
        """Files with the picture in them, and all other pictures, clips and archives."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in files if shows(path.read_bytes())]


def shows(data: bytes) -> bool:
    """Whether bytes tell of the picture, or are a picture, clip or archive."""
    if data.startswith(HEADS) or data[4:8] == b"ftyp":
        return True
    return any(trace in data for trace in (PATTERN, *ENCODED))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    for name in ("temporary", "home"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "temporary"))
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "home"))
        with web() as internet:
            internet.pages[f"/{NAME}.jpg"] = JPEG
            customize(folder / "site", internet, patch, IMPATIENT)
            with serve(folder) as address:
                yield House(Visitor(address), address, folder)


def by_endpoints(house: House) -> None:
    for endpoint in ("predict", "annotate", "predict_batch"):
        given = house.visitor.uploaded(JPEG, f"{NAME}.jpg")
        reply = house.visitor.call(endpoint, [given] if endpoint == "predict_batch" else given)
        assert reply.data, endpoint


def by_the_page(house: House) -> None:
    given = house.visitor.uploaded(JPEG, f"{NAME}.jpg")
    assert "happy" in page_event(house.visitor, "read_picture", given["path"], f"{NAME}.jpg")
    assert "data:image" in page_event(house.visitor, "explain", given["path"], 0)
    assert "data:image" in page_event(house.visitor, "preview", given["path"])


def by_the_archive(house: House) -> None:
    file = {"path": house.visitor.uploaded(JPEG, f"{NAME}.jpg")["path"], "name": f"{NAME}.jpg"}
    assert "zip" in page_event(house.visitor, "pack", [file], "en")


def by_a_clip_of_the_page(house: House) -> None:
    """A video of the page's own camera."""
    with TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "clip.mp4", [scene(Part(PORTRAITS[0].stem))] * 3)
        box = (8 + len(PATTERN)).to_bytes(4, "big") + b"free" + PATTERN
        given = house.visitor.uploaded(clip.read_bytes() + box, f"{NAME}.mp4")
    assert "summary" in page_event(house.visitor, "read_video", given["path"], f"{NAME}.mp4")


def by_the_live_camera(house: House) -> None:
    frame = {"frame": AS_URL, "first": True}
    assert "happy" in page_event(house.visitor, "read_frame", frame, None)


def by_a_tool(house: House) -> None:
    for result in use_tools(house.address, [("predict", AS_URL), ("annotate", AS_URL)]):
        assert not result.isError


def by_a_video(house: House) -> None:
    with TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "clip.mp4", [scene(Part(PORTRAITS[0].stem))] * 3)
        box = (8 + len(PATTERN)).to_bytes(4, "big") + b"free" + PATTERN
        given = house.visitor.uploaded(clip.read_bytes() + box, f"{NAME}.mp4")
    assert house.visitor.call("predict_video", given).data


def by_a_recording(house: House) -> None:
    """What a browser records of its camera."""
    with TemporaryDirectory() as folder:
        images = [scene(Part(PORTRAITS[0].stem))] * 3
        clip = write_clip(Path(folder) / "clip.webm", images, codec="libvpx")
        void = b"\xec" + (0x80 | len(PATTERN)).to_bytes(1, "big") + PATTERN
        given = house.visitor.uploaded(clip.read_bytes() + void, f"{NAME}.webm")
    assert house.visitor.call("predict_video", given).data


def by_address(house: House) -> None:
    """What a program names by address is fetched, and no copy of it is written."""
    for endpoint in ("predict", "predict_batch"):
        given = {"path": f"{WEB}/{NAME}.jpg", "meta": META}
        reply = house.visitor.call(endpoint, [given] if endpoint == "predict_batch" else given)
        assert reply.data, endpoint
        assert house.traces() == []
    (result,) = use_tools(house.address, [("predict", f"{WEB}/{NAME}.jpg")])
    assert not result.isError
    assert house.traces() == []


def by_data(house: House) -> None:
    """A picture inside of a call."""
    assert house.visitor.call("predict", {"url": AS_URL}).data
    assert house.traces() == []


def by_the_recorder(house: House) -> None:
    """Gradio's route for recordings of the screen, which anybody may send to."""
    house.visitor.http.post("/gradio_api/process_recording", files={"video": ("a.mp4", JPEG)})


def page_event(visitor: Visitor, name: str, *data: Any) -> str:
    """What the page is told in the end, in the way in which the browser asks."""
    begin_event(visitor, name, list(data), "visitor")
    asked = visitor.http.base_url.join("/gradio_api/queue/data?session_hash=visitor")
    told = ""
    with httpx.stream("GET", asked, timeout=30) as events:
        for line in events.iter_lines():
            if re.search(r'"msg": ?"process_(completed|generating)"', line) and '"data"' in line:
                told = line
    return told


WAYS = (
    by_endpoints,
    by_the_page,
    by_the_archive,
    by_a_clip_of_the_page,
    by_the_live_camera,
    by_a_tool,
    by_address,
    by_data,
    by_a_video,
    by_a_recording,
    by_the_recorder,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_copies_lie_in_their_folder_alone_and_not_for_long(house: House, way: Any) -> None:
    try:
        way(house)
        assert [path for path in house.traces() if not path.is_relative_to(house.copies)] == []
        assert NAME not in house.log
        grow_old(house)
        deadline = time.monotonic() + 10
        while house.traces() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert house.traces() == []
    finally:
        for path in house.traces():  # each way for itself
            if path.name != "log.txt":
                path.unlink(missing_ok=True)


def grow_old(house: House) -> None:
    """Let all copies have lain for as long as they may."""
    then = time.time() - COPY_SECONDS - 1
    for path in sorted(house.folder.rglob("*"), reverse=True):
        if path.is_relative_to(house.folder / "copies") or "temporary" in path.parts:
            os.utime(path, (then, then))


REFUSALS = {
    "as text": lambda given: given["path"],
    "as url": lambda given: AS_URL,
    "as url in a path": lambda given: {"path": AS_URL, "meta": META},
    "nested": lambda given: [[given]],
    "with a wrong size": lambda given: {**given, "size": "large"},
    "gone": lambda given: {**given, "path": given["path"] + ".gone"},
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("endpoint", ["predict", "predict_batch"])
def test_a_refusal_leaves_nothing_of_the_picture_in_the_log(
    house: House, endpoint: str, name: str
) -> None:
    before = len(house.log)
    given = REFUSALS[name](house.visitor.uploaded(JPEG, f"{NAME}.jpg"))
    house.visitor.call(endpoint, [given] if endpoint == "predict_batch" else given)
    told = house.log[before:]
    assert NAME not in told
    assert AS_URL[100:160] not in told
    assert not shows(told.encode())


def test_no_answer_stands_in_the_log(house: House) -> None:
    by_endpoints(house)
    by_the_page(house)
    by_a_video(house)
    said = re.findall(r"[a-z]+", house.log.lower())
    assert not set(FER2013_LABELS) & set(said)
    assert "127.0.0.1" not in house.log.replace(house.address, "")  # nor who asked


STORED = """async () => {
    const kept = { ...localStorage, ...sessionStorage };
    for (const { name } of await indexedDB.databases()) kept["database " + name] = "there";
    for (const name of await caches.keys()) kept["cache " + name] = "there";
    return kept;
}"""


@pytest.mark.browser
def test_the_browser_keeps_nothing_of_picture_and_answer(
    house: House, chromium: str, tmp_path: Path
) -> None:
    picture = tmp_path / f"{NAME}.jpg"
    picture.write_bytes(JPEG)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=chromium_arguments(film(picture, tmp_path / "frames.mjpeg")),
        )
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.goto(house.address)
        empty = page.evaluate(STORED)
        page.set_input_files("#upload input[type=file]", picture)
        expect(page.locator("#answer h2")).to_be_visible(timeout=30_000)
        kept, cookies = page.evaluate(STORED), context.cookies()
        browser.close()
    said = json.dumps({key: value for key, value in kept.items() if empty.get(key) != value})
    for trace in (NAME, "data:image", "face-emotion-reader", *FER2013_LABELS):
        assert trace not in said.lower()
    assert not [key for key in kept if key.startswith(("database ", "cache "))]
    assert cookies == []
