"""Visitors: a real Chromium on the page that `python app.py` serves, on a desk and on a phone."""

import base64
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from fer_core import EmotionRecognizer
from fer_core.emotions import BY_NAME
from fer_core.images import TRUNCATED
from fer_core.table import FIELDS
from page.handlers import EXAMPLES as GALLERY
from page.texts import TEXTS, say
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, chromium_arguments, film
from tests.hostile import Visitor, begin_event
from tests.test_api import readme_code

pillow_heif.register_heif_opener()
pytestmark = pytest.mark.browser

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
LAKE = EXAMPLES / "lake_01.jpg"
ANSWER_LIMIT = 30_000  # milliseconds; a slow machine, not a speed test


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake webcam shows."""
    return film(HAPPY, tmp_path_factory.mktemp("camera") / "frames.mjpeg")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds: two faces, of which one leaves in the middle."""
    both = scene(Part(HAPPY.stem, 180), Part("surprise_m_african_01", 460))
    alone = scene(Part(HAPPY.stem, 180))
    times = [number / 5 for number in range(30)]
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_clip(path, [both] * 15 + [alone] * 15, times)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str, camera: Path) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=chromium, args=chromium_arguments(camera))
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def english(browser: Browser) -> Iterator[BrowserContext]:
    """The files that visitors with an English browser share, so that each page loads faster."""
    context = browser.new_context(locale="en-US", permissions=["camera"])
    yield context
    context.close()


@contextmanager
def visiting(
    context: BrowserContext, address: str, viewport: Any = PHONE, **media: Any
) -> Iterator[Page]:
    """A new visitor; afterwards: no other host was asked, no error stood in the console."""
    opened = context.new_page()
    # What the page may have kept of the visitor before.
    everything = {"origin": address, "storageTypes": "all"}
    context.new_cdp_session(opened).send("Storage.clearDataForOrigin", everything)
    opened.set_viewport_size(viewport)
    opened.emulate_media(**media)
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.goto(address)
    expect_start(opened)
    yield opened
    opened.close()
    outside = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert outside == []
    assert errors == []


ON_DESK, ON_PHONE = {"viewport": DESK}, {"viewport": PHONE}
on_desk = pytest.mark.parametrize("page", [ON_DESK], ids=["desk"], indirect=True)
on_both = pytest.mark.parametrize("page", [ON_DESK, ON_PHONE], ids=["desk", "phone"], indirect=True)


@pytest.fixture
def page(
    english: BrowserContext, served_app: str, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A new visitor, with a phone, unless a test says otherwise."""
    with visiting(english, served_app, **getattr(request, "param", ON_PHONE)) as opened:
        yield opened


@pytest.fixture
def french(browser: Browser, served_app: str) -> Iterator[Page]:
    """A visitor whose browser is French, with a phone."""
    context = browser.new_context(locale="fr-FR", permissions=["camera"])
    with visiting(context, served_app) as opened:
        yield opened
    context.close()


def expect_start(page: Page) -> None:
    expect(page.locator(".fer-start")).to_be_visible(timeout=ANSWER_LIMIT)
    # Gradio's loading screen leaves the page a moment after the page has been drawn.
    expect(page.get_by_text("Loading...")).to_have_count(0, timeout=ANSWER_LIMIT)


def start_over(page: Page) -> None:
    page.get_by_role("button", name="Start over").click()
    expect_start(page)
    expect(page.locator("#answer")).to_have_count(0)


def upload(page: Page, *paths: Path) -> None:
    page.set_input_files("#upload input[type=file]", list(paths))


def click_example(page: Page, name: str) -> None:
    page.locator(f'.fer-example[data-name="{name}"]').click()


def expect_answer(page: Page, emotion: str) -> None:
    # Case is left open: an uncertain answer reads "Perhaps angry".
    expect(page.locator("#answer h2")).to_contain_text(
        emotion, ignore_case=True, timeout=ANSWER_LIMIT
    )
    expect(page.locator("#answer .fer-bars li")).to_have_count(3)


def expect_faces(page: Page, count: int) -> None:
    expect(page.locator("#count")).to_have_text(f"{count} faces", timeout=ANSWER_LIMIT)


def expect_heard(page: Page, text: str | re.Pattern[str]) -> None:
    """What a screen reader says by itself."""
    expect(page.locator(".fer-heard[role=status][aria-live=polite]")).to_have_text(
        text, timeout=ANSWER_LIMIT
    )


def expect_reasons(page: Page) -> None:
    """Who asks why somebody looks happy is told."""
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".fer-why figure")).to_have_count(7, timeout=ANSWER_LIMIT)
    expect(page.locator(".fer-why")).to_contain_text("What pointed to Happy")


def downloaded(page: Page, pressed: Locator) -> bytes:
    with page.expect_download(timeout=ANSWER_LIMIT) as started:
        pressed.click()
    return started.value.path().read_bytes()


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def resized(to: Path, width: int, height: int) -> Path:
    """A portrait in a picture of other proportions."""
    with Image.open(HAPPY) as portrait:
        side = min(width, height)
        whole = Image.new("RGB", (width, height), (150, 140, 130))
        whole.paste(portrait.resize((side, side)), ((width - side) // 2, (height - side) // 2))
        whole.save(to)
    return to


# One picture


SHAPES = {"square": (900, 900), "wide": (1600, 700), "tall": (700, 1600)}


@on_both
def test_a_visitor_uploads_one_picture_after_the_other(page: Page, tmp_path: Path) -> None:
    # Whatever the shape of a picture, the verdict is seen without scrolling.
    for shape, size in SHAPES.items():
        upload(page, resized(tmp_path / f"{shape}.jpg", *size))
        expect_answer(page, "Happy")
        expect(page.locator("#annotated")).to_be_in_viewport(ratio=0.95)
        for part in (".fer-headline", ".fer-bars"):
            expect(page.locator(f"#answer {part}")).to_be_in_viewport(ratio=1)
        assert page.evaluate("scrollY") == 0, shape
        start_over(page)

    upload(page, HAPPY)
    expect_answer(page, "Happy")
    expect(page.locator("#annotated img")).to_have_count(2)  # the picture, and the icon on its box
    expect(page.locator(".fer-sentence")).to_have_text("Most people would say happy.")
    expect(page.locator("#faces")).to_have_count(0)

    # Who cannot see the picture is told what was found.
    expect_heard(page, re.compile(r"^One face\. Most people would say happy\. Very sure: >?\d+%$"))
    expect(page.locator("#annotated > img")).to_have_attribute(
        "alt", re.compile("Face 1 of 1: Happy")
    )

    expect_reasons(page)

    # The answer can be downloaded.
    answer = json.loads(downloaded(page, page.get_by_role("button", name="as JSON")))
    assert [face["emotion"]["label"] for face in answer["faces"]] == ["happy"]
    (row,) = table(downloaded(page, page.get_by_role("button", name="as a CSV table")))
    assert tuple(row) == FIELDS
    assert (row["file"], row["label"]) == (HAPPY.name, "happy")

    # A phone's picture that browsers do not show is shown.
    heic = tmp_path / "picture.heic"
    with Image.open(GROUP) as picture:
        picture.save(heic)
    upload(page, heic)
    expect_faces(page, 3)
    page.wait_for_function("document.querySelector('#annotated img').naturalWidth === 768")


@on_both
def test_a_visitor_clicks_examples_and_asks_more(page: Page) -> None:
    # What the app is and is not.
    page.locator("#about summary").click()
    expect(page.locator("#about")).to_contain_text("how a crowd would label")
    expect(page.locator("#about")).to_contain_text("use it for")
    expect(page.locator("#about img")).to_be_visible()
    page.locator("#about summary").click()

    click_example(page, HAPPY.name)
    expect_answer(page, "Happy")
    page.get_by_role("button", name="All seven").click()
    expect(page.locator("#answer .fer-bars li")).to_have_count(7)
    page.get_by_role("button", name="Fewer").click()
    expect(page.locator("#answer .fer-bars li")).to_have_count(3)
    page.get_by_role("button", name="Happy or sad?").click()
    expect(page.locator(".fer-two")).to_contain_text(re.compile(r"Happy .*Sad"))
    page.get_by_role("button", name="Happy or sad?").click()
    expect(page.locator(".fer-two")).to_have_count(0)
    expect_reasons(page)

    # A card to share shows the face only where that is asked for.
    page.get_by_role("button", name="Share").click()
    cards = []
    for asked in (False, True):
        shown = page.get_by_label("Show the face on the card")
        expect(shown).not_to_be_checked() if not asked else shown.check()
        drawn = "document.querySelector('.fer-share-card').getContext('2d')"
        # Where the face or the icon stands, and a corner of the emotion's colour.
        page.wait_for_function(f"{drawn}.getImageData(5, 5, 1, 1).data[0] === 0xf4")
        page.wait_for_timeout(300)
        content = downloaded(page, page.get_by_role("button", name="Save the card"))
        with Image.open(io.BytesIO(content)) as card:
            assert card.size == (1200, 630)
            cards.append(card.convert("RGB").crop((100, 140, 320, 360)))
    icon, face = (len(card.getcolors(1 << 20) or ()) for card in cards)
    assert icon < 3000 < face

    start_over(page)
    click_example(page, "surprise_m_african_01.jpg")
    expect_answer(page, "Surprise")

    # All examples stand in their tab.
    page.get_by_role("tab", name="Examples").click()
    expect(page.locator("#gallery .fer-example")).to_have_count(len(GALLERY))
    click_example(page, "neutral_m_european_01.jpg")
    expect_answer(page, "Neutral")


def hand_over(page: Page, event: str, paths: Sequence[Path], kind: str | None = None) -> None:
    """Paste files, or drop them on the heading."""
    kinds = {".jpg": "image/jpeg", ".mp4": "video/mp4", ".py": "text/plain"}
    page.evaluate(
        """([event, given]) => {
            const files = new DataTransfer();
            for (const [data, name, type] of given) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                files.items.add(new File([bytes], name, { type }));
            }
            const how = { bubbles: true, cancelable: true };
            document.querySelector("h1").dispatchEvent(event === "paste"
                ? new ClipboardEvent(event, { ...how, clipboardData: files })
                : new DragEvent(event, { ...how, dataTransfer: files }));
        }""",
        [
            event,
            [
                [
                    base64.b64encode(path.read_bytes()).decode(),
                    path.name,
                    kinds[path.suffix] if kind is None else kind,
                ]
                for path in paths
            ],
        ],
    )


@on_desk
def test_a_picture_can_be_pasted_or_dropped_anywhere(page: Page, tmp_path: Path) -> None:
    heic = tmp_path / "picture.HEIC"
    with Image.open(HAPPY) as picture:
        picture.save(heic, format="HEIF")
    for event in ("paste", "drop"):
        page.get_by_role("tab", name="Examples").click()
        hand_over(page, event, [GROUP])
        expect_faces(page, 3)
        # Over the one that is there; of a kind that the system does not know.
        hand_over(page, event, [heic], "")
        expect_answer(page, "Happy")
        hand_over(page, event, [Path(__file__)])
        expect(page.locator(".fer-note")).to_have_text(say("drop.empty", "en"))
        expect_answer(page, "Happy")  # still
        hand_over(page, event, [Path(__file__), GROUP])
        expect_faces(page, 3)
        expect(page.locator(".fer-note")).to_contain_text(Path(__file__).name)
        start_over(page)


@pytest.mark.slow
def test_programs_keep_no_visitor_waiting(page: Page, served_app: str) -> None:
    def ask() -> None:
        Client(served_app, verbose=False).predict(
            images=[handle_file(str(GROUP))] * 32, api_name="/predict_batch"
        )

    with ThreadPoolExecutor(2) as others:
        waiting = [others.submit(ask) for _ in range(2)]
        upload(page, HAPPY)
        expect_answer(page, "Happy")
        assert not any(other.done() for other in waiting)
        for other in waiting:
            other.result()


@pytest.mark.slow
def test_who_waits_is_told_how_many_are_before(page: Page, served_app: str) -> None:
    # It takes a tenth of a second and more, so that the queue outlasts the upload.
    large = io.BytesIO()
    with Image.open(GROUP) as group:
        group.resize((4000, 3000)).save(large, "JPEG")
    visitor = Visitor(served_app)
    path = visitor.uploaded(large.getvalue())["path"]
    for other in range(25):
        begin_event(visitor, "read_picture", [path, "a"], f"other-{other}")
    upload(page, HAPPY)
    expect(page.locator("#reading")).to_contain_text(
        re.compile(r"\d+ before you"), timeout=ANSWER_LIMIT
    )
    expect_answer(page, "Happy")


@on_both
def test_a_camera_is_turned_on_only_for_who_agreed_and_takes_a_picture(page: Page) -> None:
    page.evaluate(
        """() => {
            const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = (...wanted) => {
                window.opened = true;
                return open(...wanted);
            };
        }"""
    )
    for tab, asked in (("Live", None), ("Picture", "Use the camera")):
        page.get_by_role("tab", name=tab).click()
        if asked is not None:
            page.get_by_role("button", name=asked).click()
        expect(page.get_by_role("button", name="I agree")).to_be_visible()
        expect(page.locator(".fer-consent")).to_contain_text("Only show people who have agreed")
    assert page.evaluate("window.opened") is None
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Take a picture").click(timeout=ANSWER_LIMIT)
    expect_answer(page, "Happy")
    assert page.evaluate("window.opened")


def test_what_is_wrong_with_a_file_is_told_and_the_next_one_works(
    page: Page, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(HAPPY.read_bytes()[:9000])
    upload(page, damaged)
    expect(page.locator(".fer-note")).to_have_text(TRUNCATED, timeout=ANSWER_LIMIT)
    expect_start(page)
    click_example(page, HAPPY.name)
    expect_answer(page, "Happy")
    expect(page.locator(".fer-note")).to_have_count(0)
    start_over(page)

    # A video that cannot be read.
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    upload(page, broken)
    expect(page.locator(".fer-note")).to_contain_text("not a video", timeout=ANSWER_LIMIT)
    expect_start(page)

    # A face that is cut off: the answer is not sure, and says why.
    cut = tmp_path / "cut.jpg"
    with Image.open(HAPPY) as picture:
        picture.crop((0, 0, 256, 512)).save(cut)
    upload(page, cut)
    expect(page.locator("#answer h2")).to_contain_text("Perhaps", timeout=ANSWER_LIMIT)
    expect(page.locator(".fer-doubt")).to_contain_text(say("quality.cut off", "en"))

    # No face.
    upload(page, LAKE)
    expect(page.locator("#answer h2")).to_have_text("No face was found in this picture.")
    expect(page.locator("#annotated > img")).to_be_visible()
    expect_heard(page, "No face was found in this picture.")


# Many faces


@pytest.fixture(scope="module")
def largest(recognizer: EmotionRecognizer) -> str:
    """What the largest face of the group is read as: a hard one, angry or disgust."""
    return BY_NAME[recognizer.recognize(GROUP).faces[0].emotion.label].title


@on_both
def test_faces_stand_from_left_to_right_and_each_can_be_chosen(page: Page, largest: str) -> None:
    upload(page, GROUP)
    expect_faces(page, 3)
    names = [radio.get_attribute("aria-label") or "" for radio in page.get_by_role("radio").all()]
    for place, (name, emotion) in enumerate(
        zip(names, ("Happy", "Surprise", largest), strict=True)
    ):
        assert name.startswith(f"Face {place + 1} of 3: ")
        assert emotion.lower() in name.lower()
    for emotion in ("Surprise", largest, "Happy"):
        page.get_by_role("radio", name=emotion).click()
        expect_answer(page, emotion)
        expect(page.get_by_role("radio", checked=True)).to_have_count(1)
        expect(page.locator(".fer-box.fer-chosen")).to_contain_text(emotion, ignore_case=True)
    expect_heard(page, re.compile("^3 faces: .*1 happy.*"))

    # By a click in the picture; each time another one than before.
    picture = page.locator("#annotated")
    box = picture.bounding_box()
    assert box is not None
    for emotion, across in (("Surprise", 0.5), ("Happy", 0.17), (largest, 0.82)):
        picture.click(position={"x": across * box["width"], "y": 0.6 * box["height"]})
        expect_answer(page, emotion)
        expect(page.get_by_role("radio", name=emotion)).to_be_checked()

    # Filtered by emotion.
    page.get_by_role("button", name="Happy 1").click()
    expect(page.get_by_role("radio")).to_have_count(1)
    expect(page.locator(".fer-box:visible")).to_have_count(1)
    expect_answer(page, "Happy")
    page.get_by_role("button", name="Happy 1").click()
    expect(page.get_by_role("radio")).to_have_count(3)
    rows = table(downloaded(page, page.get_by_role("button", name="as a CSV table")))
    assert len(rows) == 3


def test_a_crowd_is_counted_and_where_it_may_be_more_it_is_said(page: Page, tmp_path: Path) -> None:
    crowd = tmp_path / "crowd.jpg"
    with Image.open(HAPPY) as portrait:
        small = portrait.resize((150, 150))
    whole = Image.new("RGB", (9 * 160, 6 * 160), (150, 140, 130))
    for number in range(54):
        whole.paste(small, (160 * (number % 9), 160 * (number // 9)))
    whole.save(crowd)
    upload(page, crowd)
    expect(page.locator("#count")).to_have_text(
        "The 50 largest faces; there may be more", timeout=ANSWER_LIMIT
    )
    expect(page.get_by_role("radio")).to_have_count(50)
    for viewport in (PHONE, DESK):
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# Several pictures


@on_both
def test_several_pictures_are_a_sheet_of_answers_and_each_opens(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(HAPPY.read_bytes()[:9000])
    upload(page, HAPPY, GROUP, LAKE, damaged)
    expect(page.locator("#sheet-progress")).to_contain_text(
        "4 pictures read: ", timeout=ANSWER_LIMIT
    )
    expect_heard(page, re.compile("^4 pictures read: 2 happy"))
    cards = page.locator(".fer-card")
    expect(cards).to_have_count(4)
    expect(cards.nth(0)).to_contain_text("Happy")
    expect(cards.nth(2)).to_contain_text("no face")
    expect(cards.nth(3)).to_contain_text(TRUNCATED)
    rows = table(downloaded(page, page.get_by_role("button", name="as a CSV table")))
    assert [row["file"] for row in rows] == [HAPPY.name, *[GROUP.name] * 3, damaged.name]
    assert rows[-1]["error"] == TRUNCATED
    content = downloaded(page, page.get_by_role("button", name="ZIP"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [HAPPY.name, GROUP.name, LAKE.name]
    cards.nth(1).click()
    expect_faces(page, 3)
    page.get_by_role("button", name="All pictures").click()
    expect(cards).to_have_count(4)
    cards.nth(0).click()
    expect_answer(page, "Happy")


@on_desk
def test_more_pictures_than_are_read_are_said(page: Page, tmp_path: Path) -> None:
    with Image.open(HAPPY) as picture:
        small = picture.resize((96, 96))
    paths = []
    for number in range(34):
        paths.append(tmp_path / f"{number}.jpg")
        small.save(paths[-1])
    hand_over(page, "drop", paths)
    expect(page.locator(".fer-note")).to_contain_text("2 were left out")
    expect(page.locator(".fer-card")).to_have_count(32)
    expect(page.locator("#sheet-progress")).to_contain_text(
        "32 pictures read", timeout=ANSWER_LIMIT
    )


# Videos


@on_both
def test_a_video_is_played_with_boxes_a_timeline_and_shares(page: Page, clip: Path) -> None:
    upload(page, clip)
    pressed = page.get_by_role("button", name="as a CSV table")
    expect(pressed).to_be_visible(timeout=ANSWER_LIMIT)
    expect_heard(page, re.compile(r"^Video read, \d\.\d seconds: .*happy \d+%"))
    lines = page.locator(".fer-line")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_have_accessible_name(re.compile(r"Face 1, .* s in view: .*%"))
    box = lines.first.bounding_box()
    assert box is not None
    for share, faces in ((0.25, 2), (0.85, 1)):
        lines.first.click(position={"x": share * box["width"], "y": box["height"] / 2})
        expect(page.locator("#annotated .fer-box")).to_have_count(faces)
        assert page.locator("video").evaluate("(it) => it.currentTime") == pytest.approx(
            6 * share, abs=0.3
        )
    rows = table(downloaded(page, pressed))
    assert {row["track"] for row in rows} == {"1", "2"}
    assert rows[0]["file"] == clip.name


def test_reading_a_video_can_be_stopped(page: Page, tmp_path: Path) -> None:
    both = scene(Part(HAPPY.stem, 180), Part("surprise_m_african_01", 460))
    long = write_clip(tmp_path / "long.mp4", [both] * 250, [n / 5 for n in range(250)])
    upload(page, long)
    expect(page.locator(".fer-line")).to_have_count(2, timeout=ANSWER_LIMIT)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".fer-panel h2")).to_contain_text("Stopped", timeout=ANSWER_LIMIT)
    expect(page.locator(".fer-line")).to_have_count(2)
    upload(page, HAPPY)
    expect_answer(page, "Happy")


def test_a_video_of_the_camera_is_recorded_and_read(page: Page) -> None:
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Record a video").click(timeout=ANSWER_LIMIT)
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop recording").click()
    expect(page.get_by_role("button", name="as a CSV table")).to_be_visible(timeout=ANSWER_LIMIT)
    expect(page.locator(".fer-shares").first).to_contain_text("Happy")


# Live


@on_both
def test_a_visitor_goes_live_and_is_given_a_summary(page: Page) -> None:
    page.get_by_role("tab", name="Live").click()
    page.get_by_role("button", name="I agree").click()
    expect(page.locator("#live-line")).to_contain_text("happy", timeout=ANSWER_LIMIT)
    expect(page.locator("#camera .fer-box")).to_have_count(1)
    frame, box = (page.locator(f"#camera {it}").bounding_box() for it in (".fer-frame", ".fer-box"))
    assert frame is not None
    assert box is not None
    # The film's face is in the middle, a little to either side.
    assert (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"] == pytest.approx(
        0.5, abs=0.1
    )
    expect(page.locator(".fer-trail i").first).to_be_attached()
    mirrored = page.locator("#camera video").evaluate("(it) => getComputedStyle(it).transform")
    assert mirrored.startswith("matrix(-1,")
    expect_heard(page, re.compile("happy"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#live-summary")).to_contain_text(re.compile(r"Happy \d+%"))
    expect_heard(page, re.compile(r"^Live has ended\. .*happy >?\d+%"))


# Language


def test_a_french_browser_gets_a_page_without_an_english_word_and_can_switch(
    french: Page, tmp_path: Path
) -> None:
    page = french
    expect(page.get_by_role("heading", name="Quelle émotion")).to_be_visible()
    assert page.title() == say("title", "fr")

    # No English word is left.
    english = {
        text["en"]
        for text in json.loads((EXAMPLES.parent / "page/texts.json").read_text()).values()
        if text["en"] != text["fr"] and " " in text["en"]
    }

    def seen() -> str:
        return str(page.evaluate("document.querySelector('.fer').innerText"))

    views = [seen()]
    click_example(page, GROUP.name)
    expect(page.locator("#count")).to_have_text("3 visages", timeout=ANSWER_LIMIT)
    for name in ("Pourquoi", "Joie ou tristesse", "Partager"):
        page.get_by_role("button", name=name).click()
        views.append(seen())
    for tab in ("En direct", "Exemples"):
        page.get_by_role("tab", name=tab).click()
        views.append(seen())
    for text in english:
        assert not any(text in view for view in views), text

    # Errors are told in French.
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(HAPPY.read_bytes()[:9000])
    upload(page, damaged)
    expect(page.locator(".fer-note")).to_have_text(say("error.image", "fr"), timeout=ANSWER_LIMIT)

    upload(page, HAPPY)
    expect_answer(page, "Joie")
    expect(page.locator(".fer-sentence")).to_have_text(
        "La plupart des gens y verraient de la joie."
    )
    expect(page.locator("#annotated > img")).to_have_attribute(
        "alt", re.compile("Visage 1 sur 1\u00a0: Joie")
    )
    expect(page.locator(".fer-value").first).to_have_text(re.compile("[0-9]\u202f%"))

    # The language is switched.
    page.get_by_role("button", name="English").click()
    expect_answer(page, "Happy")  # the same picture, told in English
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == say("title", "en")
    expect(page.get_by_role("button", name="Français")).to_be_focused()
    page.get_by_role("button", name="Français").click()
    expect_answer(page, "Joie")


@on_desk
def test_the_page_and_gradios_settings_agree_about_the_language(page: Page) -> None:
    page.get_by_role("button", name="Français").click()
    expect(page.locator("h1")).to_contain_text("Quelle émotion")
    page.get_by_role("button", name=say("foot.settings", "fr")).click()
    chooser = page.get_by_label("Language")
    expect(chooser).to_have_value("Français", timeout=ANSWER_LIMIT)
    chooser.click()
    page.get_by_role("option", name="English").click()
    expect(page.locator("h1")).to_contain_text("Which emotion", timeout=ANSWER_LIMIT)


# Programs


def test_the_javascript_of_the_readme_works_as_written(
    english: BrowserContext, served_app: str
) -> None:
    page = english.new_page()
    page.goto(f"{served_app}/theme.css")  # of the page's origin, and light
    answer = page.evaluate(
        f"""async ([server, data]) => {{
            {readme_code("JavaScript", "js")}
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            return await predict(server, new Blob([bytes], {{ type: "image/jpeg" }}));
        }}""",
        [served_app, base64.b64encode(HAPPY.read_bytes()).decode()],
    )
    assert [face["emotion"]["label"] for face in answer["faces"]] == ["happy"]
    page.close()


# Everybody


def violations(page: Page) -> list[str]:
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]


def visit_all_views(page: Page, clip: Path) -> Iterator[str]:
    """Goes through the page; the name of each view."""
    yield "start"
    click_example(page, GROUP.name)
    expect(page.locator("#answer h2")).to_be_visible(timeout=ANSWER_LIMIT)
    page.locator("#answer .fer-actions button").first.click()
    expect(page.locator(".fer-why figure")).to_have_count(7, timeout=ANSWER_LIMIT)
    page.locator("#about summary").click()
    yield "group, why, about"
    page.locator("#answer .fer-actions button").nth(2).click()
    yield "share"
    upload(page, HAPPY, GROUP, LAKE)
    expect(page.locator(".fer-sheet-head button").first).to_be_enabled(timeout=ANSWER_LIMIT)
    yield "sheet"
    upload(page, clip)
    expect(page.locator(".fer-panel .fer-actions button")).to_be_visible(timeout=ANSWER_LIMIT)
    yield "video"
    page.locator("#tab-live").click()
    yield "consent"
    page.locator(".fer-consent button").click()
    expect(page.locator("#live-line img")).to_be_visible(timeout=ANSWER_LIMIT)
    yield "live"
    page.locator(".fer-stop").click()
    yield "summary"
    page.locator("#tab-examples").click()
    yield "examples"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"viewport": DESK, "color_scheme": "light"}, marks=pytest.mark.slow),
        {"viewport": PHONE, "color_scheme": "dark"},
    ],
    ids=["light", "dark"],
    indirect=True,
)
def test_every_view_is_for_everybody(page: Page, clip: Path) -> None:
    """Axe finds nothing, what takes the focus has a name, and no view is too wide."""
    for view in visit_all_views(page, clip):
        assert violations(page) == [], view
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view
        tree = page.locator("body").aria_snapshot()
        nameless = re.findall(
            r"- (?:button|radio|tab|link|checkbox|img)(?: \[[^]]*\])*:?$", tree, re.MULTILINE
        )
        assert nameless == [], f"{view}: {tree}"
        assert "Loading" not in tree, view
        assert not [key for key in TEXTS if "." in key and key in tree], view


def press_until(page: Page, key: str, name: str) -> None:
    """Press a key until what has the focus has a name."""
    for _ in range(60):
        page.keyboard.press(key)
        focused = page.evaluate(
            "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"
        )
        if name in focused:
            return
    pytest.fail(f"{name} cannot be reached with {key}")


@on_desk
def test_a_keyboard_is_enough(page: Page) -> None:
    """From the start to an answer, the third face, the table, and the live camera's Stop."""
    page.locator("#turn-language").focus()
    press_until(page, "Tab", say("example.group", "en"))
    page.keyboard.press("Enter")
    expect_faces(page, 3)
    press_until(page, "Tab", "of 3: ")
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Face 3 of 3")).to_be_focused()
    expect(page.get_by_role("radio", name="Face 3 of 3")).to_be_checked()
    press_until(page, "Tab", say("answer.csv.long", "en"))
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    assert len(table(started.value.path().read_bytes())) == 3
    press_until(page, "Shift+Tab", say("tab.picture", "en"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    press_until(page, "Tab", say("camera.agree", "en"))
    page.keyboard.press("Enter")
    expect(page.locator("#live-line")).to_contain_text("happy", timeout=ANSWER_LIMIT)
    press_until(page, "Tab", "Stop")
    page.keyboard.press("Enter")
    expect(page.locator("#live-summary")).to_be_visible()


def test_the_accessibility_tree_alone_is_enough(page: Page) -> None:
    """The same way by roles and names."""
    page.get_by_role("group", name="Or try one of these").get_by_role(
        "button", name=say("example.group", "en")
    ).click()
    expect_heard(page, re.compile("^3 faces: "))
    faces = page.get_by_role("radiogroup", name="Faces, from left to right")
    faces.get_by_role("radio", name="Face 3 of 3").click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer.get_by_role("heading")).to_be_visible()
    expect(answer.get_by_role("list", name="Probability of each emotion")).to_be_visible()
    rows = table(downloaded(page, answer.get_by_role("button", name="as a CSV table")))
    assert len(rows) == 3
    page.get_by_role("tablist").get_by_role("tab", name="Live").click()
    page.get_by_role("button", name="I agree").click()
    expect_heard(page, "Most people would say happy.")
    page.get_by_role("button", name="Stop").click()
    expect_heard(page, re.compile("^Live has ended"))


@pytest.mark.parametrize(
    "page", [{"viewport": DESK, "reduced_motion": "reduce"}], ids=["desk"], indirect=True
)
def test_nothing_moves_where_reduced_motion_is_asked_for(page: Page) -> None:
    page.locator("#tab-live").click()
    page.locator(".fer-consent button").click()
    expect(page.locator("#camera .fer-box")).to_have_count(1, timeout=ANSWER_LIMIT)
    moves = page.locator("#camera .fer-box").evaluate(
        "(it) => getComputedStyle(it).transitionDuration"
    )
    assert moves == "0s"
