"""The page: what stands where, and which event calls what."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from fer_core import EmotionRecognizer
from page.endpoints import add_endpoints
from page.guard import Page
from page.handlers import EXAMPLES_DIR, SEVEN, TWO, Handlers, Shown, Source, gallery_value
from page.pictures import CameraInput, PictureInput, PictureOutput
from page.texts import ENGLISH, FRENCH, TEXTS, about_text, i18n, known_language, say

HERE = Path(__file__).resolve().parent
CONFUSION = HERE.parent / "docs" / "confusion.png"
STYLE = (HERE / "style.css").read_text(encoding="utf-8")
SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")

MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 2}
MAX_QUEUE = 64
PICTURE_HEIGHT = 380  # pixels
LIVE_SECONDS = 120
FRAME_SECONDS = 0.1  # between the frames that the browser sends
# Gradio would ask for 1920x1440. In these, faces at two metres are found and read as well, and ten
# a second come through a connection at home and are answered on two cores.
LIVE_FRAMES = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
STATE_SECONDS = 300  # that an answer is remembered for another look
FILE: dict[str, Any] = {"type": "filepath", "image_mode": None, "height": PICTURE_HEIGHT}
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}
FAULTS = ("denied", "none", "busy", "insecure", "lost")  # of a camera, as page.js calls them
ENDS = ("limit", "hidden")  # why page.js turns a camera off, where the visitor did not ask for it


# Runs in the browser before the handler; the attribute is for who has the page read aloud.
TURN_LANGUAGE = """(language, ...others) => {
    document.documentElement.lang = language.startsWith("fr") ? "en" : "fr";
    return [language, ...others];
}"""


# On a phone the answer lies below the picture. Gradio's own `scroll_to_output` does nothing for an
# answer that is there at once.
REVEAL_ANSWER = """() => setTimeout(() => {
    const { top } = document.querySelector("#status").getBoundingClientRect();
    if (!document.querySelector("#annotated img") || (top >= 0 && top < innerHeight / 3)) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const behavior = still ? "instant" : "smooth";
    document.querySelector("#status").scrollIntoView({ behavior });
}, 100)"""


# As `liveCamera` in page.js tells.
AFTER_LIVE = """async (...given) => {
    await window.liveCamera?.drawn();
    return given;
}"""
SET_VISIBLE = '() => ({{ __type__: "update", visible: {} }})'


class Texts:
    """Components whose texts stand still, so that they can be told in another language.

    At first Gradio shows them in the browser's language by itself.
    """

    def __init__(self) -> None:
        """None so far."""
        self._known: list[tuple[gr.blocks.Block, str, str]] = []

    def keep(self, component: Any, key: str, attribute: str = "label") -> Any:
        """The component, remembered with the key of its text."""
        self._known.append((component, attribute, key))
        return component

    @property
    def components(self) -> list[gr.blocks.Block]:
        """All of them, in the order of `told`."""
        return [component for component, _, _ in self._known]

    def told(self, language: str) -> list[dict[str, Any]]:
        """Updates that tell them in a language."""
        updates: list[dict[str, Any]] = [
            {attribute: say(key, language)} for _, attribute, key in self._known
        ]
        return [gr.update(**update) for update in updates]


class Inputs(NamedTuple):
    """Where a picture comes from."""

    upload: gr.Image
    webcam: gr.Image
    camera: gr.Image
    gallery: gr.Gallery


class Answer(NamedTuple):
    """What tells about it, in the order in which `Handlers.show` gives it."""

    status: gr.Markdown
    picture: gr.Image
    chooser: gr.Radio
    mode: gr.Radio
    text: gr.HTML
    why: gr.Accordion
    reasons: gr.HTML
    shown: gr.State


def build_page(recognizer: EmotionRecognizer) -> gr.Blocks:
    """The page and its endpoints, not launched."""
    handlers, texts = Handlers(recognizer), Texts()
    gr.set_static_paths([EXAMPLES_DIR, CONFUSION])  # served where they lie, not from copies
    demo = Page(title=TEXTS["title"]["en"], analytics_enabled=False)
    with demo:
        language = gr.Textbox(visible=False, elem_id="language")
        turn = texts.keep(
            gr.Button(i18n("language"), elem_id="turn-language", size="sm", variant="secondary"),
            "language",
            "value",
        )
        texts.keep(gr.Markdown(i18n("intro")), "intro", "value")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=320):
                inputs = _build_inputs(texts)
            with gr.Column(min_width=320):
                answer = _build_answer()
                restart = gr.Button(i18n("answer.restart"), elem_id="restart", size="sm")
                texts.keep(restart, "answer.restart", "value")
        texts.keep(gr.Markdown(i18n("note")), "note", "value")
        about = _build_about(recognizer, texts)
        source = gr.State(Source())
        _wire(handlers, inputs, answer, language, source)
        _tell_of_camera(answer.status, language)

        def moving(said: str) -> list[Any]:
            return [gallery_value(said), *about_text(recognizer.model.info, said)]

        def turned(said: str, shown: Shown | None, mode: str) -> list[Any]:
            other = ENGLISH if known_language(said) == FRENCH else FRENCH
            page = handlers.again(shown, other, mode)
            return [other, *texts.told(other), *moving(other), *page]

        moved = [inputs.gallery, *about]
        demo.load(None, None, language, js="() => document.documentElement.lang", **PRIVATE).then(
            moving, language, moved, **QUICK
        )
        turn.click(
            turned,
            [language, answer.shown, answer.mode],
            [language, *texts.components, *moved, *answer],
            js=TURN_LANGUAGE,
            **QUICK,
        )
        restart.click(
            lambda: [None, None],
            None,
            [inputs.upload, inputs.webcam],
            js=AFTER_LIVE,
            **QUICK,
        ).then(
            lambda said, source: handlers.show(None, said, SEVEN, source),
            [language, source],
            list(answer),
            **QUICK,
        )
        add_endpoints(handlers)
    demo.queue(max_size=MAX_QUEUE)
    return demo


def _build_inputs(texts: Texts) -> Inputs:
    with gr.Tabs(overflow_behavior="wrap"):
        with texts.keep(gr.Tab(i18n("tab.upload"), id="upload"), "tab.upload"):
            upload = PictureInput(
                **FILE,
                label=i18n("upload.label"),
                sources=["upload", "clipboard"],
                format="jpeg",  # of the preview
                elem_id="upload",
            )
        with texts.keep(gr.Tab(i18n("tab.webcam"), id="webcam"), "tab.webcam"):
            ask_snapshot, agree_snapshot = _consent(texts)
            with gr.Column(visible=False) as snapshot:
                webcam = PictureInput(
                    **FILE, label=i18n("webcam.label"), sources=["webcam"], elem_id="webcam"
                )
        with texts.keep(gr.Tab(i18n("tab.live"), id="live"), "tab.live"):
            ask_live, agree_live = _consent(texts)
            with gr.Column(visible=False) as live:
                texts.keep(gr.Markdown(i18n("live.hint")), "live.hint", "value")
                camera = CameraInput(
                    **FILE,
                    label=i18n("live.label"),
                    sources=["webcam"],
                    streaming=True,
                    webcam_options=gr.WebcamOptions(constraints=LIVE_FRAMES),
                    elem_id="camera",
                )
        with texts.keep(gr.Tab(i18n("tab.examples"), id="examples"), "tab.examples"):
            gallery = gr.Gallery(
                gallery_value("en"),
                elem_id="gallery",
                show_label=False,
                columns=3,
                height="max-content",
                object_fit="cover",
                allow_preview=False,
                interactive=False,
                buttons=[],
            )
    for component, key in (
        (upload, "upload.label"),
        (webcam, "webcam.label"),
        (camera, "live.label"),
    ):
        texts.keep(component, key)
    for button, ask, reveal in (
        (agree_snapshot, ask_snapshot, snapshot),
        (agree_live, ask_live, live),
    ):
        button.click(_reveal, None, [ask, reveal], **QUICK)
        with reveal:  # so that page.js finds it only where somebody agreed
            anew = gr.Button(elem_classes="fer-anew")
        # Gradio goes on with a camera that is gone; only one that is built anew opens it again.
        anew.click(None, None, reveal, js=SET_VISIBLE.format("false"), **PRIVATE).then(
            None, None, reveal, js=SET_VISIBLE.format("true"), **PRIVATE
        )
    return Inputs(upload, webcam, camera, gallery)


def _build_answer() -> Answer:
    status = gr.Markdown(i18n("answer.waiting"), elem_id="status")
    picture = PictureOutput(
        show_label=False,  # Gradio lays it over the picture, on the label of a face
        elem_id="annotated",
        interactive=False,
        visible=False,
        buttons=["download", "fullscreen"],
    )
    chooser = gr.Radio(label=i18n("answer.face"), elem_id="faces", visible=False, interactive=True)
    mode = gr.Radio(
        [(i18n("answer.seven"), SEVEN), (i18n("answer.two"), TWO)],
        value=SEVEN,
        show_label=False,
        elem_id="mode",
        visible=False,
    )
    text = gr.HTML(elem_id="answer")
    with gr.Accordion(i18n("why.title"), open=False, visible=False, elem_id="why") as why:
        reasons = gr.HTML(elem_id="reasons")
    shown = gr.State(None, time_to_live=STATE_SECONDS)
    return Answer(status, picture, chooser, mode, text, why, reasons, shown)


def _build_about(recognizer: EmotionRecognizer, texts: Texts) -> list[gr.Markdown]:
    before, after = about_text(recognizer.model.info, "en")
    with texts.keep(gr.Accordion(i18n("about.title"), open=False, elem_id="about"), "about.title"):
        first = gr.Markdown(before)
        confusion = gr.Image(
            str(CONFUSION),
            show_label=False,
            interactive=False,
            buttons=["fullscreen"],
            elem_id="confusion",
            alt_text=say("about.confusion", "en"),
        )
        second = gr.Markdown(after)
    texts.keep(confusion, "about.confusion", "alt_text")
    return [first, second]


def _wire(
    handlers: Handlers,
    inputs: Inputs,
    answer: Answer,
    language: gr.Textbox,
    source: gr.State,
) -> None:
    mode, shown, page = answer.mode, answer.shown, list(answer)
    on_model: dict[str, Any] = {**PRIVATE, **MODEL_QUEUE}
    whole: dict[str, Any] = {
        **PRIVATE,
        "outputs": page,
        "show_progress_on": [answer.status, answer.picture],
    }
    # Not `change`: the preview is one, too.
    inputs.upload.upload(handlers.preview, inputs.upload, inputs.upload, **QUICK)
    answers = [
        # Not `change`: the preview is one, too.
        given.input(
            handlers.show, [given, language, mode, source], js=AFTER_LIVE, **whole, **MODEL_QUEUE
        )
        for given in (inputs.upload, inputs.webcam)
    ]
    answers.append(
        inputs.gallery.select(
            handlers.show_example,
            [language, mode, source],
            js=AFTER_LIVE,
            queue=False,  # it is known already
            trigger_mode="always_last",
            **whole,
        )
    )
    for answered in answers:
        answered.then(None, js=REVEAL_ANSWER, **PRIVATE)
    # Hidden; page.js clicks them when a camera is on, and when it is the live one. The latter waits
    # for what was asked before.
    opened, begun = (gr.Button(visible="hidden", elem_id=f"camera-{it}") for it in ("on", "live"))
    opened.click(handlers.status, [shown, language], answer.status, **QUICK)
    begun.click(handlers.begin_live, source, None, show_progress="hidden", **on_model)
    inputs.camera.stream(
        handlers.live,
        [inputs.camera, shown, answer.chooser, language, mode, source],
        page,
        show_progress="hidden",
        stream_every=FRAME_SECONDS,
        time_limit=LIVE_SECONDS,
        **on_model,
    ).then(None, js="() => window.liveCamera?.ended()", **PRIVATE)
    chosen = [answer.text, answer.why, answer.reasons, shown]
    answer.chooser.input(handlers.choose, [answer.chooser, shown, language, mode], chosen, **QUICK)
    answer.picture.select(
        handlers.choose_at, [shown, language, mode], [answer.chooser, *chosen], **QUICK
    )
    mode.input(handlers.switch, [shown, language, mode], answer.text, **QUICK)
    answer.why.expand(handlers.explain, [shown, language], answer.reasons, **on_model)


def _tell_of_camera(status: gr.Markdown, language: gr.Textbox) -> None:
    """Buttons that nobody sees; page.js clicks one when a camera fails or is turned off."""

    def told(why: str, said: str) -> str:
        text = say(f"camera.{why}", said)
        (gr.Warning if why in FAULTS else gr.Info)(text)
        return text

    for why in (*FAULTS, *ENDS):
        button = gr.Button(visible="hidden", elem_id=f"camera-{why}")
        # Queued, as Gradio shows no warning of an event that is not.
        button.click(partial(told, why), language, status, show_progress="hidden", **PRIVATE)


def _consent(texts: Texts) -> tuple[gr.Column, gr.Button]:
    """What is asked before the first frame of a camera."""
    with gr.Column() as column:
        texts.keep(gr.Markdown(i18n("consent.text")), "consent.text", "value")
        button = gr.Button(i18n("consent.button"), variant="primary")
        texts.keep(button, "consent.button", "value")
    return column, button


def _reveal() -> list[Any]:
    return [gr.update(visible=False), gr.update(visible=True)]
