"""The camera: a visitor is told why it does not open; it is on only while it is looked at."""

import base64
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from page.layout import LIVE_FRAMES
from page.texts import say
from tests.conftest import chromium_arguments, film
from tests.hostile import Visitor
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
from tests.test_privacy import page_event

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
    expect_shown(page, place)
    page.locator(f"{place} video").evaluate(UNPLUG)
    expect_told(page, "lost", language)
    expect(page.locator(".fer-anew").locator("visible=true")).to_have_count(0)
    access(page, place)
    press(page, place)
    expect_read(page, language)


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


def leave(page: Page) -> None:
    page.get_by_role("tab", name="Upload").click()


def upload_another(page: Page) -> None:
    leave(page)
    upload(page, GROUP)


def click_an_example(page: Page) -> None:
    page.get_by_role("tab", name="Examples").click()
    page.locator("#gallery button", has_text="Group").click()


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


# What ends a camera, by a name, and the status afterwards where it is told.
ACTS: dict[str, tuple[Callable[[Page], None], str | None]] = {
    "another tab": (leave, None),
    "an upload": (upload_another, "3 faces"),
    "a paste": (lambda page: hand_over(page, "paste", GROUP, "image/jpeg"), "3 faces"),
    "a drop": (lambda page: hand_over(page, "drop", GROUP, "image/jpeg"), "3 faces"),
    "an example": (click_an_example, "3 faces"),
    "start over": (
        lambda page: page.get_by_role("button", name="Start over").click(),
        say("answer.waiting", "en"),
    ),
    "hidden": (hide, say("camera.hidden", "en")),
    "page left": (
        lambda page: page.evaluate(
            "window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))"
        ),
        None,
    ),
    "two minutes": (
        lambda page: page.clock.fast_forward(LIMIT),
        say("camera.limit", "en"),
    ),
    "stop": (lambda page: press(page, "#camera"), None),
}
ENDS = [(place, act) for act in ACTS for place in PLACES if (place, act) != ("#webcam", "stop")]


@pytest.fixture
def filmed(visit: Visit) -> tuple[Page, list[str]]:
    """A page with a clock that can be moved, and what it has sent of a camera."""
    page = visit(script=KEEP_TRACKS, viewport=PHONE, clock=True)
    sent: list[str] = []

    def note(request: Request) -> None:
        data = request.post_data_buffer or b""
        if b"data:image/" in data or b"image.png" in data:
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


@pytest.mark.parametrize(("place", "act"), ENDS, ids=lambda value: value.replace("#", ""))
def test_the_camera_goes_off_and_comes_back_with_one_click(
    filmed: tuple[Page, list[str]], place: str, act: str
) -> None:
    page, sent = filmed
    enter(page, place)
    expect_shown(page, place)
    if place == "#camera":
        press(page, place)
        expect_read(page)
        assert sent
    expect_tracks(page, "live")
    end, told = ACTS[act]
    end(page)
    expect_tracks(page, "ended")
    assert sent_after(page, sent) == []
    if told is not None:
        expect(page.locator("#status")).to_contain_text(told, timeout=ANSWER_LIMIT)
    page.get_by_role("tab", name=say(PLACES[place], "en"), exact=True).click()
    access(page, place)
    expect_tracks(page, "ended", "live")
    expect(page.locator("#status")).not_to_contain_text("is off", timeout=ANSWER_LIMIT)
    press(page, place)
    expect_read(page)


@pytest.mark.parametrize("place", PLACES)
def test_the_camera_stays_on_for_two_minutes_while_it_is_looked_at(
    filmed: tuple[Page, list[str]], place: str
) -> None:
    page, sent = filmed
    enter(page, place)
    expect_shown(page, place)
    page.mouse.wheel(0, 2000)  # to the answer
    page.clock.fast_forward(LIMIT - A_WHILE)
    press(page, place)
    expect_read(page)
    assert sent
    expect_tracks(page, "live" if place == "#camera" else "ended")


def test_the_live_camera_is_asked_for_small_frames(filmed: tuple[Page, list[str]]) -> None:
    page, _ = filmed
    enter(page, "#camera")
    expect_tracks(page, "live")
    assert page.evaluate("asked") == [{**LIVE_FRAMES, "audio": False}]


@pytest.mark.parametrize("place", PLACES)
def test_a_snapshot_or_a_closed_camera_is_not_told_of_after_two_minutes(
    filmed: tuple[Page, list[str]], place: str
) -> None:
    page, _ = filmed
    enter(page, place)
    press(page, place)
    expect_read(page)
    if place == "#camera":
        press(page, place)
    expect_tracks(page, "ended")
    page.clock.fast_forward(2 * LIMIT)
    go_on(page)
    expect_read(page)  # it stands there still


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
    press(page, place)
    expect_read(page)


def test_only_the_camera_that_was_chosen_last_is_on(filmed: tuple[Page, list[str]]) -> None:
    page, _ = filmed
    enter(page, "#webcam")
    expect_tracks(page, "live")
    page.evaluate("() => { navigator.mediaDevices.getUserMedia({ video: true }); }")
    expect_tracks(page, "ended", "live")
    leave(page)
    expect_tracks(page, "ended", "ended")


@pytest.mark.parametrize("act", ["a paste", "an example", "start over"])
def test_what_else_is_asked_waits_until_the_last_live_answer_is_drawn(
    filmed: tuple[Page, list[str]], act: str
) -> None:
    page, _ = filmed
    enter(page, "#camera")
    press(page, "#camera")
    expect_read(page)
    page.evaluate(
        """() => {
            const { drawn, ended } = liveCamera;
            liveCamera.ended = () => { window.hasEnded = true; ended(); };
            liveCamera.drawn = () => {
                window.isWaiting = true;
                return new Promise((draw) => { liveCamera.draw = draw; }).then(drawn);
            };
        }"""
    )
    end, told = ACTS[act]
    end(page)
    page.wait_for_function("window.isWaiting && window.hasEnded", timeout=ANSWER_LIMIT)
    go_on(page)
    expect_read(page)  # the answer to the camera still
    page.evaluate("liveCamera.draw()")
    expect(page.locator("#status")).to_contain_text(str(told), timeout=ANSWER_LIMIT)


def test_a_frame_that_comes_after_a_picture_changes_nothing_on_the_server(served_app: str) -> None:
    visitor = Visitor(served_app)
    picture = visitor.uploaded(GROUP.read_bytes())
    frame = {"url": "data:image/jpeg;base64," + base64.b64encode(HAPPY.read_bytes()).decode()}

    def a_frame_is_answered() -> bool:
        told = page_event(visitor, "camera", "stream", frame, None, None, "en", "seven", None)
        return say("answer.one", "en") in told

    for _ in range(2):
        page_event(visitor, "camera-live", "click", None)
        assert a_frame_is_answered()
        told = page_event(visitor, "upload", "input", picture, "en", "seven", None)
        assert "3 faces" in told
        assert not a_frame_is_answered()
