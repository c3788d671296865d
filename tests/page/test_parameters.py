"""What endpoints take for a picture or a video."""

import base64
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.data_classes import FileData, ImageData, ListFiles
from gradio.utils import get_upload_folder

from page.addresses import NOT_FETCHED
from page.parameters import BAD_DATA, given_picture, given_pictures, given_video
from page.pictures import NO_PICTURE, NO_VIDEO

ADDRESS = "https://example.org/a.jpg"
UPLOAD = str(Path(get_upload_folder()) / "abc" / "a.jpg")
DATA = base64.b64encode(b"pixels").decode()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"path": UPLOAD}, UPLOAD),
        ({"path": UPLOAD, "url": ADDRESS}, UPLOAD),
        ({"path": ADDRESS}, ADDRESS),
        ({"url": ADDRESS}, ADDRESS),
        ({"url": f"data:image/jpeg;base64,{DATA}"}, b"pixels"),
        ({"url": f"data:image/jpeg;name=a.jpg;base64,{DATA}"}, b"pixels"),
        ({"url": f"data:;base64,{DATA}"}, b"pixels"),
    ],
)
def test_pictures_are_uploads_addresses_or_data(given: dict[str, str], taken: Any) -> None:
    assert given_picture(ImageData(**given)) == taken


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"path": "/etc/passwd"}, NO_PICTURE),
        ({"path": f"data:image/jpeg;base64,{DATA}"}, NO_PICTURE),
        ({}, NO_PICTURE),
        ({"url": "file:///etc/passwd"}, NOT_FETCHED),
        ({"url": "ftp://example.org/a.jpg"}, NOT_FETCHED),
        ({"url": "docs/page.jpg"}, NOT_FETCHED),
        ({"url": "data:image/jpeg;base64,===="}, BAD_DATA),
        ({"url": "data:image/svg+xml,<svg/>"}, BAD_DATA),
        ({"url": "data:"}, BAD_DATA),
    ],
)
def test_all_else_is_refused_with_a_sentence(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(gr.Error) as caught:
        given_picture(ImageData(**given))
    assert caught.value.message == sentence


def test_several_pictures_and_videos_are_uploads_or_addresses() -> None:
    files = ListFiles(root=[FileData(path=UPLOAD), FileData(path=ADDRESS)])
    assert given_pictures(files) == [UPLOAD, ADDRESS]
    assert given_video(FileData(path=ADDRESS)) == ADDRESS
    assert given_pictures(None) is given_video(None) is given_picture(None) is None
    with pytest.raises(gr.Error, match=NO_PICTURE):
        given_pictures(ListFiles(root=[FileData(path="/etc/passwd")]))
    with pytest.raises(gr.Error, match=NO_VIDEO):
        given_video(FileData(path="/etc/passwd"))
