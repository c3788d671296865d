"""How the learning rate goes, and when a run ends early: out of config and history alone.

Nothing else is remembered, so that a killed run goes on exactly as it would have.
"""

from collections.abc import Sequence
from typing import Any

from train.recipes.config import TrainConfig


def phase_of(config: TrainConfig, epoch: int) -> range:
    """The epochs, from 0, that share one optimizer: before or after the trunk thaws."""
    if epoch < config.frozen_epochs:
        return range(min(config.frozen_epochs, config.epochs))
    return range(config.frozen_epochs, config.epochs)


def peak_rate(config: TrainConfig, epoch: int) -> float:
    """The learning rate at which an epoch's phase begins, or peaks after its warm-up."""
    thawed = 0 < config.frozen_epochs <= epoch
    return config.learning_rate * (config.fine_tuning_rate if thawed else 1.0)


def plateau_rate(config: TrainConfig, history: Sequence[dict[str, Any]]) -> float:
    """The rate of the next epoch: reduced as often as the score stood still for a while.

    Waiting begins again with a reduction, and with a phase.
    """
    epoch = len(history)
    rate, best, waited = peak_rate(config, epoch), float("-inf"), 0
    for row in history[phase_of(config, epoch).start :]:
        waited = 0 if row["score"] > best else waited + 1
        best = max(best, row["score"])
        if waited == config.plateau_patience:
            rate, waited = rate * config.plateau_factor, 0
    return rate


def has_stopped(config: TrainConfig, history: Sequence[dict[str, Any]]) -> bool:
    """Whether the best score is so many epochs old that no more are run."""
    if not config.early_stopping or len(history) <= config.early_stopping:
        return False
    scores = [row["score"] for row in history]
    return len(scores) - 1 - scores.index(max(scores)) >= config.early_stopping
