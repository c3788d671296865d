import itertools
import math

import numpy as np
import pytest

from fer_core.emotions import FER2013_LABELS
from train.evaluation.label_check import chance_agreement, check_labels, corrected_z

ABC = ("a", "b", "c")


def noisy(labels: np.ndarray, classes: int, share: float, seed: int = 0) -> np.ndarray:
    """Answers that are the label on a share of the pictures and anything on the others."""
    rng = np.random.default_rng(seed)
    guess = rng.integers(classes, size=len(labels))
    return np.where(rng.random(len(labels)) < share, labels, guess)


def random_labels(count: int, seed: int = 0) -> np.ndarray:
    """FER2013's seven classes, as uneven as there."""
    shares = np.array([13, 1.5, 14, 25, 18, 11.5, 17]) / 100
    return np.random.default_rng(seed).choice(7, size=count, p=shares)


def test_chance_is_the_mean_over_all_orders_of_the_answers() -> None:
    labels, answers = (0, 0, 0, 1, 1, 2), (0, 0, 1, 1, 2, 2)
    scores = [
        np.mean([a == b for a, b in zip(labels, order, strict=True)])
        for order in itertools.permutations(answers)
    ]
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (labels, answers), 1)
    assert chance_agreement(counts) == pytest.approx((np.mean(scores), np.std(scores)))


def test_more_tries_need_clearer_evidence() -> None:
    def tail(z: float) -> float:
        return math.erfc(z / math.sqrt(2)) / 2

    assert corrected_z(1) == pytest.approx(4)
    assert 200 * tail(corrected_z(200)) == pytest.approx(tail(4))


@pytest.mark.parametrize("in_order_of_class", [False, True])
def test_answers_in_step_are_left_in_peace(in_order_of_class: bool) -> None:
    labels = random_labels(1000)
    if in_order_of_class:  # as from class folders: neighbours have the same label
        labels = np.sort(labels)
    found = check_labels(labels, noisy(labels, 7, 0.3), FER2013_LABELS)
    assert found["is_better_than_chance"]
    assert found["better_shift"] is None
    assert found["better_permutation"] is None


@pytest.mark.parametrize(
    ("rows", "in_order_of_class"),
    # In order of class, a few rows more or less change too few labels to see, or to matter.
    [(-100, False), (-3, False), (1, False), (50, False), (-30, True), (50, True)],
)
def test_labels_moved_by_some_rows_are_found(rows: int, in_order_of_class: bool) -> None:
    labels = random_labels(2000)
    if in_order_of_class:
        labels = np.sort(labels)
    labels[::9] = -1  # pictures that are not judged keep their rows
    answers = noisy(np.where(labels < 0, 0, labels), 7, 0.9)
    found = check_labels(np.roll(labels, rows), answers, FER2013_LABELS)
    assert found["better_shift"] == -rows
    expected = (labels == answers)[labels >= 0].mean()
    assert found["better_shift_accuracy"] == pytest.approx(expected)


def test_of_shifts_that_fit_equally_well_the_nearest_is_named() -> None:
    labels = np.arange(700) % 7
    found = check_labels(np.roll(labels, 1), labels, FER2013_LABELS)
    assert found["better_shift"] == -1


def test_shuffled_labels_look_like_chance_and_like_nothing_else() -> None:
    for seed in range(20):
        labels = random_labels(500, seed)
        answers = noisy(np.random.default_rng(seed).permutation(labels), 7, 0.7, seed)
        found = check_labels(labels, answers, FER2013_LABELS)
        assert not found["is_better_than_chance"]
        assert abs(found["z"]) < 4
        assert found["better_shift"] is None
        assert found["better_permutation"] is None


def test_swapped_names_are_found() -> None:
    labels = random_labels(2000)
    swapped = np.array([0, 1, 2, 3, 6, 5, 4])
    found = check_labels(swapped[labels], noisy(labels, 7, 0.6), FER2013_LABELS)
    assert found["is_better_than_chance"]
    assert found["better_permutation"] == {"sad": "neutral", "neutral": "sad"}


def test_the_alphabetical_order_of_class_folders_is_found() -> None:
    labels = random_labels(2000)
    answers = noisy(labels, 7, 0.6)
    alphabetical = sorted(FER2013_LABELS)
    by_folder = np.array([alphabetical.index(name) for name in FER2013_LABELS])
    found = check_labels(by_folder[labels], answers, FER2013_LABELS)
    assert found["better_permutation"] == {
        "sad": "surprise",
        "surprise": "neutral",
        "neutral": "sad",
    }
    assert found["better_permutation_accuracy"] == pytest.approx((labels == answers).mean())


def test_a_model_with_one_answer_for_all_is_not_told_another() -> None:
    labels = random_labels(2000)
    found = check_labels(labels, np.full(2000, 1), FER2013_LABELS)  # always disgust, the rarest
    assert found["z"] is None
    assert not found["is_better_than_chance"]
    assert found["better_permutation"] is None


def test_a_model_that_takes_many_sad_for_neutral_is_only_a_bad_model() -> None:
    labels = random_labels(2000)
    sad, neutral = (FER2013_LABELS.index(name) for name in ("sad", "neutral"))
    chance = np.random.default_rng(0).random(2000)
    answers = np.where((labels == sad) & (chance < 0.7), neutral, labels)
    assert check_labels(labels, answers, FER2013_LABELS)["better_permutation"] is None


def test_a_handful_of_pictures_breaks_nothing() -> None:
    for count in (1, 2, 3):
        labels = np.arange(count)
        assert check_labels(labels, labels, ABC)["better_shift"] is None
