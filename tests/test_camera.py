"""Visitors whose camera fails: they are told what to do, and go on without a reload."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from page.texts import say
from tests.conftest import chromium_arguments, film
from tests.test_browser import ANSWER_LIMIT, DESK, HAPPY, PHONE, expect_answer, upload

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
PLACES = {"#webcam": "tab.webcam", "#camera": "tab.live"}
MISSING = """() => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (...wanted) => window.connected
        ? open(...wanted)
        : Promise.reject(new DOMException("Requested device not found", "NotFoundError"));
}"""
UNPLUG = """(video) => video.srcObject.getTracks().forEach((track) => {
    track.stop();
    track.dispatchEvent(new Event("ended"));
})"""


@pytest.fixture(scope="module")
def strict(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that asks before it gives the camera, and knows the app by a name, too."""
    frames = film(HAPPY, tmp_path_factory.mktemp("camera") / "frames.mjpeg")
    arguments = [*chromium_arguments(frames), "--host-resolver-rules=MAP app.test 127.0.0.1"]
    arguments.remove("--use-fake-ui-for-media-stream")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def visit(strict: Browser, served_app: str) -> Iterator[Visit]:
    """Opens the page for a visitor; afterwards: no error stood in the console."""
    errors: list[str] = []

    def opened(address: str = served_app, script: str = "", **settings: object) -> Page:
        known = {"viewport": DESK, "locale": "en-US", "permissions": ["camera"], **settings}
        page = strict.new_context(**known).new_page()  # type: ignore[arg-type]
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        if script:
            page.add_init_script(f"({script})()")
        page.goto(address)
        expect(page.get_by_role("tab").first).to_be_visible(timeout=ANSWER_LIMIT)
        return page

    yield opened
    for context in strict.contexts:
        context.close()
    assert errors == []


def enter(page: Page, place: str, language: str = "en") -> None:
    """Go to a place of the camera, agree, ask for the camera."""
    page.get_by_role("tab", name=say(PLACES[place], language), exact=True).click()
    page.get_by_role("button", name=say("consent.button", language)).locator("visible=true").click()
    access(page, place)


def access(page: Page, place: str) -> None:
    page.locator(place).get_by_text("Click to Access Webcam").click()


def press(page: Page, place: str) -> None:
    page.locator(f"{place} .capture-button").click()


def expect_told(page: Page, fault: str, language: str = "en") -> None:
    text = say(f"camera.{fault}", language)
    expect(page.get_by_test_id("toast-body")).to_contain_text(text, timeout=ANSWER_LIMIT)


def expect_read(page: Page, language: str = "en") -> None:
    """A new answer, not one that stood there before the camera failed."""
    found = say("answer.one", language).strip("*")
    expect(page.locator("#status")).to_contain_text(found, timeout=ANSWER_LIMIT)
    expect_answer(page, say("emotion.happy", language))


def test_a_camera_that_is_not_allowed_is_told_and_works_once_it_is(visit: Visit) -> None:
    page = visit(permissions=["geolocation"])  # and nothing else
    enter(page, "#webcam")
    expect_told(page, "denied")
    expect(page.locator("#status")).to_contain_text(say("camera.denied", "en"))  # that stays
    page.context.grant_permissions(["camera"])
    access(page, "#webcam")
    press(page, "#webcam")
    expect_read(page)


def test_a_missing_camera_is_told_and_works_once_it_is_connected(visit: Visit) -> None:
    page = visit(script=MISSING, viewport=PHONE)
    enter(page, "#camera")
    expect_told(page, "none")
    page.evaluate("window.connected = true")
    access(page, "#camera")
    press(page, "#camera")
    expect_read(page)


def test_without_https_it_is_told_and_a_picture_is_still_read(
    visit: Visit, served_app: str
) -> None:
    page = visit(served_app.replace("127.0.0.1", "app.test"), permissions=[])
    for place in PLACES:
        enter(page, place)
        expect_told(page, "insecure")
        page.get_by_test_id("toast-close").click()
    page.get_by_role("tab", name="Upload").click()
    upload(page, HAPPY)
    expect_read(page)


@pytest.mark.parametrize(("place", "language"), [("#webcam", "en"), ("#camera", "fr")])
def test_an_unplugged_camera_is_told_and_can_be_opened_again(
    visit: Visit, place: str, language: str
) -> None:
    page = visit(viewport=PHONE, locale=language)
    enter(page, place, language)
    if place == "#camera":
        press(page, place)
        expect_read(page, language)
    video = page.locator(f"{place} video")
    expect(video).to_have_js_property("paused", value=False)
    video.evaluate(UNPLUG)
    expect_told(page, "lost", language)
    expect(page.locator(".fer-anew").locator("visible=true")).to_have_count(0)
    access(page, place)
    press(page, place)
    expect_read(page, language)
