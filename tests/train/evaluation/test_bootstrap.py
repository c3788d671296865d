import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fer_core.calibration import expected_calibration_error, softmax
from tests.train.evaluation.test_label_check import random_labels
from train.evaluation import bootstrap


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 100)
    return 100


def test_the_interval_of_an_accuracy_is_that_of_a_share() -> None:
    right = np.arange(1000) < 700
    low, high = bootstrap.mean_interval(right)
    half = 1.96 * math.sqrt(0.7 * 0.3 / 1000)
    assert low == pytest.approx(0.7 - half, abs=0.15 * half)
    assert high == pytest.approx(0.7 + half, abs=0.15 * half)


def test_intervals_of_macro_f1_and_ece_are_those_of_resampled_images(few_resamples: int) -> None:
    labels = random_labels(60)
    scores = softmax(np.random.default_rng(1).normal(size=(60, 7)) + np.eye(7)[labels])
    answers = scores.argmax(axis=1)
    f1, ece = [], []
    for rows in np.random.default_rng(bootstrap.SEED).integers(60, size=(few_resamples, 60)):
        occurring = np.unique(labels[rows])
        f1.append(
            f1_score(
                labels[rows], answers[rows], labels=occurring, average="macro", zero_division=0
            )
        )
        ece.append(expected_calibration_error(scores[rows], labels[rows]))
    assert bootstrap.macro_f1_interval(labels, answers, range(7)) == pytest.approx(
        np.percentile(f1, (2.5, 97.5))
    )
    assert bootstrap.ece_interval(scores.max(axis=1), answers == labels) == pytest.approx(
        np.percentile(ece, (2.5, 97.5))
    )


class TestPeople:
    def test_resamples_draw_whole_people(self, few_resamples: int) -> None:
        people = np.array(["b", "a", "b", "c"])
        values = np.array([1.0, 10.0, 2.0, 100.0])
        sums = bootstrap.resampled_sums(values[:, None], people)[:, 0]
        of_person = np.array([10.0, 3.0, 100.0])  # a, b, c
        drawn = np.random.default_rng(bootstrap.SEED).integers(3, size=(few_resamples, 3))
        assert sums == pytest.approx(of_person[drawn].sum(axis=1))

    def test_one_image_of_each_is_as_images_without_people(self) -> None:
        right = np.arange(50) % 3 > 0
        assert bootstrap.mean_interval(right, np.arange(50)) == bootstrap.mean_interval(right)

    def test_five_equal_images_of_each_tell_no_more_than_one(self) -> None:
        right = np.arange(40) % 4 > 0
        five, people = np.repeat(right, 5), np.repeat(np.arange(40), 5)
        over_people = bootstrap.mean_interval(five, people)
        assert over_people == pytest.approx(bootstrap.mean_interval(right))
        narrower = np.ptp(bootstrap.mean_interval(five)) / np.ptp(over_people)
        assert narrower == pytest.approx(1 / math.sqrt(5), rel=0.15)

    def test_the_mean_is_over_the_images_that_are_drawn(self, few_resamples: int) -> None:
        values, people = np.array([1.0, 1.0, 0.0]), np.array([0, 0, 1])
        drawn = np.random.default_rng(bootstrap.SEED).integers(2, size=(few_resamples, 2))
        means = [np.mean(np.concatenate([values[people == one] for one in row])) for row in drawn]
        assert bootstrap.mean_interval(values, people) == pytest.approx(
            np.percentile(means, (2.5, 97.5))
        )


def test_a_ratio_of_nothing_is_left_out_of_the_interval() -> None:
    ratios = bootstrap.ratio(np.array([1.0, 0.0, 1.0]), np.array([2.0, 0.0, 2.0]))
    assert np.isnan(ratios[1])
    assert bootstrap.interval(ratios) == [0.5, 0.5]
    assert bootstrap.interval(ratios[1:2]) is None


def test_nothing_has_no_interval() -> None:
    nothing = np.zeros(0)
    assert bootstrap.mean_interval(nothing) is None
    assert bootstrap.ece_interval(nothing, nothing.astype(bool)) is None
