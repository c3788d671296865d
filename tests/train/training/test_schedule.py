import pytest

from train.recipes.config import TrainConfig
from train.training.schedule import has_stopped, peak_rate, phase_of, plateau_rate


def history(*scores: float) -> list[dict[str, float]]:
    return [{"score": score} for score in scores]


PLATEAU = TrainConfig(
    schedule="plateau", learning_rate=0.8, plateau_patience=2, plateau_factor=0.5, epochs=20
)


@pytest.mark.parametrize(
    ("scores", "rate"),
    [
        ((), 0.8),
        ((0.1, 0.2, 0.3), 0.8),
        ((0.3, 0.2), 0.8),
        ((0.3, 0.2, 0.3), 0.4),  # an equal score is no better one
        ((0.3, 0.2, 0.3, 0.1), 0.4),  # waiting begins again
        ((0.3, 0.2, 0.3, 0.1, 0.1), 0.2),
        ((0.3, 0.2, 0.4, 0.1), 0.8),
    ],
)
def test_the_rate_falls_where_the_score_stands_still(
    scores: tuple[float, ...], rate: float
) -> None:
    assert plateau_rate(PLATEAU, history(*scores)) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("scores", "stopped"),
    [((), False), ((0.3, 0.2), False), ((0.3, 0.2, 0.1), True), ((0.3, 0.2, 0.4), False),
     ((0.1, 0.3, 0.3, 0.3), True)],
)  # fmt: skip
def test_a_run_ends_when_its_best_score_is_old(scores: tuple[float, ...], stopped: bool) -> None:
    assert has_stopped(TrainConfig(early_stopping=2), history(*scores)) == stopped
    assert not has_stopped(TrainConfig(early_stopping=0), history(*scores))


def test_a_trunk_that_thaws_begins_a_phase_with_a_lower_rate() -> None:
    config = TrainConfig(epochs=7, frozen_epochs=3, learning_rate=0.1, fine_tuning_rate=0.2)
    assert [phase_of(config, epoch) for epoch in (0, 2, 3, 6)] == [
        range(3), range(3), range(3, 7), range(3, 7),
    ]  # fmt: skip
    assert [peak_rate(config, epoch) for epoch in (0, 2, 3)] == pytest.approx([0.1, 0.1, 0.02])
    assert phase_of(TrainConfig(epochs=7), 5) == range(7)
    assert phase_of(TrainConfig(epochs=2, frozen_epochs=3), 1) == range(2)


def test_waiting_begins_again_when_the_trunk_thaws() -> None:
    config = TrainConfig(
        schedule="plateau", plateau_patience=2, epochs=9, frozen_epochs=3, learning_rate=1.0
    )
    assert plateau_rate(config, history(0.9, 0.1, 0.1)) == pytest.approx(0.1)
    assert plateau_rate(config, history(0.9, 0.1, 0.1, 0.2, 0.3)) == pytest.approx(0.1)
