from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_core import EmotionRecognizer
from fer_core.calibration import Calibration, log_softmax, softmax
from fer_core.emotions import FER2013_LABELS
from fer_core.explanation import (
    _coarse_maps,
    draw_evidence,
    evidence_for,
    evidence_maps,
    filter_views,
)
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec, UInt8Array, preprocess
from tests.conftest import EXAMPLES

RNG = np.random.default_rng(0)
CALIBRATIONS = {
    "one head": Calibration.temperature(1.0),
    "both heads": Calibration.temperature(0.7, 0.3),
    "matrix": Calibration(
        "matrix", RNG.normal(0, 0.3, (7, 8)), RNG.normal(0, 0.3, (7, 7)), RNG.normal(0, 1, 7)
    ),
}


def model_with_features(calibration: Calibration) -> EmotionModel:
    """A network of 6x6 feature maps, in whose mean the heads are linear, without biases."""
    rng = np.random.default_rng(1)
    projection = rng.normal(0, 0.3, (64, calibration.features.shape[1]))
    kernels = {
        head: rng.normal(0, 1, (len(projection.T), classes))
        for head, classes in (("ferplus", 8), ("fer2013", 7))
    }

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        cells = inputs.reshape(-1, 6, 8, 6, 8).swapaxes(2, 3).reshape(-1, 6, 6, 64)
        features = np.maximum(cells @ projection, 0)
        maps = {"features": features}
        maps |= {head: features @ kernel for head, kernel in kernels.items()}
        return {
            name: values.astype(np.float32)
            for key, one in maps.items()
            for name, values in ((f"{key}_maps", one), (key, one.mean(axis=(1, 2))))
        }

    info = ModelInfo("fake", "0", "none", "", PreprocessingSpec(), True, calibration, 0.5)
    return EmotionModel(forward, info)


@pytest.fixture(scope="module")
def face(recognizer: EmotionRecognizer) -> UInt8Array:
    return recognizer.recognize(EXAMPLES / "happy_f_asian_01.jpg").faces[0].aligned


class TestEvidence:
    @pytest.mark.parametrize("calibration", CALIBRATIONS.values(), ids=CALIBRATIONS)
    def test_its_mean_is_the_logit_without_bias(
        self, recognizer: EmotionRecognizer, face: UInt8Array, calibration: Calibration
    ) -> None:
        info = replace(recognizer.model.info, calibration=calibration)
        model = EmotionModel(recognizer.model._forward, info)
        black = np.zeros((48, 48), np.uint8)

        def logits(picture: UInt8Array) -> np.ndarray:
            inputs = preprocess(picture[np.newaxis], info.preprocessing)
            heads = {name: log_softmax(logits) for name, logits in model.logits(inputs).items()}
            ferplus, fer2013 = heads["ferplus"][0], heads["fer2013"][0]
            return calibration.ferplus @ ferplus + calibration.fer2013 @ fer2013

        def means(picture: UInt8Array) -> np.ndarray:
            return _coarse_maps(model, picture).mean(axis=(0, 1))

        # The bias is the same for both, so it falls out of the difference.
        difference = means(face) - means(black)
        np.testing.assert_allclose(difference, logits(face) - logits(black), atol=1e-3)
        np.testing.assert_allclose(
            evidence_maps(model, face).mean(axis=(1, 2)), means(face), atol=0.25
        )

    def test_its_mean_counts_the_features_that_the_calibration_weighs(
        self, face: UInt8Array
    ) -> None:
        weights = np.random.default_rng(2).normal(0, 1, (7, 9))
        calibration = replace(CALIBRATIONS["matrix"], form="features", features=weights)
        model = model_with_features(calibration)
        outputs = model.logits(preprocess(face[np.newaxis], model.info.preprocessing))
        expected = (
            calibration.ferplus @ log_softmax(outputs["ferplus"])[0]
            + calibration.fer2013 @ log_softmax(outputs["fer2013"])[0]
            + calibration.features @ outputs["features"][0]
        )
        means = _coarse_maps(model, face).mean(axis=(0, 1))
        np.testing.assert_allclose(means, expected, atol=1e-4)
        assert np.abs(calibration.features @ outputs["features"][0]).min() > 0.01

    def test_a_mirrored_face_has_a_mirrored_map(
        self, recognizer: EmotionRecognizer, face: UInt8Array
    ) -> None:
        maps = evidence_maps(recognizer.model, face)
        mirrored = evidence_maps(recognizer.model, np.ascontiguousarray(face[:, ::-1]))
        np.testing.assert_allclose(mirrored, maps[:, :, ::-1], atol=1e-3)

    def test_evidence_is_what_a_place_adds_to_the_log_odds(self) -> None:
        maps = np.random.default_rng(0).normal(0, 2, (7, 4, 4))
        index, step = FER2013_LABELS.index("fear"), 1e-5

        def log_odds(of_maps: np.ndarray) -> float:
            share = softmax(of_maps.mean(axis=(1, 2)))[index]
            return float(np.log(share / (1 - share)))

        shares = softmax(maps.mean(axis=(1, 2))).tolist()
        evidence = evidence_for(maps, dict(zip(FER2013_LABELS, shares, strict=True)), "fear")
        for y, x in np.ndindex(4, 4):
            weaker = maps.copy()
            weaker[:, y, x] *= 1 - step
            lost = (log_odds(maps) - log_odds(weaker)) / step
            assert lost == pytest.approx(evidence[y, x] / 16, rel=1e-3, abs=1e-6)

    def test_a_network_without_the_pooling_is_told(self, face: UInt8Array) -> None:
        info = ModelInfo(
            "fake", "0", "none", "", PreprocessingSpec(), False, CALIBRATIONS["one head"], 0.5
        )
        with pytest.raises(ValueError, match="not linear"):
            evidence_maps(EmotionModel(lambda _: {}, info), face)


def test_the_drawing_is_warm_where_the_evidence_is_and_grey_elsewhere(face: UInt8Array) -> None:
    evidence = np.full((48, 48), -0.2)
    evidence[30:40, 10:20] = 1.0
    drawn = draw_evidence(face, evidence, 96).astype(int)
    assert drawn.shape == (96, 96, 3)
    assert np.ptp(drawn[:40], axis=2).max() == 0
    inside = drawn[64:76, 24:36]
    assert (inside[..., 0] > inside[..., 2] + 20).mean() > 0.9


def test_filters_are_those_of_the_predecessor_in_its_order(face: UInt8Array) -> None:
    views = filter_views(face)
    assert list(views) == [
        "original", "blurred", "sharpened", "denoised", "contours_before", "contours_after",
    ]  # fmt: skip
    for view in views.values():
        assert view.shape == face.shape
        assert view.dtype == np.uint8
    smooth = cv2.GaussianBlur(face, (5, 5), 0).astype(float)
    expected = np.clip(1.5 * face - 0.6 * smooth, 0, 255)
    assert np.abs(views["sharpened"] - expected).max() <= 1

    def roughness(view: UInt8Array) -> float:
        return float(np.abs(np.diff(view.astype(float), axis=1)).mean())

    assert roughness(views["blurred"]) < roughness(face) < roughness(views["sharpened"])
    assert roughness(views["denoised"]) < roughness(views["sharpened"])
    assert set(np.unique(views["contours_before"])) <= {0, 255}
    assert (views["contours_after"] != views["contours_before"]).any()
