"""Visitors: a real Chromium on the page that `python app.py` serves, on a desk and on a phone."""

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import pillow_heif
import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from fer_core import EmotionRecognizer
from fer_core.emotions import BY_NAME
from fer_core.images import TRUNCATED
from page.texts import say
from tests.conftest import EXAMPLES, chromium_arguments, film
from tests.hostile import Visitor, begin_event
from tests.test_api import readme_code

pillow_heif.register_heif_opener()
pytestmark = pytest.mark.browser

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
ANSWER_LIMIT = 30_000  # milliseconds; a slow machine, not a speed test


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake webcam shows."""
    return film(HAPPY, tmp_path_factory.mktemp("camera") / "frames.mjpeg")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str, camera: Path) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=chromium, args=chromium_arguments(camera))
    yield launched
    launched.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(browser: Browser, served_app: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh visitor; afterwards: no other host was asked, no error stood in the console."""
    context = browser.new_context(viewport=request.param, permissions=["camera"], locale="en-US")
    opened = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.goto(served_app)
    expect(opened.get_by_role("tab", name="Upload")).to_be_visible(timeout=ANSWER_LIMIT)
    yield opened
    context.close()
    outside = [url for url in asked if not url.startswith((served_app, "data:", "blob:"))]
    assert outside == []
    assert errors == []


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#upload input[type=file]", path)


def agree(page: Page) -> None:
    page.get_by_role("button", name="I agree").locator("visible=true").click()


def expect_answer(page: Page, emotion: str) -> None:
    headline = page.locator("#answer .fer-headline")
    # Case is left open: an uncertain answer reads "Perhaps angry".
    expect(headline).to_contain_text(emotion, ignore_case=True, timeout=ANSWER_LIMIT)
    expect(page.locator("#answer .fer-bars li")).to_have_count(7)


def test_a_visitor_uploads_a_picture(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    expect(page.locator("#annotated img")).to_be_visible()
    # Inside the answer, so that no copy of it is written.
    expect(page.locator("#annotated img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    expect(page.locator("#annotated img")).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#status")).to_contain_text("One face found")
    expect(page.locator("#faces")).to_be_hidden()


def test_a_phone_picture_that_browsers_do_not_show_is_shown(page: Page, tmp_path: Path) -> None:
    heic = tmp_path / "picture.heic"
    with Image.open(GROUP) as picture:
        picture.save(heic)
    upload(page, heic)
    expect(page.locator("#status")).to_contain_text("3 faces", timeout=ANSWER_LIMIT)
    page.wait_for_function(
        "document.querySelector('#upload img')?.naturalWidth === 768", timeout=ANSWER_LIMIT
    )


def hand_over(page: Page, event: str, path: Path, kind: str) -> None:
    """Paste a file, or drop it on the heading."""
    page.evaluate(
        """([event, data, name, type]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const files = new DataTransfer();
            files.items.add(new File([bytes], name, { type }));
            const how = { bubbles: true, cancelable: true };
            document.querySelector("h1").dispatchEvent(event === "paste"
                ? new ClipboardEvent(event, { ...how, clipboardData: files })
                : new DragEvent(event, { ...how, dataTransfer: files }));
        }""",
        [event, base64.b64encode(path.read_bytes()).decode(), path.name, kind],
    )


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_picture_can_be_pasted_or_dropped_anywhere(
    page: Page, tmp_path: Path, event: str
) -> None:
    page.get_by_role("tab", name="Examples").click()
    hand_over(page, event, GROUP, "image/jpeg")
    expect(page.locator("#status")).to_contain_text("3 faces", timeout=ANSWER_LIMIT)
    # Over the one that is there; of a kind that the system does not know.
    heic = tmp_path / "picture.HEIC"
    with Image.open(HAPPY) as picture:
        picture.save(heic, format="HEIF")
    hand_over(page, event, heic, "")
    expect(page.locator("#status")).to_contain_text("One face", timeout=ANSWER_LIMIT)
    hand_over(page, event, Path(__file__), "text/plain")
    expect(page.locator("#status")).to_contain_text("One face")


def test_programs_keep_no_visitor_waiting(page: Page, served_app: str) -> None:
    def ask() -> None:
        Client(served_app, verbose=False).predict(
            images=[handle_file(str(GROUP))] * 32, api_name="/predict_batch"
        )

    with ThreadPoolExecutor(4) as others:
        waiting = [others.submit(ask) for _ in range(4)]
        upload(page, HAPPY)
        expect_answer(page, "Happy")
        assert not any(other.done() for other in waiting)
        for other in waiting:
            other.result()


def test_who_waits_is_told_how_long_the_queue_is(page: Page, served_app: str) -> None:
    visitor = Visitor(served_app)
    given = visitor.uploaded(GROUP.read_bytes())
    for other in range(50):
        begin_event(visitor, "upload", "input", [given, "en", "seven", None], f"other-{other}")
    upload(page, HAPPY)
    expect(page.locator("#status [data-testid=status-tracker]")).to_contain_text(
        re.compile(r"queue:\s*\d+\s*/\s*\d+"), timeout=ANSWER_LIMIT
    )
    expect_answer(page, "Happy")


def test_a_visitor_takes_a_snapshot(page: Page) -> None:
    page.get_by_role("tab", name="Webcam").click()
    agree(page)
    page.get_by_text("Click to Access Webcam").click()
    page.get_by_role("button", name="capture photo").click()
    expect_answer(page, "Happy")


def test_a_camera_is_shown_only_to_who_agreed(page: Page) -> None:
    for tab in ("Webcam", "Live"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("button", name="I agree").locator("visible=true")).to_be_visible()
        expect(page.get_by_text("Click to Access Webcam")).to_be_hidden()


def test_a_visitor_sees_the_camera_answered_live_and_stops_it(page: Page) -> None:
    page.get_by_role("tab", name="Live").click()
    agree(page)
    page.get_by_text("Click to Access Webcam").click()
    page.locator("#camera").get_by_text("Record").click()
    expect_answer(page, "Happy")
    expect(page.locator("#annotated img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    page.locator("#camera").get_by_text("Stop").click()
    expect_answer(page, "Happy")  # the last answer stays


def test_a_visitor_clicks_an_example(page: Page) -> None:
    page.get_by_role("tab", name="Examples").click()
    page.locator("#gallery button", has_text="Surprise").click()
    expect_answer(page, "Surprise")
    expect(page.locator("#annotated img")).to_be_in_viewport(ratio=0.9)


@pytest.fixture(scope="module")
def largest(recognizer: EmotionRecognizer) -> str:
    """What the largest face of the group is read as: a hard one, angry or disgust."""
    return BY_NAME[recognizer.recognize(GROUP).faces[0].emotion.label].title


def test_a_visitor_chooses_one_of_several_faces(page: Page, largest: str) -> None:
    upload(page, GROUP)
    expect(page.locator("#status")).to_contain_text("3 faces", timeout=ANSWER_LIMIT)
    for emotion in ("Surprise", largest, "Happy"):
        page.locator("#faces label", has_text=emotion).click()
        expect_answer(page, emotion)


def test_a_visitor_clicks_a_face_in_the_picture(page: Page, largest: str) -> None:
    upload(page, GROUP)
    expect(page.locator("#status")).to_contain_text("3 faces", timeout=ANSWER_LIMIT)
    picture = page.locator("#annotated img")
    box = picture.bounding_box()
    assert box is not None
    for emotion, across in (("Happy", 0.17), ("Surprise", 0.5), (largest, 0.82)):
        picture.click(position={"x": across * box["width"], "y": 0.6 * box["height"]})
        expect_answer(page, emotion)
        expect(page.locator("#faces input:checked")).to_have_count(1)
        expect(page.locator("#faces label", has_text=emotion).locator("input")).to_be_checked()


def test_a_visitor_asks_happy_or_sad(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    page.locator("#mode label", has_text="Happy or sad").click()
    expect(page.locator("#answer .fer-two")).to_contain_text(re.compile(r"Happy .*Sad"))
    expect(page.locator("#answer .fer-bars")).to_have_count(0)
    page.locator("#mode label", has_text="Seven").click()
    expect_answer(page, "Happy")


def test_a_visitor_asks_why(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    expect(page.locator("#reasons figure")).to_have_count(0)  # made only when it is opened
    page.get_by_role("button", name="Why this answer?").click()
    expect(page.locator("#reasons figure")).to_have_count(7, timeout=ANSWER_LIMIT)
    expect(page.locator("#reasons")).to_contain_text("signs of “Happy”")


def test_the_answer_can_be_downloaded(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the answer").click()
    answer = json.loads(started.value.path().read_text())
    assert [face["emotion"]["label"] for face in answer["faces"]] == ["happy"]


def test_who_cannot_see_the_picture_is_told_what_was_found(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    expect(page.locator("#annotated img")).to_have_attribute("alt", re.compile("face 1: Happy"))


def test_starting_over_empties_the_page(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("#annotated")).to_be_hidden(timeout=ANSWER_LIMIT)
    expect(page.locator("#answer .fer-headline")).to_have_count(0)
    expect(page.locator("#upload img")).to_have_count(0)
    upload(page, HAPPY)
    expect_answer(page, "Happy")


def test_about_tells_what_it_is_and_is_not(page: Page) -> None:
    page.get_by_role("button", name="About").click()
    expect(page.locator("#about")).to_contain_text("how a crowd would label")
    expect(page.locator("#about")).to_contain_text("Privacy")
    expect(page.locator("#confusion img")).to_be_visible()


def test_a_french_browser_gets_a_french_page_and_can_switch(
    browser: Browser, served_app: str, tmp_path: Path
) -> None:
    context = browser.new_context(viewport=PHONE, locale="fr-FR", permissions=["camera"])
    page = context.new_page()
    page.goto(served_app)
    expect(page.get_by_role("heading", name="Quelle émotion")).to_be_visible(timeout=ANSWER_LIMIT)
    upload(page, HAPPY)
    expect_answer(page, "Joie")
    expect(page.locator("#status")).to_contain_text("Un visage trouvé")
    expect(page.locator("#annotated img")).to_have_attribute("alt", re.compile("visage 1 : Joie"))
    page.get_by_role("tab", name="Exemples").click()
    expect(page.locator("#gallery")).to_contain_text("Tristesse")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Which emotion")).to_be_visible(timeout=ANSWER_LIMIT)
    expect_answer(page, "Happy")  # the same picture, told in English
    expect(page.locator("#annotated img")).to_have_attribute("alt", re.compile("face 1: Happy"))
    expect(page.get_by_role("tab", name="Examples")).to_be_visible()
    expect(page.locator("#gallery")).to_contain_text("Sad")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("button", name="Français").click()
    expect_answer(page, "Joie")
    # Gradio makes what is updated anew; pictures must still come in and go out our own way.
    page.get_by_role("tab", name="Image").click()
    page.get_by_role("button", name="Recommencer").click()
    expect(page.locator("#upload img")).to_have_count(0, timeout=ANSWER_LIMIT)
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(HAPPY.read_bytes()[:9000])
    upload(page, damaged)
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text(say("error.image", "fr"), timeout=ANSWER_LIMIT)
    page.get_by_role("tab", name="En direct").click()
    page.get_by_role("button", name=say("consent.button", "fr")).locator("visible=true").click()
    page.locator("#camera button").locator("visible=true").first.click()
    page.locator("#camera").get_by_text("Enregistrer").click()
    expect_answer(page, "Joie")
    context.close()


def test_the_javascript_of_the_readme_works_as_written(browser: Browser, served_app: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(served_app)
    answer = page.evaluate(
        f"""async ([server, data]) => {{
            {readme_code("JavaScript", "js")}
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            return await predict(server, new Blob([bytes], {{ type: "image/jpeg" }}));
        }}""",
        [served_app, base64.b64encode(HAPPY.read_bytes()).decode()],
    )
    assert [face["emotion"]["label"] for face in answer["faces"]] == ["happy"]
    context.close()


def test_a_picture_without_a_face_is_told_kindly(page: Page, tmp_path: Path) -> None:
    flat = tmp_path / "wall.png"
    cv2.imwrite(str(flat), cv2.merge([cv2.imread(str(HAPPY), 0)[:40, :40]] * 3))
    upload(page, flat)
    expect(page.locator("#status")).to_contain_text("No face was found", timeout=ANSWER_LIMIT)
    expect(page.locator("#annotated img")).to_be_visible()
    expect(page.locator("#answer .fer-bars")).to_have_count(0)


def test_a_damaged_picture_is_told_and_the_next_one_works(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(HAPPY.read_bytes()[:9000])
    upload(page, damaged)
    expect(page.get_by_test_id("toast-body")).to_contain_text(TRUNCATED, timeout=ANSWER_LIMIT)
    page.get_by_role("tab", name="Examples").click()
    page.locator("#gallery button", has_text="Happy").click()
    expect_answer(page, "Happy")


def test_taking_the_picture_away_empties_the_answer(page: Page) -> None:
    upload(page, HAPPY)
    expect_answer(page, "Happy")
    page.locator("#upload").get_by_label("Remove Image").click()
    expect(page.locator("#annotated")).to_be_hidden(timeout=ANSWER_LIMIT)
    expect(page.locator("#answer .fer-bars")).to_have_count(0)


def serious_violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, served_app: str, scheme: str, largest: str) -> None:
    """No serious violation that axe-core finds, before and after an answer, folds open."""
    context = browser.new_context(viewport=DESK, locale="en-US", color_scheme=scheme)
    page = context.new_page()
    page.goto(served_app)
    expect(page.get_by_role("tab", name="Upload")).to_be_visible(timeout=ANSWER_LIMIT)
    assert serious_violations(page) == []
    upload(page, GROUP)
    expect_answer(page, largest)
    page.get_by_role("button", name="Why this answer?").click()
    expect(page.locator("#reasons figure")).to_have_count(7, timeout=ANSWER_LIMIT)
    page.get_by_role("button", name="About").click()
    expect(page.locator("#about")).to_contain_text("Privacy")
    page.get_by_role("tab", name="Examples").click()
    expect(page.locator("#gallery")).to_be_visible()
    assert serious_violations(page) == []
    context.close()


def test_a_keyboard_is_enough(page: Page) -> None:
    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if name in page.evaluate("document.activeElement.textContent"):
                return
        pytest.fail(f"{name} cannot be reached with the Tab key")

    page.locator("body").press("Tab")
    page.get_by_role("tab", name="Upload").focus()
    tab_to("Examples")
    page.keyboard.press("Enter")
    expect(page.locator("#gallery")).to_be_visible()
    tab_to("Surprise")
    page.keyboard.press("Enter")
    expect_answer(page, "Surprise")
    tab_to("Why this answer?")
    page.keyboard.press("Enter")
    expect(page.locator("#reasons figure")).to_have_count(7, timeout=ANSWER_LIMIT)


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    upload(page, GROUP)
    expect(page.locator("#faces")).to_be_visible(timeout=ANSWER_LIMIT)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
