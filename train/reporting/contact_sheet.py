"""Contact sheets: images in a grid, each over its caption, under the title of their section."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fer_core.preprocessing import UInt8Array

WIDTH, MARGIN, HEAD = 1200, 8, 30  # pixels: of the sheet, between tiles, above a section
LEAST_STEP, LINE = 132, 14  # pixels: from tile to tile, room for captions; height of a line
PAPER, EMPTY = 255, 200


class Tile(NamedTuple):
    """An image of a contact sheet.

    Attributes:
        image: (h, w) uint8 grey, or None where there is nothing to show.
        caption: one or more lines.
    """

    image: UInt8Array | None
    caption: str


def draw_contact_sheet(
    sections: Mapping[str, Sequence[Tile]],
    path: Path,
    *,
    size: tuple[int, int] = (96, 96),
    most: int = 60,
) -> list[str]:
    """Draw some tiles of each section, chosen by chance but always the same.

    Args:
        sections: tiles by title; those without a tile are left out.
        path: of the PNG.
        size: width and height in pixels that an image is fitted into.
        most: tiles of a section.

    Returns:
        The titles as they stand there, which say how many of how many are shown.
    """
    titles, bands = [], []
    for title, tiles in sections.items():
        if tiles:
            chosen = np.sort(np.random.default_rng(0).permutation(len(tiles))[:most])
            titles.append(f"{title}, {len(chosen)} of {len(tiles):,}")
            bands.append(_band(titles[-1], [tiles[index] for index in chosen], size))
    sheet = Image.new("L", (WIDTH, max(1, sum(band.height for band in bands))), PAPER)
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
    band = Image.new("L", (WIDTH, HEAD + -(-len(tiles) // across) * step_y), PAPER)
    draw, font = ImageDraw.Draw(band), ImageFont.load_default(11)
    draw.text((MARGIN, 8), title, fill=0, font=ImageFont.load_default(15))
    for place, tile in enumerate(tiles):
        x, y = MARGIN + place % across * step_x, HEAD + place // across * step_y
        image = Image.new("L", size, EMPTY) if tile.image is None else _fitted(tile.image, size)
        band.paste(image, (x, y))
        draw.multiline_text((x, y + height + 1), tile.caption, fill=0, font=font, spacing=2)
    return band


def _fitted(image: UInt8Array, size: tuple[int, int]) -> Image.Image:
    """Enlarged or reduced until a side fills the size."""
    picture = Image.fromarray(image)
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
