"""Pictures of the page for README and docs, so that they show what is served.

    python -m benchmarks.screenshots               # docs/page.jpg, docs/phone.jpg, docs/card.png
    python -m benchmarks.screenshots --all FOLDER  # every view: desk and phone, light and dark

Needs Chromium and tests/requirements.txt.
"""

import argparse
import base64
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from page.texts import say
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, PORTRAITS, chromium_arguments, film, find_chromium, serve
from tests.serving import ROOT

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LIMIT = 60_000  # milliseconds
QUALITY = 88  # of the JPEG files
GROUP = "group_happy-surprise-angry_01.jpg"


def main() -> None:
    """Start the app, visit it, write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every view, into this folder")
    parser.add_argument("--only", default="", help="of these, those with this in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _visited(Path(name)) as (browser, address):
        if options.all is None:
            _write_docs(browser, address)
        else:
            options.all.mkdir(parents=True, exist_ok=True)
            _write_all(browser, address, options.all, options.only, Path(name))


@contextmanager
def _visited(folder: Path) -> Iterator[tuple[Browser, str]]:
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("error: Chromium is missing: apt-get install chromium")
    camera = film(EXAMPLES / "happy_f_asian_01.jpg", folder / "frames.mjpeg")
    with serve(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=chromium_arguments(camera)
        )
        yield browser, address
        browser.close()


def _write_docs(browser: Browser, address: str) -> None:
    for name, size in (("page", DESK), ("phone", PHONE)):
        page = _open(browser, address, size, "light", "en")
        _example(page, GROUP)
        _save(page, ROOT / "docs" / f"{name}.jpg")
        page.context.close()
    page = _open(browser, address, DESK, "light", "en")
    _share(page)
    page.get_by_label(say("share.face", "en")).check()
    page.wait_for_timeout(500)  # the card is drawn when its pictures are there
    card = page.locator(".fer-share-card").evaluate("(card) => card.toDataURL('image/png')")
    (ROOT / "docs" / "card.png").write_bytes(base64.b64decode(card.partition(",")[2]))
    page.context.close()


def _write_all(browser: Browser, address: str, folder: Path, only: str, work: Path) -> None:
    clip = write_clip(
        work / "clip.mp4",
        [scene(Part("happy_f_asian_01", 200), Part("angry_f_african_02", 440))] * 25
        + [scene(Part("surprise_m_african_01", 220))] * 15,
        [number / 5 for number in range(40)],
    )
    views: dict[str, Callable[[Page], None]] = {
        "start": lambda page: page.locator("#tab-picture").focus(),
        "one": lambda page: _example(page, "happy_f_asian_01.jpg"),
        "unsure": lambda page: _gallery(page, "angry_f_african_01.jpg"),
        "group": lambda page: _example(page, GROUP),
        "nobody": lambda page: _gallery(page, "lake_01.jpg"),
        "why": _why,
        "share": _share,
        "examples": lambda page: page.locator("#tab-examples").click(),
        "sheet": _sheet,
        "video": lambda page: _video(page, clip),
        "consent": lambda page: page.locator("#tab-live").click(),
        "live": _live,
        "summary": _summary,
    }
    for name, view in views.items():
        for size_name, size in (("desk", DESK), ("phone", PHONE)):
            for scheme, language in (("light", "en"), ("dark", "fr")):
                whole = f"{name}-{size_name}-{scheme}"
                if only not in whole:
                    continue
                page = _open(browser, address, size, scheme, language)
                view(page)
                page.wait_for_timeout(400)
                page.screenshot(path=folder / f"{whole}.png")
                page.context.close()


def _open(browser: Browser, address: str, size: dict[str, int], scheme: str, language: str) -> Page:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="fr-FR" if language == "fr" else "en-US",
        permissions=["camera"],
    )
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".fer-example img").first).to_be_visible(timeout=LIMIT)
    shown = "[...document.querySelectorAll('.fer-example img')].every((image) => image.complete)"
    page.wait_for_function(shown, timeout=LIMIT)
    return page


def _answered(page: Page) -> None:
    expect(page.locator("#answer")).to_be_visible(timeout=LIMIT)


def _example(page: Page, name: str) -> None:
    page.locator(f'.fer-example[data-name="{name}"]').click()
    _answered(page)


def _gallery(page: Page, name: str) -> None:
    page.locator("#tab-examples").click()
    _example(page, name)


def _why(page: Page) -> None:
    _example(page, "happy_f_asian_01.jpg")
    page.locator("#answer .fer-actions button").first.click()
    expect(page.locator(".fer-why figure").first).to_be_visible(timeout=LIMIT)


def _share(page: Page) -> None:
    _example(page, "surprise_m_african_01.jpg")
    page.locator("#answer .fer-actions button").nth(2).click()
    expect(page.locator(".fer-share-card")).to_be_visible()


def _sheet(page: Page) -> None:
    files = [*PORTRAITS[:7], EXAMPLES / GROUP, EXAMPLES / "lake_01.jpg"]
    page.set_input_files("#upload input[type=file]", files)
    expect(page.locator(".fer-sheet-head button").first).to_be_enabled(timeout=LIMIT)


def _video(page: Page, clip: Path) -> None:
    page.set_input_files("#upload input[type=file]", clip)
    expect(page.locator(".fer-panel .fer-actions button")).to_be_visible(timeout=LIMIT)


def _live(page: Page) -> None:
    page.locator("#tab-live").click()
    page.locator(".fer-consent button").click()
    expect(page.locator("#live-line img")).to_be_visible(timeout=LIMIT)
    page.wait_for_timeout(3000)  # of trail


def _summary(page: Page) -> None:
    _live(page)
    page.locator(".fer-stop").click()


def _save(page: Page, path: Path) -> None:
    """As JPEG; Chromium's own would be larger at the same quality."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(path, quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
