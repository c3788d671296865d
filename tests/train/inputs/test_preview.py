from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.inputs.tables import STILL
from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.synthetic import write_synthetic_dataset
from train.inputs.preview import CHANGES, FACES, GAP, ZOOM, draw_samples
from train.recipes.presets import PRESETS


def tile(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    side = ZOOM * 48
    top, left = (number * (side + GAP) + GAP for number in (row, column))
    return sheet[top : top + side : ZOOM, left : left + side : ZOOM]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (14, 7, 7))
    return load_splits(folder)["Training"]


def test_the_first_column_is_plain_and_the_others_are_changed(faces: Dataset) -> None:
    smoke = PRESETS["smoke"]
    sheet = draw_samples(faces, smoke)
    known = {face.tobytes() for face in faces.faces}
    plain = [tile(sheet, row, 0) for row in range(FACES)]
    assert all(face.tobytes() in known for face in plain)
    changed = [tile(sheet, row, column) for row in range(FACES) for column in range(1, CHANGES + 1)]
    assert not any(face.tobytes() in known for face in changed)
    assert np.array_equal(sheet, draw_samples(faces, smoke))
    assert not np.array_equal(sheet, draw_samples(faces, replace(smoke, seed=2)))


def test_without_augmentation_a_face_is_itself_or_its_mirror_image(faces: Dataset) -> None:
    sheet = draw_samples(faces, replace(PRESETS["smoke"], augmentation=STILL))
    for row in range(FACES):
        plain = tile(sheet, row, 0)
        for column in range(1, CHANGES + 1):
            face = tile(sheet, row, column)
            assert np.array_equal(face, plain) or np.array_equal(face, plain[:, ::-1])


def test_a_run_leaves_its_samples(smoke_run: Path) -> None:
    assert cv2.imread(str(smoke_run / "samples.png"), cv2.IMREAD_GRAYSCALE) is not None
