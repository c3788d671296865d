"""Define the recipes of `python -m train.recipe`: teachers and a student distilled from them.

    python -m train.recipe product --data DIR --photos DIR --photos DIR --unlabelled DIR \
        --face-weights FILE --imagenet-weights FILE --out runs/product
    python -m train.recipe fine-tune --data DIR --photos DIR --photos DIR --unlabelled DIR

`product` is the recipe of the next model from random weights; it needs an accelerator and has not
been trained to its end yet. Its teachers differ in their initialization, because an ensemble of
similar networks gains little: `plain`, a residual network of 8 M parameters, with random weights;
`face` with dlib's face recognition weights; `lite` with EfficientNet-Lite0's ImageNet weights. The
student starts with random weights.

`fine-tune` is for two CPU cores: it continues the training of the published model, with unlabelled
photographs whose targets are its own calibrated predictions. 33 minutes with bfloat16;
PublicTest, flip averaged and int8, .6966 by FER2013 and .8809 by FER+ (experiments/037: not
shipped).
"""

from dataclasses import dataclass, field, replace

from train.errors import SettingError
from train.recipes.config import AugmentationConfig, NetworkShape, TrainConfig, override
from train.recipes.presets import PRESETS

DLIB = "face"  # dlib's face recognition weights, as initial weights: --face-weights
IMAGENET = "imagenet"  # EfficientNet-Lite0's ImageNet weights: --imagenet-weights
PUBLISHED = "published"  # the model that models/ holds


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network whose predictions are distilled into the student."""

    config: TrainConfig = field(default_factory=TrainConfig)
    # Initial weights: `DLIB`, `IMAGENET`, or "" for random ones; a teacher without its file of
    # weights is left out. `PUBLISHED`: the published model, not trained further.
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Configs from data to a model.

    The teachers' predictions for unlabelled faces are calibrated on the photographs, with a uniform
    prior.
    """

    teachers: dict[str, Teacher]  # by the name of their step
    student: TrainConfig  # of the run that learns from them
    views: int = 6  # augmented, that teachers predict beside a face and its mirror image
    student_weights: str = ""  # initial weights: `PUBLISHED`, or "" for random ones


# Degradations of photographs, and covered, cut off and blurred faces.
PHOTOGRAPHS = AugmentationConfig(
    erase_share=0.25,
    soften_share=0.3,
    light_share=0.3,
    noise_share=0.25,
    jpeg_share=0.25,
    contrast_share=0.2,
    cover_share=0.12,
    cut_share=0.08,
    motion_share=0.08,
)
COMMON = TrainConfig(averaging=0.998, fer2013_weight=1.0, augmentation=PHOTOGRAPHS)
TEACHER = replace(COMMON, passes=2, batch_size=128, dropout=0.3, mixup=0.2)
STUDENT = replace(COMMON, prior_adjustment=1.0)

RECIPES = {
    "product": Recipe(
        teachers={
            "plain": Teacher(
                replace(
                    TEACHER,
                    network="plain",
                    shape=NetworkShape(width=64, stages=4, depth=1, residual=True, squeeze=8),
                    epochs=30,
                    passes=3,
                    batch_size=256,
                    learning_rate=0.15,
                    seed=21,
                )
            ),
            "face": Teacher(
                replace(TEACHER, network="face_resnet", epochs=15, learning_rate=0.04, seed=22),
                weights=DLIB,
            ),
            "lite": Teacher(
                replace(
                    TEACHER,
                    network="efficientnet_lite0",
                    frozen_epochs=1,
                    fine_tuning_rate=0.5,
                    epochs=16,
                    learning_rate=0.08,
                    warmup_epochs=0.5,
                    seed=23,
                ),
                weights=IMAGENET,
            ),
        },
        student=replace(
            STUDENT,
            network="plain",
            shape=NetworkShape(width=60, stages=4, depth=2),
            epochs=50,
            passes=3,
            batch_size=256,
            learning_rate=0.15,
            dropout=0.2,
            teacher_share=0.6,
            temperature=2.0,
            unlabelled_share=0.2,
            seed=31,
        ),
    ),
    "fine-tune": Recipe(
        teachers={PUBLISHED: Teacher(weights=PUBLISHED)},
        student=replace(
            STUDENT,
            network="wide",
            epochs=6,
            batch_size=128,
            learning_rate=0.02,
            warmup_epochs=0.3,
            dropout=0.25,
            teacher_share=0.4,
            unlabelled_share=0.25,
            seed=41,
        ),
        student_weights=PUBLISHED,
    ),
    # python -m train.recipe smoke --smoke: all steps on synthetic faces, scores mean nothing.
    "smoke": Recipe(
        teachers={"plain": Teacher(replace(PRESETS["smoke"], epochs=2, averaging=0.9, mixup=0.2))},
        student=replace(
            PRESETS["smoke"],
            epochs=2,
            teacher_share=0.5,
            temperature=2.0,
            unlabelled_share=0.25,
            prior_adjustment=1.0,
        ),
        views=1,
    ),
}


def adjust(recipe: Recipe, setting: str) -> Recipe:
    """Return the recipe with one field of a step's config changed.

    Args:
        recipe: to start from; not touched.
        setting: `student.FIELD=VALUE`, or the name of a teacher instead of `student`.

    Raises:
        SettingError: there is no such step or field, or its value is of another type or range.
    """
    name, _, rest = setting.partition(".")
    if name == "student":
        return replace(recipe, student=override(recipe.student, rest))
    if name not in recipe.teachers:
        known = ", ".join(["student", *recipe.teachers])
        raise SettingError(f"there is no step {name!r} to set; name one of {known}.")
    teacher = recipe.teachers[name]
    changed = replace(teacher, config=override(teacher.config, rest))
    return replace(recipe, teachers={**recipe.teachers, name: changed})
