"""What a training run is made of, and the runs that have a name.

A preset's comment says the command, the time and the score that it reached.
"""

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

from fer_core.emotions import FER2013_LABELS
from fer_core.preprocessing import PreprocessingSpec
from train.augmentation import AugmentationConfig
from train.errors import SettingError
from train.networks import NetworkShape

CHOICES = {
    "optimizer": ("sgd", "adam"),
    "schedule": ("cosine", "plateau", "constant"),
    "votes": ("shares", "majority"),
    "class_weights": ("none", "balanced"),
    "precision": ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides a run, apart from the data.

    Attributes:
        network: a key of `train.networks.NETWORKS`.
        shape: of the network `plain`; the others have their own.
        pretrained: for ResNet50, `imagenet` or a file with weights; random without.
        frozen_epochs: how many epochs a pretrained trunk stays as it is before its last blocks
            learn, too.
        fine_tuning_rate: times `learning_rate`, once they do.
        faces: train on so many only, drawn evenly at random; 0 for all.
        emotions: only faces that their labels call one of these train and choose; all when empty.
        epochs: how many, at most; after each the network is judged and saved.
        passes: over the training faces in an epoch; more than 1 where judging and saving take
            longer than a pass, as on an accelerator.
        early_stopping: epochs without a better score after which a run ends; 0 for never.
        batch_size: faces a step; a rest smaller than this is left out of the epoch.
        optimizer: `sgd` with Nesterov momentum, or `adam`.
        learning_rate: the highest; see `schedule`.
        schedule: `cosine` decays to 0 after a linear warm-up; `plateau` multiplies by
            `plateau_factor` after `plateau_patience` epochs without a better score; `constant`.
        warmup_epochs: length of the warm-up.
        plateau_patience: epochs, 1 or more.
        plateau_factor: 0..1.
        momentum: Nesterov momentum of SGD.
        l2: L2 penalty on kernels.
        dropout: rate before the heads; elsewhere as the network says.
        averaging: decay of an exponential moving average of the weights, which is then what is
            judged and saved (0.999 and the like); 0 for none.
        ferplus_weight: weight of the loss on FER+ votes.
        fer2013_weight: weight of the loss on FER2013 labels.
        votes: what the FER+ head learns: `shares`, or the `majority` alone.
        class_weights: `balanced` lets every FER2013 class count the same; `none`.
        label_smoothing: of the FER2013 labels; the vote shares are soft already.
        teacher_share: weight of the teachers' answers in the loss, 0..1 (Hinton et al. 2015,
            "Distilling the knowledge in a neural network"); more than 0 needs teachers.
        temperature: at which teachers' and network's answers are compared, above 0.
        unlabelled_share: share of each batch that are faces without labels, which learn from the
            teachers alone, 0..1; more than 0 needs such faces and teachers.
        prior_adjustment: how far the logits of unlabelled faces are moved from the dataset's prior
            to an even one before the loss (Menon et al. 2021), 0 not at all, 1 wholly.
        mixup: parameter of its Beta distribution (Zhang et al. 2018; 0.2 is usual); 0 for none.
        cleaning: what to do with copies and non-faces, one of `train.data.label_faults.MODES`; all
            but `none` need what `python -m train.clean` found. Pictures that are no face by votes
            never train.
        precision: Keras dtype policy, or `auto`: `mixed_bfloat16` on a GPU and on a CPU that
            multiplies it, `float32` elsewhere; see `train.precision`.
        seed: of weights, order and augmentation.
        augmentation: random changes of the training faces.
        preprocessing: how a face becomes the network's input, saved with the model.
    """

    network: str = "vgg"
    shape: NetworkShape = field(default_factory=NetworkShape)
    pretrained: str = ""
    frozen_epochs: int = 0
    fine_tuning_rate: float = 0.1
    faces: int = 0
    emotions: tuple[str, ...] = ()
    epochs: int = 28
    passes: int = 1
    early_stopping: int = 0
    batch_size: int = 64
    optimizer: str = "sgd"
    learning_rate: float = 0.06
    schedule: str = "cosine"
    warmup_epochs: float = 1.0
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    momentum: float = 0.9
    l2: float = 2.5e-4
    dropout: float = 0.4
    averaging: float = 0.0
    ferplus_weight: float = 1.0
    fer2013_weight: float = 0.6
    votes: str = "shares"
    class_weights: str = "none"
    label_smoothing: float = 0.1
    teacher_share: float = 0.0
    temperature: float = 1.0
    unlabelled_share: float = 0.0
    prior_adjustment: float = 0.0
    mixup: float = 0.0
    cleaning: str = "none"
    precision: str = "auto"
    seed: int = 1
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    preprocessing: PreprocessingSpec = field(default_factory=PreprocessingSpec)

    def __post_init__(self) -> None:
        self._check_ranges()
        if self.unlabelled_share and (self.unlabelled_share == 1 or not self.teacher_share):
            raise ValueError("unlabelled_share needs a teacher_share and must be below 1.")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}."
                )
        if unknown := set(self.emotions) - set(FER2013_LABELS):
            raise ValueError(
                f"emotions must be of {', '.join(FER2013_LABELS)}; got {', '.join(unknown)}."
            )

    def _check_ranges(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}.")
        for name in ("epochs", "passes", "batch_size", "plateau_patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        for name in ("faces", "frozen_epochs", "early_stopping", "mixup"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        for name in ("teacher_share", "unlabelled_share", "plateau_factor", "averaging"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, got {getattr(self, name)}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, nested, for config.json and model.json."""
        return asdict(self)


def override(config: TrainConfig, setting: str) -> TrainConfig:
    """The config with one field changed.

    Args:
        config: to start from; not touched.
        setting: `field=value` or `part.field=value`, the value as JSON or a bare word.

    Raises:
        SettingError: there is no such field, or its value is of another type or out of range.
    """
    path, separator, text = setting.partition("=")
    *parents, name = path.strip().split(".")
    owner: Any = config
    for parent in parents:
        owner = getattr(owner, parent) if parent in _names(owner) else None
    known = _names(owner)
    if not separator or name not in known or len(parents) > 1:
        raise SettingError(f"there is no setting {path!r}; write FIELD=VALUE, as in epochs=20.")
    old = getattr(owner, name)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    value = _like(old, value)
    if value is None:
        raise SettingError(
            f"{path} must look like {json.dumps(old, default=asdict)}, got {text!r}."
        )
    try:
        changed = replace(owner, **{name: value})
        return replace(config, **{parents[0]: changed}) if parents else changed
    except ValueError as error:  # what the config itself refuses
        raise SettingError(str(error)) from error


def _names(owner: Any) -> set[str]:
    return {field.name for field in fields(owner)} if is_dataclass(owner) else set()


def _like(old: Any, value: Any) -> Any:
    """The value in the type of the old one, or None when it has another shape or type."""
    names = isinstance(old, tuple) and all(isinstance(item, str) for item in old)
    if names and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)  # a list of names may have any length
    if isinstance(old, tuple) and isinstance(value, list) and len(value) == len(old):
        items = tuple(_like(one, other) for one, other in zip(old, value, strict=True))
        return None if None in items else items
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if type(value) is type(old) and not isinstance(old, tuple) else None


PRESETS = {
    # python -m train.fit --data DIR: 70 minutes on two cores of an AMD EPYC with other work beside;
    # with flip averaging PublicTest .668 by FER2013 and .870 by FER+, PrivateTest .683 and .861.
    "base": TrainConfig(),
    # python -m train.fit --data DIR --preset continued --init runs/base: 29 minutes more;
    # PublicTest .675 and .874, PrivateTest .694 and .866.
    "continued": TrainConfig(epochs=14, learning_rate=0.03, warmup_epochs=0.5),
    # python -m train.fit --data DIR --preset photo --init runs/continued: on with faults of
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
    # beside; .633 and .841. See docs/wall.md.
    "probe": TrainConfig(network="small", epochs=15, dropout=0.2),
    # The predecessors' networks, by our protocol: python -m train.fit --data DIR --preset NAME.
    # Scores are of PublicTest with flip averaging, by FER2013 and by FER+; train/README.md has all.
    # predecessor-a: 38 minutes with other work beside; .604 and .812.
    "predecessor-a": TrainConfig(
        network="predecessor_a",
        epochs=15,
        optimizer="adam",
        learning_rate=1e-3,
        l2=0.0,
        dropout=0.3,
        fer2013_weight=1.0,
    ),
    # predecessor-b: 20 minutes; .616 and .827.
    "predecessor-b": TrainConfig(
        network="predecessor_b",
        epochs=15,
        optimizer="adam",
        learning_rate=5e-4,
        l2=0.0,
        dropout=0.5,
        fer2013_weight=1.0,
    ),
    # happy-sad: a minute; .909 of the happy and sad faces, where the shipped model has .99.
    "happy-sad": TrainConfig(
        network="happy_sad",
        emotions=("happy", "sad"),
        epochs=20,
        optimizer="adam",
        learning_rate=1e-3,
        l2=0.0,
        dropout=0.0,
        fer2013_weight=1.0,
    ),
    # Half an hour for four epochs of 1,000 faces, beside other work; .369 FER+ from random weights,
    # which is what answering neutral always reaches. Add --set pretrained=imagenet where the
    # network allows, or a path, and --set frozen_epochs=3 for its trunk to stay frozen so long.
    "resnet50": TrainConfig(
        network="resnet50",
        faces=2000,
        epochs=5,
        batch_size=32,
        optimizer="adam",
        learning_rate=5e-4,
        l2=0.0,
        dropout=0.3,
        fer2013_weight=1.0,
        class_weights="balanced",
    ),
    # python -m train.fit --smoke: under a minute, scores mean nothing.
    "smoke": TrainConfig(
        network="tiny",
        epochs=5,
        batch_size=16,
        learning_rate=0.05,
        dropout=0.1,
        precision="float32",
    ),
}
