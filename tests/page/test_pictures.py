import base64
import io
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

from page.pictures import (
    as_url,
    frame_bytes,
    within_uploads,
)
from tests.conftest import EXAMPLES

GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"


def test_a_frame_comes_inside_the_message_and_nothing_else_is_taken_for_one() -> None:
    data = base64.b64encode(b"pixels").decode()
    assert frame_bytes(f"data:image/jpeg;base64,{data}") == b"pixels"
    others = ("http://example.org/a.jpg", "file:///etc/passwd", "data:image/jpeg;base64,%%%")
    for other in (*others, "data:text/plain;base64,AAAA", "/etc/passwd", None, 7):
        assert frame_bytes(other) is None


@pytest.mark.parametrize(("kind", "media"), [(".jpg", "image/jpeg"), (".png", "image/png")])
def test_a_picture_for_the_page_comes_inside_the_answer(kind: str, media: str) -> None:
    with Image.open(GROUP) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    head, _, data = as_url(pixels, kind).partition(",")
    assert head == f"data:{media};base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as back:
        assert np.abs(np.asarray(back).astype(int) - pixels).mean() < 4


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "docs/page.jpg", "{}/../page.jpg", "{}x/page.jpg", None]
)
def test_a_file_that_nobody_uploaded_is_refused(path: str | None) -> None:
    with pytest.raises(gr.Error, match="Please give a picture"):
        within_uploads(None if path is None else path.format(get_upload_folder()))


def test_an_upload_is_taken_as_it_is() -> None:
    upload = str(Path(get_upload_folder()) / "abc" / "picture.heic")
    assert within_uploads(upload) == upload
