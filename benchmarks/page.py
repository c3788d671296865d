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

from tests.conftest import EXAMPLES, chromium_arguments, film, find_chromium, serve

LIMIT = 30_000  # milliseconds
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
        page = open_page(browser, address)
        rows = {
            "first load": times(lambda: first_load(browser, address)),
            "click on an example to its answer": times(lambda: example(page)),
            "upload of a 12-megapixel photograph to its answer": times(
                lambda: upload(page, photograph)
            ),
        }
        frames = live(open_page(browser, address))
        browser.close()
    print("| what | median | worst |\n|---|---:|---:|")
    for what, seconds in rows.items():
        print(f"| {what} | {statistics.median(seconds):.2f} s | {max(seconds):.2f} s |")
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


def open_page(browser: Browser, address: str) -> Page:
    """A fresh visitor, with the page ready."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US", permissions=["camera"]
    )
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("tab", name="Upload")).to_be_visible(timeout=LIMIT)
    return page


def first_load(browser: Browser, address: str) -> float:
    """From the address to a page that can be used, nothing in the browser's cache."""
    start = time.perf_counter()
    page = open_page(browser, address)
    seconds = time.perf_counter() - start
    page.context.close()
    return seconds


def example(page: Page) -> float:
    """Another example each time, so that an old answer is not taken for the new one."""
    page.get_by_role("tab", name="Examples").click()
    shown = page.locator("#answer .fer-headline")
    now = shown.inner_text() if shown.count() else ""
    name = "Surprise" if "Happy" in now else "Happy"
    button = page.locator("#gallery button", has_text=name)
    start = time.perf_counter()
    button.click()
    expect(shown).to_contain_text(name, timeout=LIMIT)
    return time.perf_counter() - start


def upload(page: Page, photograph: Path) -> float:
    """From choosing the file to the answer, the upload over loopback included."""
    page.get_by_role("button", name="Start over").click()
    shown = page.locator("#answer .fer-headline")
    expect(shown).to_have_count(0, timeout=LIMIT)
    start = time.perf_counter()
    page.set_input_files("#upload input[type=file]", photograph)
    expect(shown).to_contain_text("Happy", timeout=LIMIT)
    return time.perf_counter() - start


def live(page: Page) -> float:
    """Frames a second that come back answered."""
    page.get_by_role("tab", name="Live").click()
    page.get_by_role("button", name="I agree").locator("visible=true").click()
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera").get_by_text("Record").click()
    expect(page.locator("#annotated img")).to_be_visible(timeout=LIMIT)
    answered = page.evaluate(
        """(seconds) => new Promise((resolve) => {
            let count = 0;
            const seen = new MutationObserver((changes) => {
                for (const change of changes) {
                    const added = [...change.addedNodes].filter((node) => node.querySelector);
                    count += added.some((node) => node.matches("img") || node.querySelector("img"));
                    count += change.attributeName === "src";
                }
            });
            seen.observe(document.querySelector("#annotated"), {
                subtree: true, childList: true, attributes: true, attributeFilter: ["src"],
            });
            setTimeout(() => { seen.disconnect(); resolve(count); }, 1000 * seconds);
        })""",
        LIVE_SECONDS,
    )
    return float(answered) / LIVE_SECONDS


if __name__ == "__main__":
    main()
