"""Gradio's components for pictures and videos, with our own way of taking them in and out.

Gradio's preprocessing would open a visitor's picture first: it loses the EXIF orientation or 16-bit
values, depending on the type, and answers a damaged file with words of its own. Its postprocessing
writes a copy of every picture that the page shows.
"""

import base64
from abc import ABCMeta
from typing import Any

import cv2
import gradio as gr
import numpy as np
from gradio.data_classes import FileData, ImageData
from numpy.typing import NDArray

from page.addresses import is_upload

NO_PICTURE = "Please give a picture."
NO_VIDEO = "Please give a video."
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 88)


def uploaded_path(payload: ImageData | None) -> str | None:
    """Where Gradio put the upload, or None when there is no picture."""
    if payload is None:
        return None
    return within_uploads(payload.path)


def uploaded_video(payload: FileData | None) -> str | None:
    """Where Gradio put the upload of a video."""
    if payload is None:
        return None
    return within_uploads(payload.path, NO_VIDEO)


def within_uploads(path: str | None, otherwise: str = NO_PICTURE) -> str:
    """The path, if it is an upload: Gradio takes any path of the server that a program names."""
    if path is None or not is_upload(path):
        raise gr.Error(otherwise, print_exception=False)
    return path


def frame_bytes(payload: ImageData | None) -> bytes | None:
    """A frame of the live camera, which comes inside the message and never lies on the disk."""
    if payload is None or payload.url is None:
        return None
    return data_of(payload.url) if payload.url.startswith("data:image/") else None


def data_of(url: str) -> bytes | None:
    """What a data URI holds (RFC 2397), or None where it is not base64."""
    head, _, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return None


def sent_inside(picture: NDArray[np.uint8] | None) -> ImageData | None:
    """A picture for the page, inside the answer: no copy of it is written on the server."""
    if picture is None:
        return None
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), JPEG)
    data = base64.b64encode(jpeg.tobytes()).decode()
    return ImageData(url=f"data:image/jpeg;base64,{data}", orig_name="faces.jpg")


def kind_of(component: Any, name: str, **methods: Any) -> Any:
    """A component class with other methods.

    Gradio makes a component anew whenever the page updates it, so that methods put on an instance
    are lost; and for a class statement it would write a type stub beside this file.
    """
    others = {
        key: lambda _self, *given, method=method: method(*given) for key, method in methods.items()
    }
    body = {"is_template": True, "__module__": __name__, **others}
    return ABCMeta.__new__(type(component), name, (component,), body)


PictureInput = kind_of(gr.Image, "PictureInput", preprocess=uploaded_path)
"""Hands the visitor's file to fer_core as it came."""

CameraInput = kind_of(gr.Image, "CameraInput", preprocess=frame_bytes)
"""Hands on the frames of a live camera."""

PictureOutput = kind_of(gr.Image, "PictureOutput", postprocess=sent_inside)
"""Shows a picture of which no copy is written."""
