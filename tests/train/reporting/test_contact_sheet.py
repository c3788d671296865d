"""Where tiles stand on a contact sheet, and which are chosen."""

from pathlib import Path

import numpy as np
from PIL import Image

from train.reporting.contact_sheet import EMPTY, HEAD, MARGIN, PAPER, Tile, draw_contact_sheet


def grey(level: int, shape: tuple[int, int] = (48, 48)) -> np.ndarray:
    return np.full(shape, level, np.uint8)


def drawn(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("L"))


def test_images_fill_their_tiles_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    tiles = [Tile(grey(10), "a"), Tile(grey(90, (24, 48)), "b"), Tile(None, "c\nd")]
    titles = draw_contact_sheet({"Some": tiles, "None": []}, path)
    assert titles == ["Some, 3 of 3"]
    sheet = drawn(path)
    row = sheet[HEAD + 40]
    assert row[MARGIN + 40] == 10
    assert row[MARGIN + 132 + 40] == 90
    assert row[MARGIN + 2 * 132 + 40] == EMPTY
    assert sheet[HEAD + 60, MARGIN + 132 + 40] == PAPER  # a flat image is as wide, half as high
    assert (sheet[HEAD + 97 :, MARGIN : MARGIN + 20] < 128).any()  # its caption


def test_images_may_be_in_color(tmp_path: Path) -> None:
    blue = np.full((90, 60, 3), (0, 0, 255), np.uint8)
    draw_contact_sheet({"Some": [Tile(blue, "")]}, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as opened:
        assert opened.getpixel((MARGIN + 20, HEAD + 40)) == (0, 0, 255)


def test_a_choice_is_always_the_same_and_in_order(tmp_path: Path) -> None:
    tiles = [Tile(grey(index), "") for index in range(200)]
    sheets = []
    for name in ("one.png", "two.png"):
        assert draw_contact_sheet({"Some": tiles}, tmp_path / name, most=5) == ["Some, 5 of 200"]
        sheets.append(drawn(tmp_path / name))
    assert np.array_equal(*sheets)
    levels = sheets[0][HEAD + 40, MARGIN + 40 :: 132][:5].tolist()
    assert levels == sorted(set(levels))


def test_sections_stand_below_each_other(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    draw_contact_sheet({"A": [Tile(grey(10), "")], "B": [Tile(grey(90), "")]}, path, size=(48, 48))
    column = drawn(path)[:, MARGIN + 20]
    assert np.flatnonzero(column == 10)[-1] < np.flatnonzero(column == 90)[0]


def test_nothing_to_show_is_an_empty_sheet(tmp_path: Path) -> None:
    assert draw_contact_sheet({"None": []}, tmp_path / "sheet.png") == []
    assert drawn(tmp_path / "sheet.png").max() == PAPER
