"""Small tables of drawn faces to train on."""

import numpy as np

from train.data.synthetic import draw_face
from train.inputs.batches import TrainingTable
from train.networks.blocks import HEADS
from train.recipes.config import AugmentationConfig

STILL = AugmentationConfig(
    rotation=0, scale=0, shift=0, gamma_share=0, erase_share=0, soften_share=0
)
"""Nothing but flips."""


def few_faces(count: int = 16) -> TrainingTable:
    """So many happy faces with even targets."""
    rng = np.random.default_rng(0)
    faces = np.stack([draw_face("happy", rng) for _ in range(count)])
    targets = np.full((count, sum(HEADS.values())), 1 / sum(HEADS.values()), np.float32)
    return TrainingTable(faces, targets, count)
