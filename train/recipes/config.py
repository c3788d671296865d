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
    """The size of a `plain` network.

    Attributes:
        width: channels of the first stage; each further one has twice as many.
        stages: number of stages, each at half the side of the one before.
        depth: convolutions of a stage, or residual blocks of two, after one convolution.
        residual: blocks whose input is added to their output (He et al. 2016).
        squeeze: reduction ratio of squeeze-and-excitation gates (Hu et al. 2018); 0 for none.
    """

    width: int = 44
    stages: int = 4
    depth: int = 2
    residual: bool = False
    squeeze: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "stages", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.squeeze < 0:
            raise ValueError(f"squeeze must be 0 or more, got {self.squeeze}.")


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Ranges of the augmentation. Lengths are fractions of the image's side.

    Attributes:
        rotation: largest rotation in either direction, in degrees.
        scale: largest relative change of size in either direction.
        shift: largest shift along each axis.
        gamma: range of the exponent on brightness, log-uniform.
        gamma_share: share of the faces with such a change.
        contrast: range of the factor on contrast, around the middle grey.
        contrast_share: share of the faces with such a change.
        erase_share: share of the faces with an erased rectangle.
        erase_area: smallest and largest area of that rectangle.
        soften_share: share of the faces with reduced resolution, like small photographs.
        light_share: share of the faces that are lit from one side.
        light: largest relative loss of light on the dark side.
        noise_share: share of the faces with sensor noise.
        noise: its largest standard deviation, in grey levels.
        jpeg_share: share of the faces that are compressed as JPEG.
        jpeg_quality: lowest and highest quality.
        cover_share: share of the faces that are covered by a mask, a hand or dark glasses.
        cut_share: share of the faces that are cut off, with the edge replicated.
        cut: smallest and largest part of the side that is cut off.
        motion_share: share of the faces that are blurred by motion.
        motion: longest path of that motion.
        flatten: smoothing of the targets of occluded faces: if a share h of the expression is
            covered, cut off or blurred, min(1, flatten * h) of the target is uniform.
    """

    rotation: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    gamma: tuple[float, float] = (0.6, 1.6)
    gamma_share: float = 0.5
    contrast: tuple[float, float] = (0.6, 1.4)
    contrast_share: float = 0.0
    erase_share: float = 0.4
    erase_area: tuple[float, float] = (0.02, 0.20)
    soften_share: float = 0.1
    light_share: float = 0.0
    light: float = 0.6
    noise_share: float = 0.0
    noise: float = 12.0
    jpeg_share: float = 0.0
    jpeg_quality: tuple[int, int] = (25, 90)
    cover_share: float = 0.0
    cut_share: float = 0.0
    cut: tuple[float, float] = (0.15, 0.55)
    motion_share: float = 0.0
    motion: float = 0.25
    flatten: float = 1.0

    @property
    def hides(self) -> bool:
        """Whether the augmentation may hide part of the expression and smooth the targets."""
        return self.flatten > 0 and bool(self.cover_share or self.cut_share or self.motion_share)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that determines a run, apart from the data.

    Attributes:
        network: a key of `train.networks.build.NETWORKS`.
        shape: of the network `plain`; the others have their own.
        frozen_epochs: number of epochs in which all but the heads is frozen.
        fine_tuning_rate: factor on `learning_rate` after these.
        frozen_stages: number of stages of a pretrained network that stay frozen.
        faces: number of training faces, sampled at random; 0 for all.
        emotions: train and evaluate on faces with these labels only; empty for all.
        epochs: largest number of epochs; after each the network is evaluated and saved.
        passes: over the training faces in an epoch; more than 1 where evaluating and saving take
            longer than a pass, as on an accelerator.
        early_stopping: epochs without a better score after which a run ends; 0 for never.
        batch_size: faces a step; an incomplete last batch is left out.
        optimizer: `sgd` with Nesterov momentum, or `adam`.
        learning_rate: the highest; see `schedule`.
        schedule: `cosine` decays to 0 after a linear warm-up; `plateau` multiplies by
            `plateau_factor` after `plateau_patience` epochs without a better score; `constant`.
        warmup_epochs: length of the warm-up.
        plateau_patience: epochs, 1 or more.
        plateau_factor: 0..1.
        momentum: Nesterov momentum of SGD.
        l2: L2 penalty on kernels.
        dropout: rate before the heads; that of other layers is up to the network.
        averaging: decay, such as 0.999, of an exponential moving average of the weights, which is
            then evaluated and saved; 0 for none.
        ferplus_weight: weight of the loss on FER+ votes.
        fer2013_weight: weight of the loss on FER2013 labels.
        votes: targets of the FER+ head: vote `shares`, or the `majority` alone.
        class_weights: `balanced` weights every FER2013 class the same; `none`.
        label_smoothing: of the FER2013 labels; the vote shares are soft already.
        teacher_share: weight of the teachers' predictions in the loss, 0..1 (Hinton et al. 2015,
            "Distilling the knowledge in a neural network"); more than 0 needs teachers.
        temperature: of the distillation, above 0.
        unlabelled_share: share of faces without labels in each batch, whose targets are the
            teachers' alone, 0..1; more than 0 needs such faces and teachers.
        prior_adjustment: logit adjustment of unlabelled faces from the dataset's prior to a
            uniform one (Menon et al. 2021), from 0, none, to 1, full.
        mixup: parameter of its Beta distribution (Zhang et al. 2018; 0.2 is usual); 0 for none.
        cleaning: handling of copies and non-faces, one of `train.data.label_faults.MODES`; all but
            `none` need the results of `python -m train.clean`. Images that are no face by votes are
            never trained on.
        precision: Keras dtype policy, or `auto`; see `train.training.precision`.
        seed: of weights, order and augmentation.
        augmentation: random changes of the training faces.
        preprocessing: from a face to the network's input; saved with the model.
    """

    network: str = "vgg"
    shape: NetworkShape = field(default_factory=NetworkShape)
    frozen_epochs: int = 0
    fine_tuning_rate: float = 0.1
    frozen_stages: int = 0
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
