"""What the endpoints take: files that were uploaded, addresses, and pictures inside of the call."""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ImageData, ListFiles
from gradio_client.utils import encode_file_path

from page.addresses import NOT_FETCHED, SERVED, is_address
from page.handlers import EXAMPLES_DIR
from page.pictures import NO_PICTURE, NO_VIDEO, data_of, kind_of, within_uploads

BAD_DATA = "This data URI cannot be read; it must hold a picture file in base64."

Given = str | bytes
"""The path of an upload, an http(s) address, or the bytes of a data URI."""

HAPPY, GROUP = "happy_f_asian_01.jpg", "group_happy-surprise-angry_01.jpg"  # of examples/


def given_picture(payload: ImageData | None) -> Given | None:
    """One picture."""
    if payload is None:
        return None
    if payload.path is not None or payload.url is None:
        return _path_or_address(payload.path, NO_PICTURE)
    if is_address(payload.url):
        return payload.url
    if not payload.url.startswith("data:"):
        raise gr.Error(NOT_FETCHED, print_exception=False)
    data = data_of(payload.url)
    if data is None:
        raise gr.Error(BAD_DATA, print_exception=False)
    return data


def given_pictures(payload: ListFiles | None) -> list[Given] | None:
    """Several pictures."""
    if payload is None:
        return None
    return [_path_or_address(file.path, NO_PICTURE) for file in payload.root]


def given_video(payload: FileData | None) -> str | None:
    """One video."""
    if payload is None:
        return None
    return _path_or_address(payload.path, NO_VIDEO)


def _path_or_address(path: str | None, otherwise: str) -> str:
    return path if path is not None and is_address(path) else within_uploads(path, otherwise)


async def _as_it_is(path: Any) -> Any:
    """Instead of what Gradio does with addresses: fetch them, however large the file is."""
    return path


def _example(name: str) -> dict[str, Any]:
    """A picture of the gallery by its address on this server, which `Page` puts before it."""
    return _file(SERVED + encode_file_path(EXAMPLES_DIR / name))


def _file(path: str) -> dict[str, Any]:
    return {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}


def _parameter(component: Any, name: str, missing: str, preprocess: Any, example: Any) -> Any:
    """A component class whose example under "Use via API" is ours.

    Its attribute `missing` is the sentence for who gives something else.
    """
    kind = kind_of(
        component,
        name,
        preprocess=preprocess,
        async_move_resource_to_block_cache=_as_it_is,
        example_payload=lambda: example,
    )
    kind.missing = missing
    return kind


PictureParameter = _parameter(
    gr.Image, "PictureParameter", NO_PICTURE, given_picture, _example(HAPPY)
)
PicturesParameter = _parameter(
    gr.File, "PicturesParameter", NO_PICTURE, given_pictures, [_example(HAPPY), _example(GROUP)]
)
VideoParameter = _parameter(gr.File, "VideoParameter", NO_VIDEO, given_video, _file("clip.mp4"))
