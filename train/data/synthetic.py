"""Generates a synthetic stand-in for FER2013 and FER+, for smoke runs and tests.

The faces are cartoons with brows, eyes and mouth by emotion; scores on them say nothing about
photographs.
"""

import csv
from pathlib import Path

import cv2
import numpy as np

from fer_core.emotions import FER2013_LABELS
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array
from train.data.dataset import SPLITS, VOTE_COLUMNS

# Brow slope and height, eye opening, mouth curve (up is positive) and mouth opening, in pixels.
FEATURES = {
    "angry": (4, 2, 2, -2, 0),
    "disgust": (3, 1, 1, -3, 2),
    "fear": (-3, -2, 4, -1, 3),
    "happy": (0, 0, 2, 6, 2),
    "sad": (-4, 0, 1, -5, 0),
    "surprise": (0, -3, 4, 0, 6),
    "neutral": (0, 0, 2, 0, 0),
}


def draw_face(emotion: str, rng: np.random.Generator) -> UInt8Array:
    """Draw a (48, 48) uint8 grey cartoon of one of the seven emotions."""
    slope, height, opening, curve, mouth = (
        value + rng.normal(0, 0.5) for value in FEATURES[emotion]
    )
    scale = 8  # drawn enlarged and then reduced, for subpixel positions
    side = DATASET_FACE_SIZE * scale
    face = np.full((side, side), int(rng.integers(20, 120)), np.uint8)
    skin = int(rng.integers(130, 230))
    ink = int(skin * rng.uniform(0.1, 0.4))

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * scale), round(y * scale)

    cv2.ellipse(face, at(24, 25), at(18, 23), 0, 0, 360, skin, -1)
    for center, inward in ((15.2, 1), (32.9, -1)):
        cv2.ellipse(face, at(center, 19), at(3.4, max(0.6, opening)), 0, 0, 360, ink, -1)
        inner, outer = center + 4 * inward, center - 4 * inward
        cv2.line(
            face, at(outer, 13 + height - slope / 2), at(inner, 13 + height + slope / 2), ink, 12
        )
    points = [at(24 + x, 37 + curve / 2 - curve * (x / 8) ** 2) for x in np.linspace(-8, 8, 17)]
    cv2.polylines(face, [np.array(points, np.int32)], False, ink, 12)
    if mouth > 0.5:
        cv2.ellipse(face, at(24, 38), at(4.5, mouth), 0, 0, 360, ink, -1)
    small = cv2.resize(face, (DATASET_FACE_SIZE, DATASET_FACE_SIZE), interpolation=cv2.INTER_AREA)
    noisy = small + rng.normal(0, 6, small.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), dtype=np.uint8)


def write_synthetic_dataset(
    folder: Path, faces_per_split: tuple[int, int, int], seed: int = 0
) -> None:
    """Write `fer2013.csv` and `fer2013new.csv` of drawn faces, in the layout of the real files."""
    rng = np.random.default_rng(seed)
    vote_columns = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
    with (
        (folder / "fer2013.csv").open("w", encoding="utf-8", newline="") as images,
        (folder / "fer2013new.csv").open("w", encoding="utf-8", newline="") as votes,
    ):
        image_rows, vote_rows = csv.writer(images), csv.writer(votes)
        image_rows.writerow(["emotion", "pixels", "Usage"])
        vote_rows.writerow(["Usage", "Image name", *vote_columns, "contempt", "unknown", "NF"])
        for split, count in zip(SPLITS, faces_per_split, strict=True):
            for index in range(count):
                label = index % len(FER2013_LABELS)
                face = draw_face(FER2013_LABELS[label], rng)
                image_rows.writerow([label, " ".join(map(str, face.ravel())), split])
                counts = [8 * (column == VOTE_COLUMNS[label]) for column in vote_columns]
                counts[int(rng.integers(len(counts)))] += 2
                vote_rows.writerow([split, f"fer{index:07d}.png", *counts, 0, 0, 0])
