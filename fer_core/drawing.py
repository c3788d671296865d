"""Boxes and labels on a picture."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fer_core.emotions import BY_NAME
from fer_core.results import FaceResult, RecognitionResult

MIN_FONT_SIZE = 12  # pixels; smaller is not readable on any screen


def annotate(
    image: NDArray[np.uint8], result: RecognitionResult, titles: Mapping[str, str] | None = None
) -> NDArray[np.uint8]:
    """A copy of the picture with a box and a label on each face.

    Labels are numbered, in the order of `result.faces`, when there are several faces. Each stands
    on its emotion's colour, so that it reads on any background.

    Args:
        image: (H, W, 3) uint8 RGB, upright: the picture that `result` is about.
        result: what was found in it.
        titles: what to call each emotion, by its name; English when None.

    Returns:
        (H, W, 3) uint8 RGB; equal to `image` when there is no face. `image` is not changed.

    Raises:
        ValueError: the picture is not of the size that the result is about.
    """
    height, width = image.shape[:2]
    if result.image_size != (width, height):
        raise ValueError(
            f"the result is about {result.image_size}, the picture is {width}x{height}"
        )
    if not result.faces:
        return image.copy()
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    numbered = len(result.faces) > 1
    for number, face in reversed(list(enumerate(result.faces, start=1))):  # the largest on top
        text = label_text(face, number if numbered else None, titles)
        _draw_face(draw, face, text, (width, height))
    return np.array(canvas)


def label_text(
    face: FaceResult, number: int | None = None, titles: Mapping[str, str] | None = None
) -> str:
    """What stands on a face: `Happy 97%`, `2 · Happy 97%`, or `Sad 41%?` when it is not sure."""
    emotion = face.emotion
    title = BY_NAME[emotion.label].title if titles is None else titles[emotion.label]
    text = f"{title} {percent(emotion.confidence)}"
    if emotion.is_uncertain:
        text += "?"
    return text if number is None else f"{number} · {text}"


def percent(share: float) -> str:
    """A probability for people, who read 100% as certain and 0% as impossible: neither is said."""
    if share < 0.005:
        return "<1%"
    return ">99%" if share >= 0.995 else f"{share:.0%}"


def _draw_face(
    draw: ImageDraw.ImageDraw, face: FaceResult, text: str, size: tuple[int, int]
) -> None:
    box, emotion = face.detection.box, BY_NAME[face.emotion.label]
    line = max(2, round(min(size) / 250))
    draw.rounded_rectangle(
        (box.x_min, box.y_min, box.x_max - 1, box.y_max - 1),
        radius=3 * line,
        outline=emotion.rgb,
        width=line,
    )
    # Grows with the face, but never takes more than a twelfth of a small picture's height.
    font_size = max(MIN_FONT_SIZE, min(round(box.width / 8), round(min(size) / 12)))
    font = ImageFont.load_default(font_size)
    pad = max(1, round(font_size / 4))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font, anchor="lt")
    label_width, label_height = right - left + 2 * pad, bottom - top + 2 * pad
    # Above the box where there is room, else inside its upper edge; never beyond the picture.
    x = max(0, min(box.x_min, size[0] - label_width))
    above = box.y_min - label_height
    y = above if above >= 0 else max(0, min(box.y_min, size[1] - label_height))
    draw.rounded_rectangle(
        (x, y, x + label_width - 1, y + label_height - 1), radius=pad, fill=emotion.rgb
    )
    draw.text((x + pad, y + pad), text, font=font, anchor="lt", fill=emotion.text_color)
