"""Compute the learning rate and early stopping, from config and history alone.

There is no other state, so that a resumed run continues exactly as it would have.
"""

from collections.abc import Sequence
from typing import Any

from train.recipes.config import TrainConfig


def phase_of(config: TrainConfig, epoch: int) -> range:
    """Return the epochs, from 0, that share an optimizer: before or after unfreezing the trunk."""
    if epoch < config.frozen_epochs:
        return range(min(config.frozen_epochs, config.epochs))
    return range(config.frozen_epochs, config.epochs)


def peak_rate(config: TrainConfig, epoch: int) -> float:
    """Return the initial learning rate of an epoch's phase, or its peak after the warm-up."""
    thawed = 0 < config.frozen_epochs <= epoch
    return config.learning_rate * (config.fine_tuning_rate if thawed else 1.0)


def plateau_rate(config: TrainConfig, history: Sequence[dict[str, Any]]) -> float:
    """Return the next epoch's rate, reduced each time the score stopped improving.

    The patience starts anew with a reduction, and with a phase.
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
    """Return whether the best score is `early_stopping` epochs old."""
    if not config.early_stopping or len(history) <= config.early_stopping:
        return False
    scores = [row["score"] for row in history]
    return len(scores) - 1 - scores.index(max(scores)) >= config.early_stopping
