"""The camera: a visitor is told why it does not open; it is on only while it is looked at."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from page.texts import say
from tests.conftest import chromium_arguments, film
from tests.test_browser import (
    ANSWER_LIMIT,
    DESK,
    GROUP,
    HAPPY,
    PHONE,
    expect_answer,
    hand_over,
    upload,
)

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
PLACES = ("#webcam", "#camera")  # where a picture is taken, and the live one
LIVE_FRAMES = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
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

    def opened(
        address: str = served_app, script: str = "", clock: bool = False, **settings: object
    ) -> Page:
        known = {"viewport": DESK, "locale": "en-US", "permissions": ["camera"], **settings}
        page = strict.new_context(**known).new_page()  # type: ignore[arg-type]
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        if clock:
            page.clock.install()
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
    """Go to a place of the camera and agree, which turns it on."""
    access(page, place, language)
    page.get_by_role("button", name=say("camera.agree", language)).click()


def access(page: Page, place: str, language: str = "en") -> None:
    """Go to a place of the camera again."""
    if place == "#camera":
        page.get_by_role("tab", name=say("tab.live", language), exact=True).click()
        return
    again = page.get_by_role("button", name=say("camera.on", language), exact=True)
    if again.is_visible():
        again.click()
        return
    page.get_by_role("tab", name=say("tab.picture", language), exact=True).click()
    page.get_by_role("button", name=say("start.camera", language)).click()


def press(page: Page, place: str, language: str = "en") -> None:
    """Take a picture, or stop the live camera."""
    key = "live.stop" if place == "#camera" else "camera.take"
    page.get_by_role("button", name=say(key, language), exact=True).click()


def expect_told(page: Page, fault: str, language: str = "en") -> None:
    text = say(f"camera.{fault}", language)
    expect(page.locator(".fer-notes[role=alert]")).to_contain_text(text, timeout=ANSWER_LIMIT)


def expect_read(page: Page, place: str, language: str = "en") -> None:
    """The camera is answered: live, or when a picture is taken."""
    if place == "#camera":
        said = say("said.happy", language)
        expect(page.locator("#live-line")).to_contain_text(said, timeout=ANSWER_LIMIT)
        return
    expect_shown(page, place)
    press(page, place, language)
    expect_answer(page, say("emotion.happy", language))


def test_a_camera_that_is_not_allowed_is_told_and_works_once_it_is(visit: Visit) -> None:
    page = visit(permissions=["geolocation"])  # and nothing else
    enter(page, "#webcam")
    expect_told(page, "denied")
    page.context.grant_permissions(["camera"])
    access(page, "#webcam")
    expect_read(page, "#webcam")


def test_a_missing_camera_is_told_and_works_once_it_is_connected(visit: Visit) -> None:
    page = visit(script=MISSING, viewport=PHONE)
    enter(page, "#camera")
    expect_told(page, "none")
    page.evaluate("window.connected = true")
    page.get_by_role("button", name=say("camera.on", "en")).click()
    expect_read(page, "#camera")


def test_without_https_it_is_told_and_a_picture_is_still_read(
    visit: Visit, served_app: str
) -> None:
    page = visit(served_app.replace("127.0.0.1", "app.test"), permissions=[])
    enter(page, "#webcam")
    expect_told(page, "insecure")
    access(page, "#camera")
    expect_told(page, "insecure")
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    expect(page.locator(".fer-note")).to_have_count(0)


@pytest.mark.parametrize(("place", "language"), [("#webcam", "en"), ("#camera", "fr")])
def test_an_unplugged_camera_is_told_and_can_be_opened_again(
    visit: Visit, place: str, language: str
) -> None:
    page = visit(viewport=PHONE, locale=language)
    enter(page, place, language)
    expect_shown(page, place)
    page.locator(f"{place} video").evaluate(UNPLUG)
    expect_told(page, "lost", language)
    access(page, place, language)
    expect_read(page, place, language)


# Keeps every track that the page was given.
KEEP_TRACKS = """() => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.tracks = [];
    window.asked = [];
    navigator.mediaDevices.getUserMedia = async (...wanted) => {
        window.asked.push(...wanted);
        await window.allowed;
        const stream = await open(...wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
}"""
LIMIT = 120_000  # milliseconds
A_WHILE = 3_000  # milliseconds of the page's clock, in which thirty frames would be sent


def click_an_example(page: Page) -> None:
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name=say("example.group", "en")).click()


def hide(page: Page) -> None:
    """As the browser does when another of its tabs is chosen; a test's tab is always in sight."""
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
            document.dispatchEvent(new Event("visibilitychange"));
            delete document.hidden;
        }"""
    )


def expect_shown(page: Page, place: str) -> None:
    """The camera's picture is seen."""
    shown = "(place) => document.querySelector(`${place} video`)?.currentTime > 0"
    page.wait_for_function(shown, arg=place, timeout=ANSWER_LIMIT)


def expect_tracks(page: Page, *states: str) -> None:
    """The tracks that the page was given are, from the first to the last, in these states."""
    page.wait_for_function(
        "(states) => tracks.map((track) => track.readyState).join() === states.join()",
        arg=states,
        timeout=ANSWER_LIMIT,
    )


# What ends a camera, by a name, with what is told afterwards, and where.
ACTS: dict[str, tuple[Callable[[Page], None], str | None, str]] = {
    "another tab": (lambda page: page.get_by_role("tab", name="Examples").click(), None, ""),
    "an upload": (lambda page: upload(page, GROUP), "3 faces", "#count"),
    "a paste": (lambda page: hand_over(page, "paste", [GROUP]), "3 faces", "#count"),
    "a drop": (lambda page: hand_over(page, "drop", [GROUP]), "3 faces", "#count"),
    "an example": (click_an_example, "3 faces", "#count"),
    "start over": (
        lambda page: page.get_by_role("button", name="Start over").click(),
        say("start.drop", "en"),
        ".fer-start",
    ),
    "hidden": (hide, say("camera.hidden", "en"), ".fer-notes"),
    "page left": (
        lambda page: page.evaluate(
            "window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))"
        ),
        None,
        "",
    ),
    "two minutes": (
        lambda page: page.clock.fast_forward(LIMIT),
        say("camera.limit", "en"),
        ".fer-notes",
    ),
    "close": (
        lambda page: page.get_by_role("button", name=say("camera.close", "en")).click(),
        say("start.drop", "en"),
        ".fer-start",
    ),
    "stop": (lambda page: press(page, "#camera"), "seconds live", "#live-summary"),
}
NOT_THERE = {("#webcam", "stop"), ("#camera", "start over"), ("#camera", "close")}


@pytest.fixture
def filmed(visit: Visit) -> tuple[Page, list[str]]:
    """A page with a clock that can be moved, and what it has sent of a camera."""
    page = visit(script=KEEP_TRACKS, viewport=PHONE, clock=True)
    sent: list[str] = []

    def note(request: Request) -> None:
        data = request.post_data_buffer or b""
        if b"data:image/" in data or b"camera.jpg" in data:
            sent.append(request.url)

    page.on("request", note)
    return page, sent


def go_on(page: Page) -> None:
    """Let a while go by, and all be sent that is sent in it."""
    page.clock.run_for(A_WHILE)
    with page.expect_response("**/theme.css*"):  # asked for after all of it
        page.evaluate("fetch('theme.css?last')")


def sent_after(page: Page, sent: list[str]) -> list[str]:
    """What is sent of a camera in a while from now on."""
    before = len(sent)
    go_on(page)
    return sent[before:]


@pytest.mark.parametrize("place", PLACES)
def test_the_camera_goes_off_and_comes_back_with_one_click(
    filmed: tuple[Page, list[str]], place: str
) -> None:
    page, sent = filmed
    enter(page, place)
    before = 0
    for act, (end, told, where) in ACTS.items():
        if (place, act) in NOT_THERE:
            continue
        if page.evaluate("tracks.at(-1)?.readyState") == "ended":  # a picture was taken
            access(page, place)
        expect_shown(page, place)
        if place == "#camera":
            expect_read(page, place)
            assert len(sent) > before, act
        page.evaluate("tracks.splice(0, tracks.length - 1)")
        expect_tracks(page, "live")
        end(page)
        expect_tracks(page, "ended")
        assert sent_after(page, sent) == [], act
        before = len(sent)
        if told is not None:
            expect(page.locator(where)).to_contain_text(told, timeout=ANSWER_LIMIT)
        access(page, place)
        expect_tracks(page, "ended", "live")
        expect(page.locator(".fer-note")).to_have_count(0)
        expect_read(page, place)


@pytest.mark.parametrize("place", PLACES)
def test_the_camera_stays_on_for_two_minutes_while_it_is_looked_at(
    filmed: tuple[Page, list[str]], place: str
) -> None:
    page, sent = filmed
    enter(page, place)
    expect_shown(page, place)
    page.mouse.wheel(0, 2000)  # to what stands below
    page.clock.fast_forward(LIMIT - A_WHILE)
    expect_tracks(page, "live")
    expect_read(page, place)
    assert sent


def test_a_recording_goes_off_with_its_camera_and_a_picture_stays_when_it_was_taken(
    filmed: tuple[Page, list[str]],
) -> None:
    page, sent = filmed
    enter(page, "#webcam")
    expect_shown(page, "#webcam")
    page.get_by_role("button", name=say("camera.record", "en")).click()
    expect(page.get_by_role("button", name="Stop recording")).to_be_visible()
    hide(page)
    expect_tracks(page, "ended")
    assert sent_after(page, sent) == []
    expect(page.locator("#video-progress")).to_have_count(0)
    access(page, "#webcam")
    expect_read(page, "#webcam")

    # Nothing is told of the picture after two minutes.
    expect_tracks(page, "ended", "ended")
    page.clock.fast_forward(2 * LIMIT)
    go_on(page)
    expect_answer(page, "Happy")  # it stands there still
    expect(page.locator(".fer-note")).to_have_count(0)


@pytest.mark.parametrize("place", PLACES)
def test_a_camera_that_opens_too_late_is_closed_at_once(
    filmed: tuple[Page, list[str]], place: str
) -> None:
    page, sent = filmed
    page.evaluate("() => { window.allowed = new Promise((allow) => { window.allow = allow; }); }")
    enter(page, place)
    hide(page)
    page.evaluate("window.allow()")
    expect_tracks(page, "ended")
    assert sent_after(page, sent) == []
    access(page, place)
    expect_read(page, place)


def test_only_the_camera_that_was_chosen_last_is_on_and_is_asked_for_small_frames(
    filmed: tuple[Page, list[str]],
) -> None:
    page, _ = filmed
    small = {**LIVE_FRAMES, "audio": False}
    enter(page, "#webcam")
    expect_tracks(page, "live")
    assert page.evaluate("asked") == [small]
    access(page, "#camera")
    expect_tracks(page, "ended", "live")
    assert page.evaluate("asked") == [small, small]
    page.get_by_role("tab", name="Examples").click()
    expect_tracks(page, "ended", "ended")
