"""Define the presets of training runs: `python -m train.fit --preset NAME`.

A preset's comment states its command, time and score.
"""

from dataclasses import replace

from train.recipes.config import AugmentationConfig, TrainConfig

# The predecessors' optimizer and loss.
PREDECESSOR = TrainConfig(optimizer="adam", learning_rate=1e-3, l2=0.0, fer2013_weight=1.0)

PRESETS = {
    # python -m train.fit --data DIR: 70 minutes on two cores of an AMD EPYC with other work beside;
    # with flip averaging PublicTest .668 by FER2013 and .870 by FER+, PrivateTest .683 and .861.
    "base": TrainConfig(),
    # python -m train.fit --data DIR --preset continued --init runs/base: 29 minutes more;
    # PublicTest .675 and .874, PrivateTest .694 and .866.
    "continued": TrainConfig(epochs=14, learning_rate=0.03, warmup_epochs=0.5),
    # python -m train.fit --data DIR --preset photo --init runs/continued: with degradations of
    # photographs, 52 minutes; .680 and .874 on PublicTest, without flip averaging.
    "photo": TrainConfig(
        epochs=16,
        learning_rate=0.03,
        warmup_epochs=0.5,
        augmentation=AugmentationConfig(
            erase_share=0.25, soften_share=0.25, light_share=0.3, noise_share=0.25, jpeg_share=0.25
        ),
    ),
    # python -m train.fit --data DIR --preset probe --set KEY=VALUE --out runs/probe-x: a short run
    # of a small network, to compare one change at equal seed and budget, 66 minutes with other work
    # beside; .633 and .841. See docs/robustness.md.
    "probe": TrainConfig(network="small", epochs=15, dropout=0.2),
    # The predecessors' networks, by our protocol: python -m train.fit --data DIR --preset NAME.
    # Scores are of PublicTest with flip averaging, by FER2013 and by FER+; train/README.md has all.
    # predecessor-a: 38 minutes with other work beside; .604 and .812.
    "predecessor-a": replace(PREDECESSOR, network="predecessor_a", epochs=15, dropout=0.3),
    # predecessor-b: 20 minutes; .616 and .827.
    "predecessor-b": replace(
        PREDECESSOR, network="predecessor_b", epochs=15, learning_rate=5e-4, dropout=0.5
    ),
    # happy-sad: a minute; .909 of the happy and sad faces, where the shipped model has .99.
    "happy-sad": replace(
        PREDECESSOR, network="happy_sad", emotions=("happy", "sad"), epochs=20, dropout=0.0
    ),
    # The predecessor's transfer learning, on a network that two CPU cores can train: ImageNet's
    # weights, first the heads, then all of it; `python -m train.transfer --help` tells how its
    # start is made. Then python -m train.fit --data DIR --preset lite --init runs/lite-start.
    "lite": TrainConfig(
        network="efficientnet_lite0",
        frozen_epochs=1,
        fine_tuning_rate=0.5,
        epochs=8,
        learning_rate=0.04,
        warmup_epochs=0.3,
        dropout=0.3,
        averaging=0.998,
        fer2013_weight=1.0,
        precision="float32",  # depthwise convolutions are twice as slow in bfloat16 on a CPU
    ),
    # python -m train.fit --smoke: under a minute, scores mean nothing.
    "smoke": TrainConfig(
        network="tiny",
        epochs=6,
        batch_size=8,
        optimizer="adam",
        learning_rate=0.01,
        dropout=0.1,
        precision="float32",
    ),
}
