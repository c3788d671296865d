"""Collect the faces for the quality network: clear, cut off, blurred, covered and drawn."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.alignment import align_face
from fer_core.batch import IMAGE_SUFFIXES
from fer_core.detection import FaceDetector
from fer_core.preprocessing import (
    DATASET_FACE_SIZE,
    FER2013_KEYPOINTS,
    PreprocessingSpec,
    UInt8Array,
    to_grey,
)
from fer_core.quality import CLASSES
from fer_core.results import FaceDetection
from train.cli import progress
from train.data.drawings import draw_words
from train.data.photographs import Photograph, crop_photographs
from train.errors import DataError
from train.inputs.imitated_faults import FAULTS, vary
from train.inputs.jpeg import jpeg

SPEC = PreprocessingSpec(keypoints=FER2013_KEYPOINTS)
"""Wider than the emotion network's crop, to include the surroundings of the face."""
SEED = 7
FACES_AN_EPOCH = 24_000
SHARES = (0.5, 0.08, 0.08, 0.19, 0.15)
"""Of `CLASSES` in an epoch."""
PHOTOGRAPHS = 0.4
"""Share of `--faces` among clear and faulty faces; the rest is FER2013's."""
WORDS = 1500
CANVAS = (480, 640)  # pixels


def make_epoch(
    dataset: UInt8Array, photographs: UInt8Array, drawn: UInt8Array, rng: np.random.Generator
) -> tuple[UInt8Array, NDArray[np.int64]]:
    """Sample the faces of one epoch, with variations and simulated faults.

    Args:
        dataset: (N, 48, 48) uint8 grey, clear faces.
        photographs: (M, 48, 48) uint8 grey, clear.
        drawn: (K, 48, 48) uint8 grey.
        rng: the only source of randomness.

    Returns:
        (FACES_AN_EPOCH, 48, 48) uint8 grey, and (FACES_AN_EPOCH,) indices into `CLASSES`.
    """
    labels = rng.choice(len(CLASSES), FACES_AN_EPOCH, p=SHARES)
    faces = np.empty((len(labels), DATASET_FACE_SIZE, DATASET_FACE_SIZE), np.uint8)
    for row, label in enumerate(labels):
        name = CLASSES[label]
        pool = photographs if rng.random() < PHOTOGRAPHS else dataset
        if name == "drawn":
            pool = drawn
        face = vary(pool[rng.integers(len(pool))], rng)
        faces[row] = FAULTS[name](face, rng) if name in FAULTS else face
    return faces, labels


def collect_photographs(detector: FaceDetector, folders: Sequence[Path]) -> UInt8Array:
    """Crop the largest face of every image in some folders.

    Returns:
        (N, 48, 48) uint8 grey.

    Raises:
        DataError: there is no image with a face, or an image cannot be read.
    """
    photographs = [
        Photograph(path, label="")
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    crops, found = crop_photographs(detector, photographs, SPEC)
    if not found.any():
        raise DataError("there is no photograph of a face; name folders with --faces.")
    return crops[found]


def collect_drawn(
    detector: FaceDetector, drawings: Path, fonts: Sequence[Path], rng: np.random.Generator
) -> UInt8Array:
    """Crop possible faces, false positives included, from drawings and rendered words.

    Returns:
        (N, 48, 48) uint8 grey.

    Raises:
        DataError: there is no drawing or no font.
    """
    paths = sorted(drawings.rglob("*.png"))
    if not paths:
        raise DataError(f"{drawings} holds no PNG file; put drawings of faces there.")
    crops: list[UInt8Array] = []
    for path in progress(paths, "drawings"):
        image = _place(path, rng)
        crops += [_cut(image, face) for face in detector.candidates(image)]
    for _, image in draw_words(fonts, WORDS, SEED):
        crops += [_cut(image, face) for face in detector.candidates(image)]
    return np.array(crops)


def _place(path: Path, rng: np.random.Generator) -> UInt8Array:
    """Paste a drawing onto a plain or shaded background; blur or compress some."""
    height, width = CANVAS
    side = int(rng.integers(90, 430))
    colors = rng.integers(0, 256, (2, 3))
    if rng.random() < 0.35:
        colors[:] = rng.choice([255, 245, 30, 0])
    slope = np.linspace(0, rng.integers(2), height)[:, None, None]
    ground = np.broadcast_to(colors[0] * (1 - slope) + colors[1] * slope, (height, width, 3))
    canvas = Image.fromarray(ground.astype(np.uint8))
    with Image.open(path) as opened:
        drawing = opened.convert("RGBA").resize((side, side), Image.Resampling.BICUBIC)
    place = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    canvas.paste(drawing, place, drawing)
    image = np.asarray(canvas)
    if rng.random() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.5)), np.uint8)
    if rng.random() < 0.5:
        image = jpeg(image, int(rng.integers(40, 95)))
    return image


def _cut(image: UInt8Array, face: FaceDetection) -> UInt8Array:
    crop, _ = align_face(image, face, SPEC)
    return np.asarray(to_grey(crop[np.newaxis])[0], np.uint8)
