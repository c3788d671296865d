"""How long a visitor waits: the page in a real Chromium, over loopback, on an idle machine.

    python -m benchmarks.page

Prints a Markdown table of medians and worst cases. It needs Chromium and tests/requirements.txt.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, PORTRAITS, chromium_arguments, film, find_chromium, serve

LIMIT, VIDEO_LIMIT = 30_000, 180_000  # milliseconds
REPEATS = 7
LIVE_SECONDS = 6


def main() -> None:
    """Measure, print."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("error: Chromium is missing: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as name,
        serve(Path(name)) as address,
        sync_playwright() as playwright,
    ):
        camera = film(EXAMPLES / "happy_f_asian_01.jpg", Path(name) / "frames.mjpeg")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=chromium_arguments(camera)
        )
        photograph = twelve_megapixels(Path(name) / "photograph.jpg")
        twelve = (PORTRAITS * 2)[:12]
        clip = twenty_seconds(Path(name) / "clip.mp4")
        page = open_page(browser, address)
        rows = {
            "first load": times(lambda: first_load(browser, address)),
            "click on an example to its answer": times(lambda: example(page)),
            "upload of a 12-megapixel photograph to its answer": times(
                lambda: upload(page, photograph)
            ),
            "12 portraits to their answers": times(lambda: upload(page, *twelve)),
        }
        of_clip = video(page, clip)
        frames = live(open_page(browser, address))
        browser.close()
    print("| what | median | worst |\n|---|---:|---:|")
    for what, seconds in rows.items():
        print(f"| {what} | {statistics.median(seconds):.2f} s | {max(seconds):.2f} s |")
    print(f"| a clip of 20 seconds, 1280x720, to its summary | {of_clip:.1f} s | |")
    print(f"| live, frames answered a second | {frames:.1f} | |")


def times(what: Callable[[], float]) -> list[float]:
    """Seconds of several runs, after one that does not count."""
    what()
    return [what() for _ in range(REPEATS)]


def twelve_megapixels(path: Path) -> Path:
    """A portrait as a phone writes it: 4000x3000, a face in the middle."""
    portrait = cv2.imread(str(EXAMPLES / "happy_f_asian_01.jpg"))
    assert portrait is not None
    face = cv2.resize(portrait, (1800, 1800))
    whole = cv2.copyMakeBorder(face, 600, 600, 1100, 1100, cv2.BORDER_REFLECT_101)
    noise = np.random.default_rng(0).normal(0, 4, whole.shape)  # a file of some megabytes
    photograph = np.clip(cv2.GaussianBlur(whole, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), photograph, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


def twenty_seconds(path: Path) -> Path:
    """Two faces before a wall, 1280x720, 30 frames a second."""
    names = (PORTRAITS[0].stem, PORTRAITS[3].stem)
    one, other = (
        scene(
            Part(names[0], 400 + shift, 360),
            Part(names[1], 900 - shift, 330),
            width=1280,
            height=720,
        )
        for shift in (0, 6)
    )
    return write_clip(path, [one, other] * 300)


def open_page(browser: Browser, address: str) -> Page:
    """A fresh visitor, with the page ready."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US", permissions=["camera"]
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".fer-example img").first).to_be_visible(timeout=LIMIT)
    return page


def first_load(browser: Browser, address: str) -> float:
    """From the address to a page that can be used, nothing in the browser's cache."""
    start = time.perf_counter()
    page = open_page(browser, address)
    seconds = time.perf_counter() - start
    page.context.close()
    return seconds


def start_over(page: Page) -> None:
    """Back to the empty stage."""
    page.locator("#tab-picture").click()
    expect(page.locator(".fer-start")).to_be_visible(timeout=LIMIT)


def example(page: Page) -> float:
    """From the click on an example to its answer."""
    start_over(page)
    start = time.perf_counter()
    page.locator('.fer-example[data-name="happy_f_asian_01.jpg"]').click()
    expect(page.locator("#answer h2")).to_contain_text("Happy", timeout=LIMIT)
    return time.perf_counter() - start


def upload(page: Page, *photographs: Path) -> float:
    """From choosing the files to the answer, the upload over loopback included."""
    start_over(page)
    start = time.perf_counter()
    page.set_input_files("#upload input[type=file]", list(photographs))
    if len(photographs) == 1:
        expect(page.locator("#answer h2")).to_contain_text("Happy", timeout=LIMIT)
    else:
        expect(page.locator(".fer-sheet-head button").first).to_be_enabled(timeout=LIMIT)
    return time.perf_counter() - start


def video(page: Page, clip: Path) -> float:
    """From choosing a clip to its summary."""
    start_over(page)
    start = time.perf_counter()
    page.set_input_files("#upload input[type=file]", clip)
    expect(page.locator(".fer-panel .fer-actions button")).to_be_visible(timeout=VIDEO_LIMIT)
    return time.perf_counter() - start


def live(page: Page) -> float:
    """Frames a second that come back answered."""
    page.locator("#tab-live").click()
    page.locator(".fer-consent button").click()
    expect(page.locator("#live-line img")).to_be_visible(timeout=LIMIT)
    count = "() => Number(document.querySelector('.fer').dataset.frames)"
    before, start = page.evaluate(count), time.perf_counter()
    page.wait_for_timeout(1000 * LIVE_SECONDS)
    return float(page.evaluate(count) - before) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
