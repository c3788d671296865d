"""Draws boxes and labels on an image."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fer_core.emotions import BY_NAME, Emotion
from fer_core.results import FaceResult, RecognitionResult

FONT = Path(__file__).resolve().parent / "fonts" / "inter-latin-600-normal.woff"
MIN_FONT_SIZE = 12  # pixels; smaller is not readable on any screen
READABLE_HEIGHT = 1 / 36  # of the longer side: 16 pixels where the image is shown 600 pixels wide
WIDEST_LABEL = 1.8  # widths of the face; a wider one would cover neighbouring faces


def annotate(
    image: NDArray[np.uint8],
    result: RecognitionResult,
    label: Callable[[FaceResult], str] | None = None,
    numbers: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """Copy an image and draw a box and a label on each face.

    Labels are numbered, in the order of `result.faces`, when there are several faces; a face that
    is too small for more gets the number alone. The label's background is the emotion's colour.

    Args:
        image: (H, W, 3) uint8 RGB, upright: the image of `result`, at any scale.
        result: of the recognizer.
        label: gives the text for a face; `face_label` when None.
        numbers: of the faces, such as those of their tracks; always shown when given.

    Returns:
        (H, W, 3) uint8 RGB; equal to `image` when there is no face. `image` is not changed.

    Raises:
        ValueError: the image has not the aspect ratio of the image of `result`.
    """
    height, width = image.shape[:2]
    scale = max(width, height) / max(result.image_size)
    expected = np.array(result.image_size) * scale
    if np.abs(expected - (width, height)).max() > 0.5 + 1e-6:  # the shorter side was rounded
        raise ValueError(f"the result is about {result.image_size}, the image is {width}x{height}")
    if not result.faces:
        return image.copy()
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    numbered = len(result.faces) > 1 or numbers is not None
    counted = range(1, len(result.faces) + 1) if numbers is None else numbers
    for number, face in reversed(list(zip(counted, result.faces, strict=True))):  # largest on top
        box = face.detection.box
        edges = np.array([box.x_min, box.y_min, box.x_max, box.y_max]) * scale
        emotion = BY_NAME[face.emotion.label]
        _draw_box(draw, edges, emotion, (width, height))
        text = face_label(face) if label is None else label(face)
        texts = (f"{number} · {text}", str(number)) if numbered else (text,)
        _draw_label(draw, edges, texts, emotion, (width, height))
    return np.array(canvas)


def face_label(face: FaceResult, title: str | None = None) -> str:
    """Write the label of a face: `Happy 97%`, or `Sad 41%?` when it is uncertain.

    Args:
        face: with its prediction.
        title: name of its emotion; English when None.
    """
    emotion = face.emotion
    text = f"{title or BY_NAME[emotion.label].title} {percent(emotion.confidence)}"
    return f"{text}?" if emotion.is_uncertain else text


def percent(share: float) -> str:
    """Write a probability in percent, never as 0% or 100%, which read as impossible and certain."""
    if share < 0.005:
        return "<1%"
    return ">99%" if share >= 0.995 else f"{share:.0%}"


def _draw_box(
    draw: ImageDraw.ImageDraw,
    edges: NDArray[np.float64],
    emotion: Emotion,
    size: tuple[int, int],
) -> None:
    """Draw a box with edges (4,) x_min, y_min, x_max, y_max, in pixels."""
    line = max(2, round(min(size) / 250))
    left, top, right, bottom = np.rint(edges).astype(int).tolist()
    draw.rounded_rectangle(
        (left, top, max(left, right - 1), max(top, bottom - 1)),
        radius=3 * line,
        outline=emotion.rgb,
        width=line,
    )


def _draw_label(
    draw: ImageDraw.ImageDraw,
    edges: NDArray[np.float64],
    texts: Sequence[str],
    emotion: Emotion,
    size: tuple[int, int],
) -> None:
    """Draw the first text that is not too wide for the face, or the last."""
    x_min, y_min, x_max, _ = np.rint(edges).astype(int).tolist()
    # Grows with face and image, but never takes more than a twelfth of a small image's height.
    wanted = max(round((x_max - x_min) / 8), round(max(size) * READABLE_HEIGHT))
    font_size = max(MIN_FONT_SIZE, min(wanted, round(min(size) / 12)))
    font = _font(font_size)
    pad = max(1, round(font_size / 4))
    for text in texts:
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font, anchor="lt")
        label_width, label_height = right - left + 2 * pad, bottom - top + 2 * pad
        if label_width <= WIDEST_LABEL * (x_max - x_min):
            break
    # Above the box where there is room, else inside its upper edge; never beyond the image.
    x = max(0, min(x_min, size[0] - label_width))
    above = y_min - label_height
    y = above if above >= 0 else max(0, min(y_min, size[1] - label_height))
    draw.rounded_rectangle(
        (x, y, x + label_width - 1, y + label_height - 1), radius=pad, fill=emotion.rgb
    )
    draw.text((x + pad, y + pad), text, font=font, anchor="lt", fill=emotion.text_color)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)
