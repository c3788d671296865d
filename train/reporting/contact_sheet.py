"""Draws contact sheets: sections of images in a grid, each above its caption."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from fer_core.preprocessing import UInt8Array

WIDTH, MARGIN, HEAD = 1200, 8, 30  # pixels: of the sheet, between tiles, above a section
LEAST_STEP, LINE = 132, 14  # pixels: from tile to tile, room for captions; height of a line
PAPER, EMPTY = 255, 200  # grey levels
MISTAKE_SIZE = (180, 180)  # pixels of a face that was predicted wrongly, six in a row


class Tile(NamedTuple):
    """An image of a contact sheet."""

    image: UInt8Array | None  # (h, w) grey or (h, w, 3) RGB, or None for an empty tile
    caption: str  # one or more lines


def draw_contact_sheet(
    sections: Mapping[str, Sequence[Tile]],
    path: Path,
    *,
    size: tuple[int, int] = (96, 96),
    most: int = 60,
    seed: int = 0,
) -> list[str]:
    """Draw a random sample of the tiles of each section, in their order.

    Args:
        sections: tiles by title; sections without tiles are left out.
        path: of the PNG file.
        size: width and height in pixels that each image is scaled to fit.
        most: tiles of a section.
        seed: of the sample.

    Returns:
        The titles as drawn, such as "Happy, 60 of 7,215".
    """
    titles, bands = [], []
    for title, tiles in sections.items():
        if tiles:
            chosen = np.sort(np.random.default_rng(seed).permutation(len(tiles))[:most])
            titles.append(f"{title}, {len(chosen)} of {len(tiles):,}")
            bands.append(_band(titles[-1], [tiles[index] for index in chosen], size))
    sheet = Image.new("RGB", (WIDTH, max(1, sum(band.height for band in bands))), (PAPER,) * 3)
    top = 0
    for band in bands:
        sheet.paste(band, (0, top))
        top += band.height
    sheet.save(path)
    return titles


def _band(title: str, tiles: Sequence[Tile], size: tuple[int, int]) -> Image.Image:
    width, height = size
    lines = max(tile.caption.count("\n") + 1 for tile in tiles)
    step_x, step_y = max(width + MARGIN, LEAST_STEP), height + LINE * lines + MARGIN + 2
    across = (WIDTH - MARGIN) // step_x
    band = Image.new("RGB", (WIDTH, HEAD + -(-len(tiles) // across) * step_y), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(band), ImageFont.load_default(11)
    draw.text((MARGIN, 8), title, fill=0, font=ImageFont.load_default(15))
    for place, tile in enumerate(tiles):
        x, y = MARGIN + place % across * step_x, HEAD + place // across * step_y
        if tile.image is None:
            image = Image.new("L", size, EMPTY)
        else:
            image = ImageOps.contain(Image.fromarray(tile.image), size, Image.Resampling.BICUBIC)
        band.paste(image, (x, y))
        draw.multiline_text((x, y + height + 1), tile.caption, fill=0, font=font, spacing=2)
    return band
