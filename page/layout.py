"""The page: one component that page/web fills, what it asks of the server, and the endpoints."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api

from fer_core import EmotionRecognizer
from fer_core.emotions import EMOTIONS
from fer_core.table import FIELDS
from page.endpoints import VIDEO_QUEUE, add_endpoints
from page.guard import Page
from page.handlers import EXAMPLES, EXAMPLES_DIR, Handlers
from page.texts import CODE, LANGUAGES, TEXTS, about_text, i18n

HERE = Path(__file__).resolve().parent
WEB = HERE / "web"
ICONS = HERE / "icons"
FONTS = HERE.parent / "fer_core" / "fonts"
CONFUSION = HERE.parent / "docs" / "confusion.png"
CARD = HERE.parent / "docs" / "card.png"  # that messengers show of the page's address
SCRIPTS = (
    "words", "elements", "server", "camera", "files", "boxes", "verdict", "share", "picture",
    "sheet", "shares", "video", "live", "page",
)  # fmt: skip
"""Of page/web, in the order in which they run, as one script."""
SCRIPT = "\n".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)

MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 2}
MAX_QUEUE = 64
STATE_SECONDS = 300  # that a live camera's faces are remembered
PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def build_page(recognizer: EmotionRecognizer) -> gr.Blocks:
    """The page and its endpoints, not launched."""
    handlers = Handlers(recognizer)
    # Served where they lie, not from copies.
    gr.set_static_paths([EXAMPLES_DIR, CONFUSION, CARD, ICONS, FONTS])
    demo = Page(title=TEXTS["title"]["en"], analytics_enabled=False)
    with demo:
        gr.HTML(
            html_template="",
            js_on_load=SCRIPT,
            apply_default_css=False,
            elem_id="page",
            texts=TEXTS,
            columns=FIELDS,
            about={language: about_text(recognizer.model.info, language) for language in LANGUAGES},
            confusion=str(CONFUSION),
            emotions={it.name: {"color": it.color, "ink": it.text_color} for it in EMOTIONS},
            icons={path.stem: path.read_text(encoding="utf-8") for path in ICONS.glob("*.svg")},
            examples=[
                {
                    "name": name,
                    "path": str(EXAMPLES_DIR / name),
                    "key": key,
                    "answer": handlers.examples[name],
                }
                for name, key in EXAMPLES.items()
            ],
        )
        # Gradio writes the language of its settings into it, where page/web looks for it.
        gr.Markdown(i18n(CODE), elem_id="language", visible="hidden")
        _answer_page(handlers)
        add_endpoints(handlers)
    demo.queue(max_size=MAX_QUEUE)
    return demo


def _answer_page(handlers: Handlers) -> None:
    """What page/web/server.js calls by name."""
    for answer in (handlers.read_picture, handlers.preview, handlers.explain, handlers.pack):
        api(answer, **PRIVATE, **MODEL_QUEUE)
    api(handlers.read_video, **PRIVATE, **VIDEO_QUEUE)
    with gr.Row(visible=False):
        frame, answer_of_frame, ask = gr.JSON(), gr.JSON(), gr.Button()
        live = gr.State(None, time_to_live=STATE_SECONDS)
        ask.click(
            handlers.read_frame,
            [frame, live],
            [answer_of_frame, live],
            api_name="read_frame",
            **PRIVATE,
            **MODEL_QUEUE,
        )
