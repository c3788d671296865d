"""model.json and the forward pass; where the network is no matter, a hand-written one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.calibration import CALIBRATION_SHAPES, Calibration
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.errors import ChecksumMismatchError, ModelLoadError
from fer_core.model import (
    FORMAT_VERSION,
    READABLE_VERSIONS,
    EmotionModel,
    ModelInfo,
    read_info,
)
from fer_core.preprocessing import PreprocessingSpec

FIELDS = {
    "format_version",
    "name",
    "version",
    "file",
    "sha256",
    "heads",
    "preprocessing",
    "flip_averaging",
    "calibration",
    "abstention_threshold",
    "figures",
    "training",
}


CALIBRATION_FIELDS = {"form", "ferplus", "fer2013", "bias", "fitted_on", "figures"}
WARM = Calibration.temperature(1.0)
OF_FIVE = replace(WARM, form="features", features=np.full((7, 5), 0.1))
"""Weighs five features."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the served model."""
    info = read_info(MODELS_DIR)
    for name in ("model.json", info.file):
        shutil.copy(MODELS_DIR / name, tmp_path)
    return tmp_path


def change(folder: Path, **values: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def write_calibration(folder: Path, **values: Any) -> None:
    """Change the calibration of a folder, which weighs no features unless `values` has them."""
    calibration = json.loads((folder / "model.json").read_text())["calibration"]
    calibration.pop("features", None)
    change(folder, calibration={**calibration, **values})


def fake_model(
    *, flip: bool, features: int = 0, calibration: Calibration = WARM
) -> tuple[EmotionModel, list[int]]:
    """Logits that tell how bright the left half of the picture is, and the sizes of the batches.

    Features, of a network that gives them, are once, twice, three times ... as much.
    """
    sizes: list[int] = []

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        sizes.append(len(inputs))
        left = inputs[:, :, :24, 0].mean(axis=(1, 2))
        outputs = {
            "ferplus": left[:, np.newaxis] * np.ones(8, np.float32),
            "fer2013": left[:, np.newaxis] * np.ones(7, np.float32),
        }
        if features:
            outputs["features"] = left[:, np.newaxis] * np.arange(1, features + 1, dtype=np.float32)
        return outputs

    info = ModelInfo("fake", "0", "none", "", PreprocessingSpec(), flip, calibration, 0.5)
    return EmotionModel(forward, info), sizes


def network_with_features(count: int | None) -> Callable[[bytes], SimpleNamespace]:
    """Stand in for `Network`: a file of any content gives this many features, or no such output."""

    def run(inputs: np.ndarray) -> dict[str, np.ndarray]:
        widths = {"ferplus": 8, "fer2013": 7} | ({} if count is None else {"features": count})
        return {name: np.ones((len(inputs), width), np.float32) for name, width in widths.items()}

    return lambda _: SimpleNamespace(run=run)


def test_model_json_has_the_fields_that_are_promised() -> None:
    values = json.loads((MODELS_DIR / "model.json").read_text())
    assert set(values) == FIELDS
    assert values["heads"] == {"ferplus": list(FERPLUS_LABELS), "fer2013": list(FER2013_LABELS)}


def test_the_calibration_has_the_fields_and_shapes_that_are_promised() -> None:
    values = json.loads((MODELS_DIR / "model.json").read_text())["calibration"]
    assert set(values) - {"features"} == CALIBRATION_FIELDS
    assert {name: np.shape(values[name]) for name in CALIBRATION_SHAPES} == CALIBRATION_SHAPES


def test_model_json_survives_reading_and_writing() -> None:
    values = json.loads((MODELS_DIR / "model.json").read_text())
    written = json.loads(json.dumps(ModelInfo.from_dict(values).to_dict()))
    assert written == {**values, "format_version": FORMAT_VERSION}


def test_weights_of_features_survive_reading_and_writing() -> None:
    values = json.loads((MODELS_DIR / "model.json").read_text())
    info = replace(ModelInfo.from_dict(values), calibration=OF_FIVE)
    read = ModelInfo.from_dict(json.loads(json.dumps(info.to_dict())))
    np.testing.assert_allclose(read.calibration.features, OF_FIVE.features)


@pytest.mark.parametrize("version", READABLE_VERSIONS)
def test_a_calibration_without_features_is_loaded_in_either_format(
    folder: Path, version: int
) -> None:
    write_calibration(folder)
    change(folder, format_version=version)
    assert EmotionModel.load(folder).info.calibration.features.shape == (7, 0)


def test_what_is_written_has_the_newest_format(folder: Path) -> None:
    change(folder, format_version=3)
    assert read_info(folder).to_dict()["format_version"] == 4


def test_a_network_with_the_features_that_its_calibration_weighs_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer_core.model.Network", network_with_features(5))
    write_calibration(folder, features=OF_FIVE.features.tolist())
    assert EmotionModel.load(folder).info.calibration.features.shape == (7, 5)


@pytest.mark.parametrize("count", [None, 4, 6])
def test_a_network_without_the_features_that_its_calibration_weighs_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, count: int | None
) -> None:
    monkeypatch.setattr("fer_core.model.Network", network_with_features(count))
    write_calibration(folder, features=OF_FIVE.features.tolist())
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        EmotionModel.load(folder)


def test_an_altered_model_is_not_loaded(folder: Path) -> None:
    path = folder / read_info(folder).file
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumMismatchError, match="damaged or was changed"):
        EmotionModel.load(folder)


def test_a_missing_model_is_told(folder: Path) -> None:
    (folder / read_info(folder).file).unlink()
    with pytest.raises(ModelLoadError, match="is missing"):
        EmotionModel.load(folder)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_missing_field_is_named(folder: Path, field: str) -> None:
    values = json.loads((folder / "model.json").read_text())
    del values[field]
    (folder / "model.json").write_text(json.dumps(values))
    with pytest.raises(ModelLoadError, match=field):
        EmotionModel.load(folder)


@pytest.mark.parametrize("field", sorted(CALIBRATION_FIELDS))
def test_a_missing_field_of_the_calibration_is_named(folder: Path, field: str) -> None:
    calibration = json.loads((folder / "model.json").read_text())["calibration"]
    del calibration[field]
    change(folder, calibration=calibration)
    with pytest.raises(ModelLoadError, match=f"lacks the field '{field}'"):
        EmotionModel.load(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"ferplus": [[1.0] * 8] * 6},
        {"fer2013": [[1.0] * 8] * 7},
        {"bias": [0.0] * 8},
        {"bias": [0.0] * 6 + ["warm"]},
        {"bias": [0.0] * 6 + [float("nan")]},
        {"ferplus": [[1.0] * 8] * 6 + [[1.0] * 7]},
        {"ferplus": None},
        {"features": [[1.0] * 5] * 6},
        {"features": [1.0] * 7},
        {"features": []},
        {"features": [[1.0] * 5] * 6 + [[1.0] * 4]},
        {"features": [[float("inf")] * 5] * 7},
        {"features": None},
        {"fitted_on": None},
        {"figures": None},
    ],
    ids=str,
)
def test_a_calibration_that_does_not_fit_is_refused(folder: Path, values: dict[str, Any]) -> None:
    calibration = json.loads((folder / "model.json").read_text())["calibration"]
    change(folder, calibration={**calibration, **values})
    with pytest.raises(ModelLoadError, match="does not fit"):
        EmotionModel.load(folder)


def test_an_older_format_is_refused(folder: Path) -> None:
    change(folder, format_version=2)
    with pytest.raises(ModelLoadError, match="format_version 2 is not 4"):
        EmotionModel.load(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"format_version": 5},
        {"heads": {"ferplus": list(FERPLUS_LABELS[::-1]), "fer2013": list(FER2013_LABELS)}},
        {"heads": []},
        {"calibration": "warm"},
        {"calibration": None},
        {"abstention_threshold": 1.5},
        {"abstention_threshold": -0.1},
        {"file": "../model.keras"},
        {"preprocessing": {"crop_size": 48}},
    ],
)
def test_values_that_do_not_fit_are_refused(folder: Path, values: dict[str, Any]) -> None:
    change(folder, **values)
    with pytest.raises(ModelLoadError, match="does not fit"):
        EmotionModel.load(folder)


def test_broken_json_is_told(folder: Path) -> None:
    (folder / "model.json").write_text("{")
    with pytest.raises(ModelLoadError, match="not valid JSON"):
        EmotionModel.load(folder)


def test_a_file_that_is_no_network_is_told(folder: Path) -> None:
    import hashlib

    path = folder / read_info(folder).file
    path.write_bytes(b"not a network")
    change(folder, sha256=hashlib.sha256(b"not a network").hexdigest())
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        EmotionModel.load(folder)


def test_flip_averaging_is_the_mean_over_both_halves() -> None:
    inputs = np.zeros((1, 48, 48, 1), np.float32)
    inputs[:, :, :24] = 3.0
    plain, _ = fake_model(flip=False)
    averaged, _ = fake_model(flip=True)
    assert plain.logits(inputs)["ferplus"][0, 0] == pytest.approx(3.0)
    assert averaged.logits(inputs)["ferplus"][0, 0] == pytest.approx(1.5)


def test_features_are_averaged_over_flips_as_logits_are() -> None:
    inputs = np.zeros((1, 48, 48, 1), np.float32)
    inputs[:, :, :24] = 3.0
    plain, _ = fake_model(flip=False, features=5)
    averaged, _ = fake_model(flip=True, features=5)
    np.testing.assert_allclose(plain.logits(inputs)["features"], [[3.0, 6.0, 9.0, 12.0, 15.0]])
    np.testing.assert_allclose(averaged.logits(inputs)["features"], [[1.5, 3.0, 4.5, 6.0, 7.5]])


def test_features_of_faces_keep_their_order() -> None:
    model, _ = fake_model(flip=True, features=2)
    inputs = np.ones((3, 48, 48, 1), np.float32) * np.array([2, 0, 1]).reshape(-1, 1, 1, 1)
    features = model.logits(inputs.astype(np.float32))["features"]
    np.testing.assert_allclose(features, [[2, 4], [0, 0], [1, 2]])


def test_a_network_without_features_gives_only_the_heads() -> None:
    model, _ = fake_model(flip=True)
    assert set(model.logits(np.zeros((1, 48, 48, 1), np.float32))) == {"ferplus", "fer2013"}


@pytest.mark.parametrize("flip", [False, True])
def test_feature_maps_are_averaged_over_flips_at_the_same_place(flip: bool) -> None:
    rising = np.array([1, 2, 3], np.float32).reshape(1, 1, 3, 1)  # from left to right

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        cells = inputs.reshape(-1, 3, 16, 3, 16, 1).mean(axis=(2, 4)) * rising
        widths = {"ferplus_maps": 8, "fer2013_maps": 7, "features_maps": 5}
        return {name: np.repeat(cells, width, axis=-1) for name, width in widths.items()}

    info = ModelInfo("fake", "0", "none", "", PreprocessingSpec(), flip, OF_FIVE, 0.5)
    face = np.zeros((48, 48, 1), np.float32)
    face[16:32, 32:] = 4.0  # the middle of the right side
    maps = EmotionModel(forward, info).maps(face)["features"]
    expected = np.zeros((3, 3, 5))
    expected[1, 2] = 4.0 * (1 + 3) / 2 if flip else 4.0 * 3
    np.testing.assert_allclose(maps, expected)


def test_the_answer_weighs_the_features() -> None:
    weights = np.zeros((7, 2))
    weights[6, 1] = 0.5
    of_two = replace(WARM, form="features", features=weights)
    model, _ = fake_model(flip=False, features=2, calibration=of_two)
    seven, _ = model.answer(np.full((1, 48, 48, 1), np.log(2), np.float32))
    expected = np.array([1, 1, 1, 1, 1, 1, 2]) / 8  # exp(.5 * 2 ln 2) = 2
    np.testing.assert_allclose(seven, [expected], rtol=1e-5)


def test_the_answer_is_joined_from_both_heads_and_says_contempt_apart() -> None:
    heads = {
        "ferplus": np.array([[2, 0, 0, 0, 0, 0, 0, 3]], np.float32),
        "fer2013": np.array([[0, 0, 0, 0, 4, 0, 0]], np.float32),
    }
    pool = Calibration.temperature(0.5, 0.25)
    info = ModelInfo("fake", "0", "none", "", PreprocessingSpec(), False, pool, 0.5)
    seven, contempt = EmotionModel(lambda _: heads, info).answer(
        np.zeros((1, 48, 48, 1), np.float32)
    )
    pooled = np.exp(np.array([1.5, 0, 0, 0, 1, 0, 0]) / 0.5)
    np.testing.assert_allclose(seven[0], pooled / pooled.sum())
    eight = np.exp(heads["ferplus"][0].astype(float))
    np.testing.assert_allclose(contempt, eight[7] / eight.sum())


def test_faces_keep_their_order_and_go_through_one_by_one() -> None:
    model, sizes = fake_model(flip=True)
    count = 5
    inputs = np.ones((count, 48, 48, 1), np.float32) * np.arange(count).reshape(-1, 1, 1, 1)
    logits = model.logits(inputs.astype(np.float32))
    assert np.allclose(logits["fer2013"][:, 0], np.arange(count))
    assert sizes == [2] * count  # each with its mirror image: the network stays prepared for that


def test_no_faces_give_empty_logits() -> None:
    model, sizes = fake_model(flip=True)
    logits = model.logits(np.zeros((0, 48, 48, 1), np.float32))
    assert logits["ferplus"].shape == (0, 8)
    assert logits["fer2013"].shape == (0, 7)
    assert sizes == []


def test_no_faces_give_as_many_features_as_the_calibration_weighs() -> None:
    model, sizes = fake_model(flip=True, features=5, calibration=OF_FIVE)
    nobody = np.zeros((0, 48, 48, 1), np.float32)
    assert model.logits(nobody)["features"].shape == (0, 5)
    assert model.answer(nobody)[0].shape == (0, 7)
    assert sizes == []


def test_inputs_of_another_shape_are_refused() -> None:
    model, _ = fake_model(flip=False)
    with pytest.raises(ValueError, match="inputs must be"):
        model.logits(np.zeros((1, 40, 40, 1), np.float32))
