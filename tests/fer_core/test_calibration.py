import json
from dataclasses import replace

import numpy as np
import pytest

from fer_core.calibration import (
    CALIBRATION_SHAPES,
    Calibration,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    log_softmax,
    log_sum_exp,
    negative_log_likelihood,
    reliability,
    risk_coverage,
    softmax,
)


def sample_labels(probabilities, seed=0):
    """Labels that come out as often as `probabilities` say, so that these are calibrated."""
    draws = np.random.default_rng(seed).random(len(probabilities))
    return (probabilities.cumsum(axis=1) < draws[:, np.newaxis]).sum(axis=1)


def calibrated_logits(count, classes=7, seed=0):
    logits = np.random.default_rng(seed).normal(0, 2, (count, classes))
    return logits, sample_labels(softmax(logits), seed + 1)


def two_class(confidences):
    """(N, 2) probabilities whose class 0 has the given confidence."""
    confidences = np.asarray(confidences, dtype=float)
    return np.column_stack([confidences, 1 - confidences])


class TestSoftmax:
    def test_known_values(self):
        np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]])

    def test_temperature_divides_the_logits(self):
        np.testing.assert_allclose(softmax(np.log([[1.0, 9.0]]), 2.0), [[0.25, 0.75]])

    def test_large_logits_do_not_overflow(self):
        np.testing.assert_allclose(softmax(np.array([[1e4, -1e4]])), [[1.0, 0.0]])

    def test_float32_logits_give_float64(self):
        assert softmax(np.zeros((2, 3), np.float32)).dtype == np.float64

    def test_the_logits_are_not_changed(self):
        logits = np.array([[1.0, 2.0]])
        softmax(logits, 3.0)
        np.testing.assert_array_equal(logits, [[1.0, 2.0]])

    @pytest.mark.parametrize("temperature", [0.0, -1.0])
    def test_a_temperature_not_above_0_is_rejected(self, temperature):
        with pytest.raises(ValueError, match="temperature"):
            softmax(np.zeros((1, 2)), temperature)


class TestLogSoftmax:
    def test_known_values(self):
        expected = np.log([[0.125, 0.25, 0.625]])
        np.testing.assert_allclose(log_softmax(np.log([[1.0, 2.0, 5.0]])), expected)

    def test_it_is_the_logarithm_of_the_softmax_for_each_row(self):
        logits, _ = calibrated_logits(20)
        np.testing.assert_allclose(log_softmax(logits), np.log(softmax(logits)))

    def test_large_logits_do_not_overflow(self):
        np.testing.assert_allclose(log_softmax(np.array([[1e4, -1e4]])), [[0.0, -2e4]])

    def test_the_sum_keeps_its_axis(self):
        total = log_sum_exp(np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 1.0]]))
        np.testing.assert_allclose(total, np.log([[8.0], [3.0]]))


def random_heads(count=6, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "ferplus": generator.normal(0, 2, (count, 8)).astype(np.float32),
        "fer2013": generator.normal(0, 2, (count, 7)).astype(np.float32),
    }


def random_calibration(seed=0):
    generator = np.random.default_rng(seed)
    arrays = {name: generator.normal(0, 1, shape) for name, shape in CALIBRATION_SHAPES.items()}
    return Calibration("matrix", **arrays, fitted_on={"press": 3}, figures={"loss": 0.5})


def with_features(calibration, count=5, seed=1):
    weights = np.random.default_rng(seed).normal(0, 1, (7, count))
    return replace(calibration, form="features", features=weights)


def random_features(count=6, features=5, seed=2):
    return np.random.default_rng(seed).normal(0, 1, (count, features)).astype(np.float32)


class TestCalibration:
    @pytest.mark.parametrize(
        ("temperature", "share"), [(1.0, 0.0), (0.605, 0.25), (2.0, 0.5), (0.5, 1.0)]
    )
    def test_a_temperature_divides_the_weighted_mean_of_both_heads_log_probabilities(
        self, temperature, share
    ):
        heads = random_heads()
        ferplus = log_softmax(heads["ferplus"])[:, :7]
        pooled = (1 - share) * ferplus + share * log_softmax(heads["fer2013"])
        found = Calibration.temperature(temperature, share).probabilities(heads)
        np.testing.assert_allclose(found, softmax(pooled, temperature), rtol=1e-12)

    def test_a_temperature_of_one_head_is_the_softmax_of_its_first_seven_logits(self):
        heads = random_heads()
        found = Calibration.temperature(0.6).probabilities(heads)
        np.testing.assert_allclose(found, softmax(heads["ferplus"][:, :7], 0.6), rtol=1e-6)

    @pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
    def test_a_temperature_not_above_0_is_refused(self, temperature):
        with pytest.raises(ValueError, match="temperature"):
            Calibration.temperature(temperature)

    @pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
    def test_a_share_outside_0_to_1_is_refused(self, share):
        with pytest.raises(ValueError, match="fer2013_share"):
            Calibration.temperature(1.0, share)

    def test_a_matrix_is_applied_row_by_emotion_to_the_log_probabilities(self):
        ferplus, fer2013, bias = np.zeros((7, 8)), np.zeros((7, 7)), np.zeros(7)
        ferplus[3, 7] = 1.0  # happy from contempt
        fer2013[4, 0] = 2.0  # sad from angry
        bias[6] = np.log(0.3)
        shares = {"ferplus": np.full(8, 0.1), "fer2013": np.full(7, 0.1)}
        shares["ferplus"][7], shares["fer2013"][0] = 0.3, 0.4
        heads = {name: np.log(row)[np.newaxis] for name, row in shares.items()}
        found = Calibration("matrix", ferplus, fer2013, bias).probabilities(heads)
        raised = np.array([1, 1, 1, 0.3, 0.4**2, 1, 0.3])
        np.testing.assert_allclose(found, [raised / raised.sum()])

    def test_a_constant_added_to_a_heads_logits_changes_nothing(self):
        heads, calibration = random_heads(), random_calibration()
        shifted = {name: logits.astype(float) + 50 for name, logits in heads.items()}
        expected = calibration.probabilities(heads)
        np.testing.assert_allclose(calibration.probabilities(shifted), expected, rtol=1e-6)

    @pytest.mark.parametrize("size", [1.0, 1000.0])
    def test_probabilities_sum_to_1(self, size):
        heads = {name: size * logits for name, logits in random_heads(40).items()}
        found = random_calibration().probabilities(heads)
        assert found.shape == (40, 7)
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1.0)

    def test_no_faces_have_no_probabilities(self):
        assert random_calibration().probabilities(random_heads(0)).shape == (0, 7)

    @pytest.mark.parametrize("name", CALIBRATION_SHAPES)
    def test_an_array_of_another_shape_is_refused(self, name):
        rows, *columns = CALIBRATION_SHAPES[name]
        with pytest.raises(ValueError, match="shapes"):
            replace(random_calibration(), **{name: np.zeros((rows + 1, *columns))})

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize("name", CALIBRATION_SHAPES)
    def test_a_number_that_is_not_finite_is_refused(self, name, number):
        values = np.zeros(CALIBRATION_SHAPES[name])
        values.flat[-1] = number
        with pytest.raises(ValueError, match="finite"):
            replace(random_calibration(), **{name: values})

    def test_it_survives_the_way_through_json(self):
        calibration = random_calibration()
        loaded = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
        assert loaded.to_dict() == calibration.to_dict()
        for name in CALIBRATION_SHAPES:
            found, expected = getattr(loaded, name), getattr(calibration, name)
            np.testing.assert_allclose(found, expected, atol=5.1e-5)

    def test_what_it_was_fitted_on_and_its_figures_are_kept(self):
        loaded = Calibration.from_dict(random_calibration().to_dict())
        assert loaded.form == "matrix"
        assert loaded.fitted_on == {"press": 3}
        assert loaded.figures == {"loss": 0.5}

    def test_numbers_are_written_with_four_decimals(self):
        values = random_calibration().to_dict()
        assert values["bias"] == np.round(random_calibration().bias, 4).tolist()


class TestFeatures:
    def test_they_are_weighted_beside_the_log_probabilities(self):
        heads = {**random_heads(), "features": random_features()}
        calibration = with_features(random_calibration())
        linear = (
            np.einsum("nc,ec->ne", log_softmax(heads["ferplus"]), calibration.ferplus)
            + np.einsum("nc,ec->ne", log_softmax(heads["fer2013"]), calibration.fer2013)
            + np.einsum("nc,ec->ne", heads["features"].astype(float), calibration.features)
            + calibration.bias
        )
        expected = np.exp(linear) / np.exp(linear).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(calibration.probabilities(heads), expected, rtol=1e-9)

    def test_a_weight_is_of_its_row_s_emotion(self):
        weights = np.zeros((7, 3))
        weights[4, 2] = np.log(2)  # sad from the third feature
        nothing = Calibration("features", np.zeros((7, 8)), np.zeros((7, 7)), np.zeros(7), weights)
        heads = {**random_heads(1), "features": np.array([[5.0, 7.0, 1.0]])}
        expected = np.where(np.arange(7) == 4, 2, 1) / 8
        np.testing.assert_allclose(nothing.probabilities(heads), [expected])

    def test_a_calibration_without_weights_of_features_ignores_them(self):
        calibration, heads = random_calibration(), random_heads()
        given = {**heads, "features": random_features()}
        expected = calibration.probabilities(heads)
        np.testing.assert_array_equal(calibration.probabilities(given), expected)

    def test_a_calibration_with_weights_of_features_needs_them(self):
        with pytest.raises(ValueError, match=r"weighs \d+ features, but the network gives 0"):
            with_features(random_calibration()).probabilities(random_heads())

    def test_features_of_another_number_are_refused(self):
        heads = {**random_heads(), "features": random_features(features=4)}
        with pytest.raises(ValueError, match="4"):
            with_features(random_calibration(), 5).probabilities(heads)

    def test_no_faces_have_no_probabilities(self):
        heads = {**random_heads(0), "features": random_features(0)}
        assert with_features(random_calibration()).probabilities(heads).shape == (0, 7)

    def test_by_default_there_are_none(self):
        assert random_calibration().features.shape == (7, 0)

    def test_a_calibration_without_them_writes_no_key(self):
        assert "features" not in random_calibration().to_dict()

    def test_they_are_written_with_four_decimals(self):
        calibration = with_features(random_calibration())
        expected = np.round(calibration.features, 4).tolist()
        assert calibration.to_dict()["features"] == expected

    def test_they_survive_the_way_through_json(self):
        calibration = with_features(random_calibration())
        loaded = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
        assert loaded.form == "features"
        assert loaded.to_dict() == calibration.to_dict()
        np.testing.assert_allclose(loaded.features, calibration.features, atol=5.1e-5)

    def test_values_without_the_key_are_of_a_calibration_without_them(self):
        values = with_features(random_calibration()).to_dict()
        del values["features"]
        assert Calibration.from_dict(values).features.shape == (7, 0)

    @pytest.mark.parametrize("shape", [(), (7,), (6, 5), (8, 5), (5, 7), (7, 5, 1)], ids=str)
    def test_an_array_of_another_shape_is_refused(self, shape):
        with pytest.raises(ValueError, match=r"\(7, c\) features"):
            replace(random_calibration(), features=np.zeros(shape))

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
    def test_a_number_that_is_not_finite_is_refused(self, number):
        weights = np.zeros((7, 5))
        weights[6, 4] = number
        with pytest.raises(ValueError, match="finite"):
            replace(random_calibration(), features=weights)


class TestNegativeLogLikelihood:
    def test_it_is_the_mean_of_the_right_classes_in_nats(self):
        probabilities = np.array([[0.5, 0.5], [0.75, 0.25]])
        expected = -(np.log(0.5) + np.log(0.25)) / 2
        assert negative_log_likelihood(probabilities, np.array([0, 1])) == pytest.approx(expected)

    def test_certain_and_right_costs_nothing(self):
        assert negative_log_likelihood(np.eye(3), np.arange(3)) == 0.0


class TestBrierScore:
    @pytest.mark.parametrize(
        ("probabilities", "label", "expected"),
        [
            ((1.0, 0.0, 0.0), 0, 0.0),
            ((0.0, 1.0, 0.0), 0, 2.0),
            ((0.5, 0.25, 0.25), 0, 0.375),
            ((0.2, 0.3, 0.5), 1, 0.78),
        ],
    )
    def test_one_picture(self, probabilities, label, expected):
        score = brier_score(np.array([probabilities]), np.array([label]))
        assert score == pytest.approx(expected)

    def test_it_is_the_mean_over_pictures(self):
        probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
        assert brier_score(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0.5)


class TestExpectedCalibrationError:
    def test_one_bin_gives_the_gap_of_confidence_and_accuracy(self):
        labels = np.array([0] * 5 + [1] * 5)
        error = expected_calibration_error(two_class([0.9] * 10), labels)
        assert error == pytest.approx(0.4)

    def test_bins_are_weighted_by_their_share(self):
        # 3 of 4 pictures at .95 are right (gap .2), none of the one at .6 is (gap .6).
        probabilities = two_class([0.95, 0.95, 0.95, 0.95, 0.6])
        labels = np.array([0, 0, 0, 1, 1])
        error = expected_calibration_error(probabilities, labels)
        assert error == pytest.approx(0.8 * 0.2 + 0.2 * 0.6)

    def test_gaps_of_opposite_sign_do_not_cancel_between_bins(self):
        probabilities = two_class([0.9, 0.9, 0.6, 0.6])
        labels = np.array([0, 1, 0, 0])
        assert expected_calibration_error(probabilities, labels) == pytest.approx(0.4)

    @pytest.mark.parametrize(
        ("confidences", "error"),
        [((0.61, 0.66), 0.135), ((0.66, 0.68), 0.51)],
        ids=["one bin", "two bins"],
    )
    def test_there_are_15_bins_of_equal_width(self, confidences, error):
        # Only between bins do the first, which is right, and the second, wrong, not cancel.
        found = expected_calibration_error(two_class(confidences), np.array([0, 1]))
        assert found == pytest.approx(error)

    def test_certainty_falls_into_the_last_bin(self):
        probabilities = two_class([1.0, 1.0])
        assert expected_calibration_error(probabilities, np.array([0, 1])) == pytest.approx(0.5)

    def test_calibrated_probabilities_have_a_small_error(self):
        logits, labels = calibrated_logits(20_000)
        assert expected_calibration_error(softmax(logits), labels) < 0.015

    def test_overconfident_probabilities_have_a_large_error(self):
        logits, labels = calibrated_logits(20_000)
        assert expected_calibration_error(softmax(4 * logits), labels) > 0.15


class TestReliability:
    def test_empty_bins_are_left_out(self):
        rows = reliability(two_class([0.55, 0.95]), np.array([0, 1]), bins=10)
        assert [(row.confidence, row.accuracy, row.share) for row in rows] == [
            (pytest.approx(0.55), 1.0, 0.5),
            (pytest.approx(0.95), 0.0, 0.5),
        ]

    def test_rows_rise_in_confidence(self):
        logits, labels = calibrated_logits(500)
        confidences = [row.confidence for row in reliability(softmax(logits), labels)]
        assert confidences == sorted(confidences)

    def test_shares_sum_to_1(self):
        logits, labels = calibrated_logits(500)
        rows = reliability(softmax(logits), labels)
        assert sum(row.share for row in rows) == pytest.approx(1.0)

    def test_there_are_at_most_as_many_rows_as_bins(self):
        logits, labels = calibrated_logits(500)
        assert len(reliability(softmax(logits), labels, bins=4)) <= 4


class TestFitTemperature:
    @pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5, 8.0])
    def test_an_applied_temperature_is_recovered(self, temperature):
        logits, labels = calibrated_logits(8_000)
        assert fit_temperature(temperature * logits, labels) == pytest.approx(temperature, rel=0.05)

    @pytest.mark.parametrize("gap", [0.5, 2.0, 7.0])
    def test_the_closed_form_of_two_classes_is_met_to_1e_4(self, gap):
        # Right in 3 of 4: the best probability is 3/4, so gap / T = ln 3.
        logits = np.tile([gap, 0.0], (4, 1))
        labels = np.array([0, 0, 0, 1])
        assert fit_temperature(logits, labels) == pytest.approx(gap / np.log(3), rel=1e-4)

    def test_it_does_not_depend_on_a_constant_added_to_the_logits(self):
        logits, labels = calibrated_logits(500)
        shifted = fit_temperature(logits + 100, labels)
        assert shifted == pytest.approx(fit_temperature(logits, labels), rel=1e-3)

    def test_it_does_not_raise_the_negative_log_likelihood(self):
        logits, labels = calibrated_logits(500)
        before = negative_log_likelihood(softmax(3 * logits), labels)
        temperature = fit_temperature(3 * logits, labels)
        assert negative_log_likelihood(softmax(3 * logits, temperature), labels) < before

    def test_logits_that_are_always_right_stop_at_the_lower_limit(self):
        logits = np.tile([1.0, 0.0], (10, 1))
        assert fit_temperature(logits, np.zeros(10, int)) == pytest.approx(0.05, rel=1e-4)

    def test_logits_that_are_always_wrong_stop_at_the_upper_limit(self):
        logits = np.tile([1.0, 0.0], (10, 1))
        assert fit_temperature(logits, np.ones(10, int)) == pytest.approx(20.0, rel=1e-4)


class TestRiskCoverage:
    CONFIDENCE = np.array([0.6, 0.9, 0.7, 0.8])
    CORRECT = np.array([False, True, False, True])

    def test_coverage_rises_in_equal_steps_to_1(self):
        curve = risk_coverage(self.CONFIDENCE, self.CORRECT)
        np.testing.assert_allclose(curve.coverage, [0.25, 0.5, 0.75, 1.0])

    def test_accuracy_is_that_of_the_surest(self):
        curve = risk_coverage(self.CONFIDENCE, self.CORRECT)
        np.testing.assert_allclose(curve.accuracy, [1.0, 1.0, 2 / 3, 0.5])

    def test_threshold_is_the_lowest_confidence_that_is_answered(self):
        curve = risk_coverage(self.CONFIDENCE, self.CORRECT)
        np.testing.assert_allclose(curve.threshold, [0.9, 0.8, 0.7, 0.6])

    @pytest.mark.parametrize(
        ("coverage", "accuracy", "threshold"),
        [(0.25, 1.0, 0.9), (0.26, 1.0, 0.8), (0.5, 1.0, 0.8), (0.75, 2 / 3, 0.7), (1.0, 0.5, 0.6)],
    )
    def test_at_gives_the_first_point_that_reaches_the_coverage(
        self, coverage, accuracy, threshold
    ):
        curve = risk_coverage(self.CONFIDENCE, self.CORRECT)
        assert curve.accuracy_at(coverage) == pytest.approx(accuracy)
        assert curve.threshold_at(coverage) == pytest.approx(threshold)

    @pytest.mark.parametrize("coverage", np.linspace(0.05, 1.0, 20))
    def test_a_threshold_answers_at_least_its_coverage(self, coverage):
        confidence = np.random.default_rng(3).random(97)
        curve = risk_coverage(confidence, confidence > 0.5)
        assert (confidence >= curve.threshold_at(coverage)).mean() >= coverage - 1e-9

    @pytest.mark.parametrize("coverage", np.linspace(0.05, 1.0, 20))
    def test_a_threshold_answers_with_the_accuracy_of_its_coverage(self, coverage):
        generator = np.random.default_rng(4)
        confidence = generator.random(97)
        correct = generator.random(97) < confidence
        curve = risk_coverage(confidence, correct)
        answered = confidence >= curve.threshold_at(coverage)
        assert curve.accuracy_at(coverage) == pytest.approx(correct[answered].mean())

    @pytest.mark.parametrize("coverage", [0.1, 0.25, 0.5, 0.9, 1.0])
    def test_a_threshold_among_equal_confidences_answers_at_least_its_coverage(self, coverage):
        confidence = np.array([0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.4, 0.4])
        curve = risk_coverage(confidence, np.ones(8, bool))
        assert (confidence >= curve.threshold_at(coverage)).mean() >= coverage

    def test_equal_confidences_have_one_threshold(self):
        curve = risk_coverage(np.full(6, 0.7), np.ones(6, bool))
        np.testing.assert_array_equal(curve.threshold, np.full(6, 0.7))

    def test_full_coverage_has_the_accuracy_of_all(self):
        generator = np.random.default_rng(5)
        confidence, correct = generator.random(50), generator.random(50) < 0.6
        assert risk_coverage(confidence, correct).accuracy_at(1.0) == correct.mean()

    def test_the_inputs_are_not_changed(self):
        confidence, correct = self.CONFIDENCE.copy(), self.CORRECT.copy()
        risk_coverage(confidence, correct)
        np.testing.assert_array_equal(confidence, self.CONFIDENCE)
        np.testing.assert_array_equal(correct, self.CORRECT)
