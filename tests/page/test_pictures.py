import base64
import io
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.blocks import postprocess_update_dict
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from PIL import Image

from page.pictures import (
    CameraInput,
    PictureInput,
    PictureOutput,
    frame_bytes,
    sent_inside,
    uploaded_path,
)
from tests.conftest import EXAMPLES, ROOT

GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"


def anew(component: gr.Image) -> gr.Image:
    """As Gradio makes it when the page updates it."""
    return type(component)(**{**component.constructor_args, "label": "other"})


def test_a_component_that_is_updated_keeps_its_ways() -> None:
    with gr.Blocks():
        taken = anew(PictureInput(type="filepath"))
        frames = anew(CameraInput(sources=["webcam"], streaming=True))
        shown = anew(PictureOutput())
    upload = str(Path(get_upload_folder()) / "abc" / "picture.heic")
    assert taken.preprocess(ImageData(path=upload)) == upload
    assert frames.preprocess(ImageData(url="data:image/jpeg;base64,AAAA")) == bytes(3)
    update = postprocess_update_dict(shown, {"value": np.zeros((8, 8, 3), np.uint8)})
    assert update["value"]["path"] is None
    assert update["value"]["url"].startswith("data:image/jpeg;base64,")


def test_for_the_browser_they_are_plain_pictures_and_no_stub_is_written() -> None:
    with gr.Blocks():
        assert {kind().get_block_name() for kind in (PictureInput, PictureOutput)} == {"image"}
    assert not list((ROOT / "page").glob("*.pyi"))


def test_a_frame_comes_inside_the_message_and_nothing_else_is_taken_for_one() -> None:
    data = base64.b64encode(b"pixels").decode()
    assert frame_bytes(ImageData(url=f"data:image/jpeg;base64,{data}")) == b"pixels"
    for url in ("http://example.org/a.jpg", "file:///etc/passwd", "data:image/jpeg;base64,%%%"):
        assert frame_bytes(ImageData(url=url)) is None
    assert frame_bytes(ImageData(path="/etc/passwd")) is None
    assert frame_bytes(None) is None


def test_a_picture_for_the_page_comes_inside_the_answer() -> None:
    with Image.open(GROUP) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    sent = sent_inside(pixels)
    assert sent is not None
    assert sent.path is None
    assert sent.url is not None
    head, _, data = sent.url.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as back:
        assert np.abs(np.asarray(back).astype(int) - pixels).mean() < 4
    assert sent_inside(None) is None


def test_an_upload_without_a_file_is_refused() -> None:
    with pytest.raises(gr.Error, match="Please give a picture"):
        uploaded_path(ImageData(url="data:image/png;base64,AAAA"))


@pytest.mark.parametrize("path", ["/etc/passwd", "docs/page.jpg", "{}/../page.jpg", "{}x/page.jpg"])
def test_a_file_that_nobody_uploaded_is_refused(path: str) -> None:
    with pytest.raises(gr.Error, match="Please give a picture"):
        uploaded_path(ImageData(path=path.format(get_upload_folder())))
