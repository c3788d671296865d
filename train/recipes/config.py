"""Configure a training run: all that determines it, apart from the data."""

import json
import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

from fer_core.emotions import FER2013_LABELS
from fer_core.preprocessing import PreprocessingSpec
from train.errors import SettingError

CHOICES = {
    "optimizer": ("sgd", "adam"),
    "schedule": ("cosine", "plateau", "constant"),
    "votes": ("shares", "majority"),
    "class_weights": ("none", "balanced"),
    "precision": ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
}


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """The size of a `plain` network."""

    width: int = 44  # channels of the first stage; each further one has twice as many
    stages: int = 4  # each at half the side of the one before
    depth: int = 2  # convolutions of a stage, or residual blocks of two, after one convolution
    residual: bool = False  # blocks whose input is added to their output (He et al. 2016)
    # Reduction ratio of squeeze-and-excitation gates (Hu et al. 2018); 0 for none.
    squeeze: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "stages", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.squeeze < 0:
            raise ValueError(f"squeeze must be 0 or more, got {self.squeeze}.")


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Ranges of the augmentation.

    A `_share` is that of the faces with such a change; lengths are fractions of the image's side.
    """

    rotation: float = 15.0  # largest rotation in either direction, in degrees
    scale: float = 0.15  # largest relative change of size in either direction
    shift: float = 0.08  # largest shift along each axis
    gamma: tuple[float, float] = (0.6, 1.6)  # range of the exponent on brightness, log-uniform
    gamma_share: float = 0.5
    contrast: tuple[float, float] = (0.6, 1.4)  # range of the factor, around the middle grey
    contrast_share: float = 0.0
    erase_share: float = 0.4  # with an erased rectangle
    erase_area: tuple[float, float] = (0.02, 0.20)  # its smallest and largest area
    soften_share: float = 0.1  # with reduced resolution, like small photographs
    light_share: float = 0.0  # lit from one side
    light: float = 0.6  # largest relative loss of light on the dark side
    noise_share: float = 0.0  # with sensor noise
    noise: float = 12.0  # its largest standard deviation, in grey levels
    jpeg_share: float = 0.0  # compressed as JPEG
    jpeg_quality: tuple[int, int] = (25, 90)  # lowest and highest
    cover_share: float = 0.0  # covered by a mask, a hand or dark glasses
    cut_share: float = 0.0  # cut off, with the edge replicated
    cut: tuple[float, float] = (0.15, 0.55)  # smallest and largest part of the side cut off
    motion_share: float = 0.0  # blurred by motion
    motion: float = 0.25  # longest path of that motion
    # Smoothing of the targets of occluded faces: if a share h of the expression is covered, cut off
    # or blurred, min(1, flatten * h) of the target is uniform.
    flatten: float = 1.0

    @property
    def hides(self) -> bool:
        """Whether the augmentation may hide part of the expression and smooth the targets."""
        return self.flatten > 0 and bool(self.cover_share or self.cut_share or self.motion_share)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that determines a run, apart from the data."""

    network: str = "vgg"  # a key of `train.networks.build.NETWORKS`
    shape: NetworkShape = field(default_factory=NetworkShape)  # of `plain`; others have their own
    frozen_epochs: int = 0  # in which only the heads learn
    fine_tuning_rate: float = 0.1  # factor on `learning_rate` after these
    frozen_stages: int = 0  # of a pretrained network, that stay frozen
    faces: int = 0  # training faces, sampled at random; 0 for all
    emotions: tuple[str, ...] = ()  # train and evaluate on these labels only; empty for all
    epochs: int = 28  # at most; after each the network is evaluated and saved
    # Over the training faces in an epoch; more than 1 where evaluating and saving take longer than
    # a pass, as on an accelerator.
    passes: int = 1
    early_stopping: int = 0  # epochs without a better score after which a run ends; 0 for never
    batch_size: int = 64  # faces a step; an incomplete last batch is left out
    optimizer: str = "sgd"  # with Nesterov momentum; or `adam`
    learning_rate: float = 0.06  # the highest; see `schedule`
    # `cosine` decays to 0 after a linear warm-up; `plateau` multiplies by `plateau_factor` after
    # `plateau_patience` epochs without a better score; `constant`.
    schedule: str = "cosine"
    warmup_epochs: float = 1.0
    plateau_patience: int = 3  # epochs
    plateau_factor: float = 0.5
    momentum: float = 0.9
    l2: float = 2.5e-4  # L2 penalty on kernels
    dropout: float = 0.4  # rate before the heads; that of other layers is up to the network
    # Decay, such as 0.999, of an exponential moving average of the weights, which is then evaluated
    # and saved; 0 for none.
    averaging: float = 0.0
    ferplus_weight: float = 1.0  # of the loss on FER+ votes
    fer2013_weight: float = 0.6  # of the loss on FER2013 labels
    votes: str = "shares"  # targets of the FER+ head: vote `shares`, or the `majority` alone
    class_weights: str = "none"  # or `balanced`, which weights every FER2013 class the same
    label_smoothing: float = 0.1  # of the FER2013 labels; the vote shares are soft already
    # Weight of the teachers' predictions in the loss, 0..1 (Hinton et al. 2015, "Distilling the
    # knowledge in a neural network"); more than 0 needs teachers.
    teacher_share: float = 0.0
    temperature: float = 1.0  # of the distillation, above 0
    # Share of faces without labels in each batch, whose targets are the teachers' alone, 0..1; more
    # than 0 needs such faces and teachers.
    unlabelled_share: float = 0.0
    # Logit adjustment of unlabelled faces from the dataset's prior to a uniform one (Menon et al.
    # 2021), from 0, none, to 1, full.
    prior_adjustment: float = 0.0
    mixup: float = 0.0  # parameter of its Beta distribution (Zhang et al. 2018; 0.2 is usual)
    # Handling of copies and non-faces, one of `train.data.label_faults.MODES`; all but `none` need
    # the results of `python -m train.clean`. Images that are no face by votes are never trained on.
    cleaning: str = "none"
    precision: str = "auto"  # Keras dtype policy, or `auto`; see `train.training.precision`
    seed: int = 1  # of weights, order and augmentation
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    # From a face to the network's input; saved with the model.
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
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be above 0, got {self.temperature}.")
        for name in ("epochs", "passes", "batch_size", "plateau_patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        least_zero = (
            "faces", "frozen_epochs", "frozen_stages", "early_stopping", "mixup", "seed",
            "warmup_epochs", "l2", "ferplus_weight", "fer2013_weight", "prior_adjustment",
            "learning_rate", "fine_tuning_rate",
        )  # fmt: skip
        for name in least_zero:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        shares = (
            "teacher_share", "unlabelled_share", "plateau_factor", "averaging", "momentum",
            "dropout", "label_smoothing",
        )  # fmt: skip
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, got {getattr(self, name)}.")

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values, for config.json and model.json."""
        return asdict(self)


def override(config: TrainConfig, setting: str) -> TrainConfig:
    """Return the config with one field changed.

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
    except ValueError as error:  # from the config's own checks
        raise SettingError(str(error)) from error


def _names(owner: Any) -> set[str]:
    return {field.name for field in fields(owner)} if is_dataclass(owner) else set()


def _like(old: Any, value: Any) -> Any:
    """Convert a value to the type of the old one; None if its shape or type differs."""
    if isinstance(old, tuple) and isinstance(value, list):
        if all(isinstance(item, str) for item in (*old, *value)):
            return tuple(value)  # a list of names may have any length
        items = tuple(map(_like, old, value)) if len(value) == len(old) else (None,)
        return None if None in items else items
    if isinstance(old, float) and type(value) is int:
        return float(value)
    return value if type(value) is type(old) else None
