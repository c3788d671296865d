"""Draws images without a person: emoji and lettering on plain backgrounds.

They measure false detections, and, in other fonts, train the quality network.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fer_core.preprocessing import UInt8Array
from train.errors import DataError

EMOJI_FACES = (
    *range(0x1F600, 0x1F645),  # faces and cats
    *range(0x1F648, 0x1F64B),
    *range(0x1F910, 0x1F918),
    *range(0x1F920, 0x1F930),
    *range(0x1F970, 0x1F97B),
    *range(0x1F42D, 0x1F43D),  # faces of animals
    *range(0x1F311, 0x1F31F),  # moons, some with a face, and the sun
    *range(0x1F466, 0x1F47C),  # people
    *(0x1F47D, 0x1F47E, 0x1F47F, 0x1F480, 0x1F479, 0x1F47A, 0x1F47B, 0x1F916, 0x1F921, 0x1F9D0),
    *(0x1F981, 0x1F984, 0x1F98A, 0x1F98D, 0x1F993, 0x1F99D, 0x1F9D1, 0x1F9D2, 0x1F9D3, 0x263A),
    *(0x2639, 0x2620, 0x1F383, 0x1F385, 0x1F575),
)
"""Code points of emoji with a face."""
EMOJI_SIZES = (120, 240, 400)  # pixels
WORDS = (
    "@", "B", "&", "8", "%", "g", "a", "O", "Q", "S", "R", "e", "8:00", "Bonjour", "Hello", "NEWS",
    "Open", "SALE", "Menu", "50%", ":-)", "Stop", "Ω", "ß", "{o}", "C'est la vie",
)  # fmt: skip
CANVASES = ((800, 1000), (1280, 720), (640, 480), (600, 600))  # width, height


def draw_emoji(font: Path) -> Iterator[tuple[str, UInt8Array]]:
    """Draw each of `EMOJI_FACES` that a font has, on white, on a 640x480 image.

    Args:
        font: a color bitmap font, such as NotoColorEmoji.ttf.

    Yields:
        The code point, and (480, 640, 3) uint8 RGB; sizes alternate.

    Raises:
        DataError: Pillow cannot read the font.
    """
    try:
        loaded = ImageFont.truetype(str(font), 109)  # size of its bitmaps
    except OSError as error:
        raise DataError(f"{font} is not a color font that Pillow can read.") from error
    missing = _glyph(loaded, chr(0x10FFFD))
    for number, code in enumerate(EMOJI_FACES):
        glyph = _glyph(loaded, chr(code))
        box = glyph.getbbox()
        if box is None or glyph.tobytes() == missing.tobytes():
            continue
        size = EMOJI_SIZES[number % len(EMOJI_SIZES)]
        drawn = glyph.crop(box).resize((size, size), Image.Resampling.BICUBIC)
        canvas = Image.new("RGB", (640, 480), "white")
        canvas.paste(drawn, (320 - size // 2, 240 - size // 2), drawn)
        yield f"U+{code:X}", np.asarray(canvas)


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((8, 8), character, font=font, embedded_color=True)
    return canvas


def draw_words(fonts: Sequence[Path], count: int, seed: int) -> Iterator[tuple[str, UInt8Array]]:
    """Draw words in random colors and scalable fonts on plain backgrounds, some blurred.

    Yields:
        The text, and (H, W, 3) uint8 RGB.

    Raises:
        DataError: the list of fonts is empty.
    """
    if not fonts:
        raise DataError("there is no font to draw words with; name a folder with --fonts.")
    rng = np.random.default_rng(seed)
    for _ in range(count):
        width, height = CANVASES[rng.integers(len(CANVASES))]
        ground, ink = rng.integers(0, 256, (2, 3)).tolist()
        canvas = Image.new("RGB", (width, height), tuple(ground))
        text, file = WORDS[rng.integers(len(WORDS))], fonts[int(rng.integers(len(fonts)))]
        font = ImageFont.truetype(str(file), int(rng.uniform(0.08, 0.7) * height))
        place = (rng.uniform(-0.05, 0.5, 2) * (width, height)).tolist()
        ImageDraw.Draw(canvas).text(tuple(place), text, font=font, fill=tuple(ink))
        image = np.asarray(canvas)
        if rng.random() < 0.4:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 4)), np.uint8)
        yield text, image
