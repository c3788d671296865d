"""How pictures come in and go out: as uploads, as frames, and inside of answers.

Gradio's own preprocessing would open a picture first: it loses the EXIF orientation or 16-bit
values, depending on the type, and answers a damaged file with words of its own.
"""

import base64
from abc import ABCMeta
from typing import Any

import cv2
import gradio as gr
import numpy as np
from numpy.typing import NDArray

from page.addresses import is_upload

NO_PICTURE = "Please give a picture."
NO_VIDEO = "Please give a video."
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 88)


def within_uploads(path: str | None, otherwise: str = NO_PICTURE) -> str:
    """The path, if it is an upload: Gradio takes any path of the server that a program names."""
    if path is None or not is_upload(path):
        raise gr.Error(otherwise, print_exception=False)
    return path


def frame_bytes(url: object) -> bytes | None:
    """A frame of the live camera, which comes inside the message and never lies on the disk."""
    return data_of(url) if isinstance(url, str) and url.startswith("data:image/") else None


def data_of(url: str) -> bytes | None:
    """What a data URI holds (RFC 2397), or None where it is not base64."""
    head, _, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return None


def as_url(picture: NDArray[np.uint8], kind: str = ".jpg") -> str:
    """A picture, RGB or grey, inside a URL: no copy of it is written on the server."""
    colors = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(kind, colors, JPEG if kind == ".jpg" else ())
    media = "jpeg" if kind == ".jpg" else kind[1:]
    return f"data:image/{media};base64,{base64.b64encode(file.tobytes()).decode()}"


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
