from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.drawing import FONT
from train.data.drawings import CANVASES, draw_emoji, draw_words
from train.errors import DataError


def test_words_are_drawn_on_every_canvas_in_two_colors() -> None:
    drawn = list(draw_words([FONT], 12, seed=0))
    assert {image.shape for _, image in drawn} == {(h, w, 3) for w, h in CANVASES}
    assert all(image.dtype == np.uint8 for _, image in drawn)
    assert sum(bool(np.ptp(image, axis=(0, 1)).any()) for _, image in drawn) > 9


def test_the_same_seed_draws_the_same_words() -> None:
    first, again = (list(draw_words([FONT], 3, seed=3)) for _ in range(2))
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(first, again, strict=True))
    other = list(draw_words([FONT], 3, seed=4))
    assert not all(
        one[1].shape == two[1].shape and np.array_equal(one[1], two[1])
        for one, two in zip(first, other, strict=True)
    )


def test_words_without_a_font_are_refused() -> None:
    with pytest.raises(DataError, match="no font"):
        next(draw_words([], 1, seed=0))


def test_emoji_that_a_font_lacks_are_left_out() -> None:
    assert list(draw_emoji(FONT)) == []


def test_a_file_that_is_no_color_font_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "font.ttf"
    Image.new("RGB", (8, 8)).save(picture, format="PNG")
    with pytest.raises(DataError, match="not a color font"):
        next(draw_emoji(picture))
