import re
from pathlib import Path

import gradio.routes
import pytest

from page import look
from page.layout import CARD, ICONS
from page.texts import say


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> str:
    """What a messenger is given of the page's head."""
    environment = gradio.routes.templates.env
    monkeypatch.setattr(environment, "loader", environment.loader)
    look.describe()
    template = environment.from_string(environment.loader.get_source(environment, look.INDEX)[0])
    config = {"root": "https://example.org", "title": "A title"}
    return template.render(config=config, gradio_api_info={}).partition("</head>")[0]


def test_the_page_is_described_in_our_words_alone(head: str) -> None:
    properties = dict(re.findall(r'property="(og:\w+)" content="([^"]*)"', head))
    assert head.count("og:title") == head.count("<title>") == 1
    assert properties["og:title"] == say("title", "en")
    assert properties["og:description"] == say("description", "en")
    assert properties["og:image"] == f"https://example.org/gradio_api/file={CARD}"
    assert "radio" not in "".join(properties.values()).replace("gradio_api", "")


def test_the_rest_of_the_page_is_as_gradio_made_it(head: str) -> None:
    assert "window.gradio_config" in head
    assert '<meta charset="utf-8"' in head


def test_every_emotion_and_action_has_its_icon_and_the_sums_are_right() -> None:
    import hashlib

    sums = dict(reversed(line.split()) for line in (ICONS / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {path.name for path in ICONS.glob("*.svg")}
    for name, told in sums.items():
        assert hashlib.sha256((ICONS / name).read_bytes()).hexdigest() == told


def test_the_font_of_the_style_is_served_where_it_lies() -> None:
    (path,) = re.findall(r"gradio_api/file=([^)\"]+)", look.STYLE)
    assert Path(path).is_file()
