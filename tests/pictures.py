"""Pictures for measures and for load, of any size and number of faces, with the right answer."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core import EmotionRecognizer, FerError
from tests.conftest import EXAMPLES, PORTRAITS

COLUMNS = 5  # of portraits in a picture
SHARE = 0.75  # of the picture's height that portraits fill
BLUR = 0.004  # of the background, in widths of the picture
GRAIN = 4.0  # standard deviation of a camera's noise, without which a file would be too small
QUALITY = 90
WIDTH, HEIGHT = 640, 480
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF"}


@dataclass(frozen=True)
class Picture:
    """A picture's file and what the package answers to it.

    Attributes:
        name: of the file.
        content: of the file.
        facts: of the answer; None where there is none.
        error: the sentence that a damaged file gets.
    """

    name: str
    content: bytes
    facts: tuple[Any, ...] | None
    error: str | None = None


def facts(answer: dict[str, Any]) -> tuple[Any, ...]:
    """What of an answer tells whether it belongs to a picture: size, labels and boxes."""
    faces = [(face["emotion"]["label"], *face["box"].values()) for face in answer["faces"]]
    return (answer["image"]["width"], answer["image"]["height"], *faces)


def scene(
    width: int, height: int, portraits: Sequence[Path], grain: float = GRAIN
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB: portraits in rows on a calm background."""
    picture = cv2.resize(_read(EXAMPLES / "lake_01.jpg"), (width, height))
    picture = cv2.GaussianBlur(picture, (0, 0), BLUR * width)
    columns = min(COLUMNS, max(1, len(portraits)))
    rows = -(-max(1, len(portraits)) // columns)
    side = min(width // columns, int(SHARE * height) // rows)
    for place, path in enumerate(portraits):
        row, column = divmod(place, columns)
        left = (2 * column + 1) * width // (2 * columns) - side // 2
        top = (2 * row + 1) * height // (2 * rows) - side // 2
        portrait = cv2.resize(_read(path), (side, side), interpolation=cv2.INTER_AREA)
        picture[top : top + side, left : left + side] = portrait
    cv2.setRNGSeed(0)
    noise = np.empty(picture.shape, np.int16)
    cv2.randn(noise, np.zeros(3), np.full(3, grain))
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)


def encode(picture: NDArray[np.uint8], suffix: str = ".jpg") -> bytes:
    """The content of a picture's file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=FORMATS[suffix], quality=QUALITY)
    return buffer.getvalue()


def several(count: int) -> list[Path]:
    """So many portraits, again from the first where they run out."""
    return list(islice(cycle(PORTRAITS), count))


def with_answer(
    recognizer: EmotionRecognizer, name: str, content: bytes, faces: int | None = None
) -> Picture:
    """A picture with what the package says to it.

    Raises:
        ValueError: it does not have so many faces in the detector's eyes, and would measure
            something else than it is called after.
    """
    try:
        answer = facts(recognizer.recognize(content).to_dict())
    except FerError as error:
        return Picture(name, content, None, str(error))
    found = len(answer) - 2
    if faces is not None and found != faces:
        raise ValueError(f"{name} was made to show {faces} faces, and {found} are found.")
    return Picture(name, content, answer)


def known_portraits(recognizer: EmotionRecognizer) -> list[Picture]:
    """640x480 JPEGs with one face each, whose label their file's name tells, of unlike widths.

    An answer to another picture is then seen by the width as well as by the label. Portraits that
    the model reads otherwise are left out.

    Raises:
        ValueError: fewer than four labels are left, too few to see a mixed-up answer.
    """
    known = []
    for number, path in enumerate(PORTRAITS):
        content = encode(scene(WIDTH + 2 * number, HEIGHT, [path]))
        picture = with_answer(recognizer, path.name, content, 1)
        if _labels(picture) == [path.name.split("_")[0]]:
            known.append(picture)
    if len({label for picture in known for label in _labels(picture)}) < 4:
        raise ValueError("The model reads too few of the portraits as their names tell.")
    return known


def mixed(recognizer: EmotionRecognizer, *, large: bool = True) -> list[Picture]:
    """What visitors send, each of another size; frequent ones stand in the list several times.

    Args:
        recognizer: gives the answers that are expected.
        large: with pictures of more than a megapixel, up to twelve.
    """
    made = [
        ("tiny.png", 100, 100, 1),
        ("small.gif", 320, 240, 1),
        ("empty.webp", 512, 384, 0),
        ("three.webp", 800, 600, 3),
        ("wide.png", 900, 506, 1),
        ("four.jpg", 1024, 768, 4),
    ]
    rare = [
        ("full.jpg", 1920, 1080, 1),
        ("crowd.jpg", 1600, 1200, 10),
        ("nobody.jpg", 2000, 1500, 0),
        ("phone.jpg", 4000, 3000, 1),
    ]
    pictures = known_portraits(recognizer)
    for name, width, height, faces in [*made, *(rare if large else [])]:
        content = encode(scene(width, height, several(faces)), Path(name).suffix)
        pictures.append(with_answer(recognizer, name, content, faces))
    often = [picture for picture in pictures if picture.name not in {row[0] for row in rare}]
    whole = pictures[0].content
    for name, content in (("cut.jpg", whole[: len(whole) // 2]), ("letter.jpg", b"Dear Sir")):
        pictures.append(with_answer(recognizer, name, content))
    damaged = [picture.name for picture in pictures if picture.facts is None]
    if damaged != ["cut.jpg", "letter.jpg"]:
        raise ValueError(f"Refused by the package: {', '.join(damaged)}.")
    return pictures + 2 * often


def _labels(picture: Picture) -> list[str]:
    return [face[0] for face in (picture.facts or ())[2:]]


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
