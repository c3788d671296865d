"""Draw a preview of the augmentation, to check it before a long run."""

import numpy as np

from fer_core.preprocessing import UInt8Array
from train.data.dataset import Dataset
from train.inputs.augmentation import augment, draw_uniform
from train.inputs.standardization import prepare_training_faces
from train.recipes.config import TrainConfig

FACES, CHANGES = 8, 9  # rows, and augmented columns, of the sheet
ZOOM, GAP = 2, 4  # pixels of the sheet for one of a face; pixels between faces
WHITE = 255


def draw_samples(faces: Dataset, config: TrainConfig) -> UInt8Array:
    """Draw original faces in the first column, and augmented copies beside them.

    Args:
        faces: to train on; eight are sampled with the run's seed.
        config: with augmentation and filters; mixup is left out.

    Returns:
        (H, W) uint8 grey.
    """
    from keras import ops

    rng = np.random.default_rng(config.seed)
    rows = rng.permutation(len(faces))[:FACES]
    plain = prepare_training_faces(faces.faces[rows], config.preprocessing)
    levels = plain.astype(np.float32)
    columns = [plain]
    for _ in range(CHANGES):
        changed, _ = augment(levels, draw_uniform(rng, len(rows)), config.augmentation)
        columns.append(ops.convert_to_numpy(changed).astype(np.uint8))
    tiles = np.stack(columns, axis=1).repeat(ZOOM, axis=2).repeat(ZOOM, axis=3)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (GAP, 0), (GAP, 0)), constant_values=WHITE)
    return np.block([list(row) for row in tiles])
