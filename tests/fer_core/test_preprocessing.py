import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fer_core.preprocessing import (
    DATASET_FACE_SIZE,
    FER2013_KEYPOINTS,
    PreprocessingSpec,
    prepare_dataset_face,
    preprocess,
    to_grey,
)

SPEC = PreprocessingSpec()
CHIN = np.array([0.5, 0.92])
GOLDEN = Path(__file__).parent / "golden" / "happy_f_asian_01.npz"
WRONG_CROPS = {
    "one picture": np.zeros((48, 48), np.uint8),
    "one channel": np.zeros((2, 48, 48, 1), np.uint8),
    "rgba": np.zeros((2, 48, 48, 4), np.uint8),
    "five dimensions": np.zeros((1, 2, 48, 48, 3), np.uint8),
    "float": np.zeros((2, 48, 48), np.float32),
    "int64": np.zeros((2, 48, 48, 3), np.int64),
    "bool": np.zeros((2, 48, 48), bool),
}


def grey_faces(count=3, size=48):
    return np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)


def rgb_crops(count=3, size=48):
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3), np.uint8)


class TestSpec:
    def test_its_defaults_are_those_of_a_dataset_face(self):
        assert (SPEC.crop_size, SPEC.input_size, DATASET_FACE_SIZE) == (48, 48, 48)

    def test_its_keypoints_are_those_of_fer2013_enlarged_by_1_15_about_the_chin(self):
        enlarged = CHIN + 1.15 * (np.array(FER2013_KEYPOINTS) - CHIN)
        np.testing.assert_allclose(SPEC.keypoints, enlarged, atol=5e-4)

    def test_the_input_shape_has_one_channel(self):
        assert PreprocessingSpec(input_size=64).input_shape == (64, 64, 1)

    def test_it_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            SPEC.crop_size = 64

    def test_it_survives_the_way_through_json(self):
        spec = PreprocessingSpec(
            crop_size=64,
            input_size=96,
            keypoints=((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.5, 0.8), (-0.1, 0.5), (1.1, 0.5)),
            std_offset=4.0,
            interpolation="cubic",
        )
        values = json.loads(json.dumps(spec.to_dict()))
        assert PreprocessingSpec.from_dict(values) == spec

    def test_keypoints_are_tuples_again_after_json(self):
        loaded = PreprocessingSpec.from_dict(json.loads(json.dumps(SPEC.to_dict())))
        assert {type(points) for points in (loaded.keypoints, *loaded.keypoints)} == {tuple}
        assert hash(loaded) == hash(SPEC)

    def test_to_dict_has_every_field(self):
        assert set(SPEC.to_dict()) == {field.name for field in dataclasses.fields(SPEC)}

    @pytest.mark.parametrize("name", SPEC.to_dict())
    def test_a_missing_field_is_rejected(self, name):
        values = SPEC.to_dict()
        del values[name]
        with pytest.raises(ValueError, match=name):
            PreprocessingSpec.from_dict(values)

    def test_an_unknown_field_is_rejected(self):
        with pytest.raises(ValueError, match="gamma"):
            PreprocessingSpec.from_dict({**SPEC.to_dict(), "gamma": 1.0})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("crop_size", 7),
            ("crop_size", 0),
            ("crop_size", -48),
            ("input_size", 7),
            ("standardization", "none"),
            ("border", "black"),
            ("interpolation", "nearest"),
            ("std_offset", -8.0),
        ],
    )
    def test_a_value_out_of_range_is_rejected(self, name, value):
        with pytest.raises(ValueError, match=name):
            PreprocessingSpec.from_dict({**SPEC.to_dict(), name: value})

    @pytest.mark.parametrize(
        "keypoints",
        [
            [],
            SPEC.keypoints[:5],
            [*SPEC.keypoints, (0.5, 0.9)],
            [*SPEC.keypoints[:5], (0.9, 0.4, 0.1)],
            [*SPEC.keypoints[:5], (0.9,)],
            [*SPEC.keypoints[:5], (0.9, 2.1)],
            [(-1.1, 0.4), *SPEC.keypoints[1:]],
            [(float("nan"), 0.4), *SPEC.keypoints[1:]],
            [(x * 48, y * 48) for x, y in SPEC.keypoints],
        ],
        ids=[
            "none",
            "five",
            "seven",
            "three coordinates",
            "one coordinate",
            "far below",
            "far left",
            "not a number",
            "in pixels",
        ],
    )
    def test_other_than_six_points_in_fractions_of_the_crop_are_rejected(self, keypoints):
        with pytest.raises(ValueError, match="keypoints"):
            PreprocessingSpec.from_dict({**SPEC.to_dict(), "keypoints": keypoints})


class TestGrey:
    def test_it_is_the_luma_of_bt_601(self):
        crops = rgb_crops()
        luma = crops.astype(float) @ (0.299, 0.587, 0.114)
        np.testing.assert_allclose(to_grey(crops), luma, atol=0.51)

    @pytest.mark.parametrize(
        ("color", "luma"),
        [
            ((255, 0, 0), 76),
            ((0, 255, 0), 150),
            ((0, 0, 255), 29),
            ((255, 255, 255), 255),
            ((0, 0, 0), 0),
        ],
    )
    def test_a_pure_color_has_its_weight(self, color, luma):
        crops = np.full((1, 8, 8, 3), color, np.uint8)
        np.testing.assert_array_equal(to_grey(crops), np.full((1, 8, 8), luma))

    def test_every_grey_keeps_its_level(self):
        levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
        np.testing.assert_array_equal(to_grey(np.stack([levels] * 3, axis=3)), levels)

    def test_grey_crops_stay_as_they_are(self):
        np.testing.assert_array_equal(to_grey(grey_faces()), grey_faces())

    @pytest.mark.parametrize("shape", [(0, 48, 48), (0, 48, 48, 3)])
    def test_no_crops_give_no_crops(self, shape):
        grey = to_grey(np.zeros(shape, np.uint8))
        assert (grey.shape, grey.dtype) == ((0, 48, 48), np.uint8)

    @pytest.mark.parametrize("crops", WRONG_CROPS.values(), ids=WRONG_CROPS)
    def test_another_shape_or_dtype_is_rejected(self, crops):
        with pytest.raises(ValueError, match="crops"):
            to_grey(crops)


class TestPreprocess:
    @pytest.mark.parametrize("std_offset", [1.0, 8.0, 50.0])
    def test_grey_is_standardized_by_the_formula(self, std_offset):
        spec = PreprocessingSpec(std_offset=std_offset)
        faces = grey_faces()
        for face, tensor in zip(faces.astype(np.float64), preprocess(faces, spec), strict=True):
            expected = (face - face.mean()) / (face.std() + std_offset)
            np.testing.assert_allclose(tensor[..., 0], expected, atol=1e-5)

    def test_rgb_is_standardized_after_the_luma(self):
        crops = rgb_crops()
        luma = np.round(crops.astype(np.float64) @ (0.299, 0.587, 0.114))
        mean = luma.mean(axis=(1, 2), keepdims=True)
        expected = (luma - mean) / (luma.std(axis=(1, 2), keepdims=True) + 8)
        # One grey level is 1 / 50 here: a luma of x.5 may be rounded either way.
        np.testing.assert_allclose(preprocess(crops, SPEC)[..., 0], expected, atol=0.021)

    def test_it_gives_float32_with_one_channel(self):
        tensor = preprocess(rgb_crops(2), SPEC)
        assert (tensor.shape, tensor.dtype) == ((2, 48, 48, 1), np.float32)

    def test_every_picture_is_standardized_on_its_own(self):
        faces = grey_faces()
        alone = np.concatenate([preprocess(faces[[index]], SPEC) for index in range(3)])
        np.testing.assert_allclose(preprocess(faces, SPEC), alone, atol=1e-6)

    def test_red_and_blue_are_not_the_same(self):
        crops = rgb_crops()
        swapped = preprocess(np.ascontiguousarray(crops[..., ::-1]), SPEC)
        assert np.abs(preprocess(crops, SPEC) - swapped).max() > 0.5

    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_a_constant_picture_gives_zeros(self, level):
        tensor = preprocess(np.full((1, 48, 48), level, np.uint8), SPEC)
        np.testing.assert_array_equal(tensor, np.zeros((1, 48, 48, 1)))

    @pytest.mark.parametrize("shape", [(0, 48, 48), (0, 48, 48, 3), (0, 99, 70, 3)])
    def test_no_crops_give_an_empty_batch(self, shape):
        tensor = preprocess(np.zeros(shape, np.uint8), SPEC)
        assert (tensor.shape, tensor.dtype) == ((0, 48, 48, 1), np.float32)

    @pytest.mark.parametrize("crops", WRONG_CROPS.values(), ids=WRONG_CROPS)
    def test_another_shape_or_dtype_is_rejected(self, crops):
        with pytest.raises(ValueError, match="crops"):
            preprocess(crops, SPEC)

    def test_the_crops_are_not_changed(self):
        crops = rgb_crops()
        preprocess(crops, SPEC)
        np.testing.assert_array_equal(crops, rgb_crops())

    @pytest.mark.parametrize("layout", ["flipped twice", "fortran"])
    def test_the_memory_layout_does_not_matter(self, layout):
        crops = rgb_crops()
        flipped = np.ascontiguousarray(crops[:, :, ::-1])[:, :, ::-1]
        other = flipped if layout == "flipped twice" else np.asfortranarray(crops)
        np.testing.assert_allclose(preprocess(other, SPEC), preprocess(crops, SPEC), atol=1e-5)

    def test_crops_of_another_size_are_resampled_to_the_input(self):
        tensor = preprocess(rgb_crops(2, size=30), PreprocessingSpec(input_size=64))
        assert tensor.shape == (2, 64, 64, 1)

    def test_a_larger_crop_is_shrunk_by_area(self):
        larger = grey_faces(size=192)
        blocks = larger.reshape(3, 48, 4, 48, 4).mean(axis=(2, 4))
        expected = preprocess(np.round(blocks).astype(np.uint8), SPEC)
        # One grey level is 1 / 26 here: a mean of x.5 may be rounded either way.
        np.testing.assert_allclose(preprocess(larger, SPEC), expected, atol=0.04)

    @pytest.mark.parametrize("interpolation", ["linear", "cubic"])
    def test_a_smaller_crop_keeps_its_gradient(self, interpolation):
        spec = PreprocessingSpec(interpolation=interpolation)
        ramp = np.tile(np.arange(24, dtype=np.uint8) * 10, (1, 24, 1))
        inner = preprocess(ramp, spec)[0, :, 4:-4, 0]
        steps = np.diff(inner, axis=1) * (ramp.std() + 8)
        np.testing.assert_allclose(steps, np.full_like(steps, 5), atol=1.1)

    def test_the_golden_tensor_is_met(self):
        with np.load(GOLDEN) as golden:
            tensor = preprocess(golden["crop"][np.newaxis], SPEC)
            np.testing.assert_allclose(tensor, golden["tensor"], atol=0.01)


class TestDatasetFace:
    def test_the_default_spec_leaves_every_pixel(self):
        face = grey_faces()[0]
        np.testing.assert_array_equal(prepare_dataset_face(face, SPEC), face)

    @pytest.mark.parametrize("size", [24, 48, 64, 96])
    def test_it_has_the_size_of_a_crop(self, size):
        crop = prepare_dataset_face(grey_faces()[0], PreprocessingSpec(crop_size=size))
        assert (crop.shape, crop.dtype) == ((size, size), np.uint8)

    def test_a_smaller_crop_is_shrunk_by_area(self):
        face = grey_faces()[0]
        crop = prepare_dataset_face(face, PreprocessingSpec(crop_size=12))
        blocks = face.reshape(12, 4, 12, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(crop, blocks, atol=0.51)

    def test_the_face_is_not_changed(self):
        face = grey_faces()[0]
        prepare_dataset_face(face, PreprocessingSpec(crop_size=64))
        np.testing.assert_array_equal(face, grey_faces()[0])

    @pytest.mark.parametrize(
        "face",
        [
            np.zeros((47, 48), np.uint8),
            np.zeros((48, 48, 1), np.uint8),
            np.zeros((48, 48, 3), np.uint8),
            np.zeros((1, 48, 48), np.uint8),
            np.zeros(2304, np.uint8),
            np.zeros((48, 48), np.float32),
            np.zeros((48, 48), np.int64),
        ],
        ids=lambda face: f"{face.shape} {face.dtype}",
    )
    def test_another_shape_or_dtype_is_rejected(self, face):
        with pytest.raises(ValueError, match="dataset face"):
            prepare_dataset_face(face, SPEC)

    @pytest.mark.parametrize(
        "spec",
        [SPEC, PreprocessingSpec(input_size=64), PreprocessingSpec(input_size=32, std_offset=1.0)],
        ids=["default", "enlarged", "shrunk"],
    )
    def test_a_dataset_face_and_an_rgb_crop_of_the_same_pixels_give_the_same_tensor(self, spec):
        face = grey_faces()[0]
        as_dataset_face = preprocess(prepare_dataset_face(face, spec)[np.newaxis], spec)
        as_rgb_crop = preprocess(np.stack([face] * 3, axis=2)[np.newaxis], spec)
        np.testing.assert_array_equal(as_dataset_face, as_rgb_crop)
