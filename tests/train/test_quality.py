"""The training of the quality network, small; what the shipped one can is in tests/fer_core."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fer_core.drawing import FONT
from fer_core.quality import CLASSES, OUTPUT, QUALITY_JSON, QualityModel
from tests.conftest import EXAMPLES
from train import quality
from train.data.synthetic import write_synthetic_dataset
from train.inputs import quality_faces
from train.training import quality_network


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    folder = tmp_path / "drawings"
    folder.mkdir()
    canvas = Image.new("RGBA", (200, 200))
    draw = ImageDraw.Draw(canvas)
    draw.ellipse((10, 10, 190, 190), fill="#fcc21b")
    for left in (60, 115):
        draw.ellipse((left, 60, left + 25, 95), fill="black")
    draw.arc((55, 80, 145, 155), 20, 160, fill="black", width=9)
    canvas.save(folder / "smile.png")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A dataset, and a folder with nothing in it."""
    data, empty = tmp_path / "data", tmp_path / "empty"
    data.mkdir()
    empty.mkdir()
    write_synthetic_dataset(data, faces_per_split=(7, 7, 7))
    return data, empty


def tiny() -> Any:
    import keras

    image = keras.Input(quality_faces.SPEC.input_shape)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, strides=4)(image))
    return keras.Model(image, {OUTPUT: keras.layers.Dense(len(CLASSES), name=OUTPUT)(x)})


def test_the_network_has_a_logit_for_each_class() -> None:
    assert quality_network.build().output_shape == (None, len(CLASSES))


def test_an_epoch_has_every_class_in_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_faces, "FACES_AN_EPOCH", 2500)
    faces = np.random.default_rng(0).integers(0, 255, (3, 48, 48)).astype(np.uint8)
    drawn = np.zeros((1, 48, 48), np.uint8)
    made, labels = quality_faces.make_epoch(faces, faces, drawn, np.random.default_rng(1))
    assert made.shape == (2500, 48, 48)
    shares = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
    np.testing.assert_allclose(shares, quality_faces.SHARES, atol=0.04)


def test_the_command_writes_a_network_that_loads(
    tmp_path: Path,
    folders: tuple[Path, Path],
    drawings: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quality_faces, "FACES_AN_EPOCH", 128)
    monkeypatch.setattr(quality_network, "FACES_AN_EPOCH", 128)
    monkeypatch.setattr(quality_faces, "WORDS", 3)
    monkeypatch.setattr(quality_network, "build", tiny)
    (data, fonts), out = folders, tmp_path / "out"
    (fonts / "letters.ttf").write_bytes(FONT.read_bytes())
    words = ["--data", str(data), "--faces", str(EXAMPLES), "--drawings", str(drawings)]
    quality.main([*words, "--fonts", str(fonts), "--out", str(out), "--epochs", "1"])
    model = QualityModel.load(out)
    shares = model.probabilities(np.zeros((2, 48, 48), np.uint8))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert model.info.training["faces"]["photographs"] >= 9
    assert (out / QUALITY_JSON).exists()


def test_missing_drawings_are_told(folders: tuple[Path, Path], tmp_path: Path) -> None:
    data, empty = folders
    words = ["--data", str(data), "--faces", str(EXAMPLES), "--drawings", str(empty)]
    with pytest.raises(SystemExit, match=r"error: .* holds no PNG file"):
        quality.main([*words, "--fonts", str(empty), "--out", str(tmp_path / "out")])


def test_missing_photographs_are_told(
    folders: tuple[Path, Path], tmp_path: Path, drawings: Path
) -> None:
    data, empty = folders
    words = ["--data", str(data), "--faces", str(empty), "--drawings", str(drawings)]
    with pytest.raises(SystemExit, match="error: there is no photograph of a face"):
        quality.main([*words, "--fonts", str(empty), "--out", str(tmp_path / "out")])
