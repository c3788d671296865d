"""How the page presents itself: colours, style, icon, and what messengers show of its address."""

from html import escape
from typing import Any

import gradio as gr
import gradio.routes
from jinja2 import BaseLoader, Environment
from jinja2.loaders import FunctionLoader

from page.layout import CARD, FONTS, ICONS, WEB
from page.texts import ENGLISH, say

SERVED = "gradio_api/file="
STYLE = (
    (WEB / "style.css")
    .read_text(encoding="utf-8")
    .replace("FONT", f"{SERVED}{FONTS / 'inter-latin-600-normal.woff'}")
)

# The ground on which page/web/style.css draws, and Gradio's own dialogs in the same colours.
THEME = gr.themes.Base(
    primary_hue="teal", neutral_hue="zinc", font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace"],
).set(
    body_background_fill="#f6f6f4",
    body_background_fill_dark="#121416",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_300",
)  # fmt: skip

SETTINGS: dict[str, Any] = {
    "theme": THEME,
    "head": f"<style>{STYLE}</style>",
    "favicon_path": str(ICONS / "happy.svg"),
    "footer_links": ["api", "settings"],
}
"""For `launch`."""

INDEX = "frontend/index.html"


def describe() -> None:
    """Have Gradio's page carry our title, description and picture instead of its own."""
    environment = gradio.routes.templates.env
    loader = environment.loader
    if loader is not None:
        environment.loader = FunctionLoader(lambda name: _described(environment, loader, name))


def _described(environment: Environment, loader: BaseLoader, name: str) -> str:
    source, _, _ = loader.get_source(environment, name)
    if name != INDEX:
        return source
    kept = [
        line for line in _tags(source) if 'property="og:' not in line and "twitter:" not in line
    ]
    return "".join(kept).replace("</head>", f"{_head()}</head>", 1)


def _tags(source: str) -> list[str]:
    """The page, cut behind each tag's end, so that a tag over several lines is one piece."""
    head, end, body = source.partition("</head>")
    return [f"{piece}>" for piece in head.split(">")[:-1]] + [head.rsplit(">", 1)[1] + end + body]


def _head() -> str:
    title, description = (escape(say(key, ENGLISH)) for key in ("title", "description"))
    picture = f"{{{{ config['root'] }}}}/{SERVED}{CARD}"
    named = {"description": description, "twitter:card": "summary_large_image"}
    properties = {
        "og:type": "website", "og:title": title, "og:description": description,
        "og:image": picture, "og:image:width": "1200", "og:image:height": "630",
        "og:url": "{{ config['root'] }}",
    }  # fmt: skip
    return "\n".join(
        [
            f"<title>{title}</title>",
            *(f'<meta name="{name}" content="{content}" />' for name, content in named.items()),
            *(f'<meta property="{name}" content="{text}" />' for name, text in properties.items()),
        ]
    )
