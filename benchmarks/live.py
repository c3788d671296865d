"""How far away the live camera finds faces, and how many frames a second are answered.

    python -m benchmarks.live

Sets each portrait of examples/ into frames before a calm wall, as large as a face of 150 mm is at
some distance from a camera that sees 70 degrees from left to right. Prints tables in Markdown. The
last one needs Chromium, tests/requirements.txt and an idle machine; `--no-browser` leaves it out.
"""

import argparse
import base64
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from benchmarks.page import live, open_page
from fer_core import EmotionRecognizer, load_image
from fer_core.results import BoundingBox
from page.handlers import SEARCH_EVERY, Handlers
from tests.conftest import PORTRAITS, chromium_arguments, find_chromium, serve

DISTANCES = (1.0, 1.5, 2.0, 2.5, 3.0)  # m
SIZES = ((640, 480), (1280, 720), (1920, 1080))
FAR = 2.0  # m
FACE_METRES = 0.15  # from brow to chin
VIEW_DEGREES = 70.0  # from left to right
PLACEMENTS = 44
FRAMES = 8  # of a clip
TIMED = 20  # frames
STEP = 1.5  # pixels that a face moves from frame to frame
GRAIN = 2.0  # standard deviation of a camera's noise, in grey levels
QUALITY = 92  # of the JPEG frames, as browsers send them
FEATHER = 0.12  # of a portrait's side, where it fades into the wall


class Head(NamedTuple):
    """A portrait, and where its face is.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        center: (x, y) of the face's box, in pixels.
        height: of that box, in pixels.
    """

    picture: NDArray[np.uint8]
    center: tuple[float, float]
    height: float


class Frame(NamedTuple):
    """A picture of a camera.

    Attributes:
        jpeg: content of the file.
        face: (x, y) of the middle of its only face, in pixels.
    """

    jpeg: bytes
    face: tuple[float, float]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--no-browser", action="store_true", help="leave the last table out")
    options = parser.parse_args()
    recognizer = EmotionRecognizer.load()
    heads = [head(recognizer, path) for path in PORTRAITS]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before.\n")
    print_found(recognizer, heads)
    print_cost(recognizer, heads[0])
    if not options.no_browser:
        print_speed(heads)


def head(recognizer: EmotionRecognizer, path: Path) -> Head:
    """A portrait of examples/."""
    picture = load_image(path)
    box = recognizer.recognize(picture).faces[0].detection.box
    center = ((box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2)
    return Head(picture, center, box.height)


def print_found(recognizer: EmotionRecognizer, heads: list[Head]) -> None:
    """Print how many faces are detected, by distance."""
    handlers = Handlers(recognizer)
    print(
        "| distance | face, pixels | coarsest level | all levels | live, last frame | false |\n"
        "|---|---:|---:|---:|---:|---:|"
    )
    for distance in DISTANCES:
        height = face_height(distance, 640)
        large = whole = last = wrong = 0
        for index in range(PLACEMENTS):
            frames = list(clip(heads[index % len(heads)], height, (640, 480), index))
            first, face = load_image(frames[0].jpeg), frames[0].face
            large += shows(boxes_of(recognizer, first, small_faces=False), face)
            whole += shows(boxes_of(recognizer, first), face)
            boxes, face = watch(handlers, frames), frames[-1].face
            last += shows(boxes, face)
            wrong += len(boxes) - shows(boxes, face)
        print(
            f"| {distance} m | {height:.0f} | {large} of {PLACEMENTS} | {whole} of {PLACEMENTS} "
            f"| {last} of {PLACEMENTS} | {wrong} |"
        )
    print()


def face_height(distance: float, width: int) -> float:
    """Pixels of a face in a picture of so many pixels from left to right."""
    focal_length = width / 2 / math.tan(math.radians(VIEW_DEGREES / 2))
    return focal_length * FACE_METRES / distance


def clip(
    head: Head, height: float, size: tuple[int, int], seed: int, frames: int = FRAMES
) -> Iterator[Frame]:
    """A face somewhere before a wall, going to and fro."""
    rng = np.random.default_rng(seed)
    (width, rows), scale = size, height / head.height
    small = cv2.resize(head.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    reach = STEP * min(frames, FRAMES)
    room = (width - small.shape[1] - 2 * reach, rows - small.shape[0])
    left, top = reach + rng.uniform(0, room[0]), rng.uniform(0, room[1])
    wall = _wall(width, rows, rng)
    alpha = _feathered(*small.shape[:2])
    for number in range(frames):
        x = left + reach * math.sin(number / FRAMES)
        move = np.array([[1, 0, x], [0, 1, top]])
        moved, share = (cv2.warpAffine(part, move, size) for part in (small, alpha))
        noise = rng.normal(0, GRAIN, wall.shape)
        picture = wall + share[..., np.newaxis] * (moved - wall) + noise
        pixels = np.clip(picture, 0, 255).astype(np.uint8)[..., ::-1]
        _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        center = (head.center[0] * scale + x, head.center[1] * scale + top)
        yield Frame(jpeg.tobytes(), center)


def _wall(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(height, width, 3) of one colour, lit from one side."""
    y, x = np.mgrid[:height, :width]
    slopes = rng.uniform(-0.3, 0.3, 2)
    light = 1 + slopes[0] * (x / width - 0.5) + slopes[1] * (y / height - 0.5)
    color = rng.uniform(90, 200) * (1 + rng.uniform(-0.08, 0.08, 3))
    return np.asarray(light[..., np.newaxis] * color)


def _feathered(height: int, width: int) -> NDArray[np.float64]:
    """(height, width) 1 inside, falling to 0 at the edges."""
    rows, columns = (np.minimum(np.arange(side), np.arange(side)[::-1]) for side in (height, width))
    return np.clip(np.minimum.outer(rows, columns) / (FEATHER * min(height, width)), 0, 1)


def boxes_of(
    recognizer: EmotionRecognizer, picture: NDArray[np.uint8], *, small_faces: bool = True
) -> list[BoundingBox]:
    """Where faces are found in a picture."""
    found = recognizer.recognize(picture, small_faces=small_faces).faces
    return [face.detection.box for face in found]


def shows(boxes: Sequence[BoundingBox], face: tuple[float, float]) -> bool:
    """Whether a box holds the place of a face."""
    x, y = face
    return any(box.x_min < x < box.x_max and box.y_min < y < box.y_max for box in boxes)


def watch(handlers: Handlers, frames: list[Frame]) -> tuple[BoundingBox, ...]:
    """Where a visitor's page shows faces after the frames of a camera."""
    live = None
    for frame in frames:
        url = "data:image/jpeg;base64," + base64.b64encode(frame.jpeg).decode()
        _, live = handlers.read_frame({"frame": url}, live)
    if live is None:
        raise SystemExit("error: the live camera answered none of the frames")
    return live.near


def print_cost(recognizer: EmotionRecognizer, head: Head) -> None:
    """Processor time of a frame, from its bytes to the page, without Gradio and the browser."""
    print("| camera | face | all levels in each frame, ms | live, ms |\n|---|---|---:|---:|")
    handlers = Handlers(recognizer)
    for size in SIZES:
        for distance in (0.5, FAR):
            frames = list(clip(head, face_height(distance, size[0]), size, 1, TIMED))
            watch(handlers, frames[:2])  # warm
            costs = []
            for every in (1, SEARCH_EVERY):
                with patch("page.handlers.SEARCH_EVERY", every):
                    start = time.process_time()
                    watch(handlers, frames)
                    costs.append(1000 * (time.process_time() - start) / len(frames))
            print(f"| {size[0]}x{size[1]} | at {distance} m | {costs[0]:.0f} | {costs[1]:.0f} |")
    print()


def print_speed(heads: list[Head]) -> None:
    """Frames answered a second in a browser on the same machine."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("error: Chromium is missing: apt-get install chromium")
    print("| camera | face | frames answered a second |\n|---|---|---:|")
    with tempfile.TemporaryDirectory() as name, serve(Path(name)) as address:
        film = Path(name) / "frames.mjpeg"
        for size in SIZES[:2]:
            for distance in (0.5, FAR):
                height = face_height(distance, size[0])
                film.write_bytes(b"".join(f.jpeg for f in clip(heads[5], height, size, 1, 30)))
                with sync_playwright() as playwright:
                    arguments = chromium_arguments(film)
                    browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
                    time.sleep(1)  # until a browser that has just started is quiet
                    frames = live(open_page(browser, address))
                    browser.close()
                print(f"| {size[0]}x{size[1]} | at {distance} m | {frames:.1f} |")


if __name__ == "__main__":
    main()
