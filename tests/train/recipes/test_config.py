import json
import shlex
from typing import Any

import pytest

from train.fit import _parse, describe_command
from train.recipes.config import TrainConfig, override
from train.recipes.presets import PRESETS


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("epochs=3", "epochs", 3),
        ("learning_rate=0.5", "learning_rate", 0.5),
        ("learning_rate=1", "learning_rate", 1.0),
        ("l2=1e-3", "l2", 0.001),
        ("network=tiny", "network", "tiny"),
        ('network="tiny"', "network", "tiny"),
        ("network= a word ", "network", " a word "),
        (" seed =7", "seed", 7),
        ("augmentation.rotation=30", "augmentation.rotation", 30.0),
        ("augmentation.gamma=[0.5, 2.0]", "augmentation.gamma", (0.5, 2.0)),
        ("augmentation.jpeg_quality=[10, 20]", "augmentation.jpeg_quality", (10, 20)),
        ("preprocessing.crop_size=64", "preprocessing.crop_size", 64),
        ("preprocessing.interpolation=cubic", "preprocessing.interpolation", "cubic"),
    ],
)
def test_one_field_changes_and_no_other(setting: str, path: str, value: object) -> None:
    before = TrainConfig()
    flat, changed = flatten(before.to_dict()), flatten(override(before, setting).to_dict())
    assert {name for name in flat if changed[name] != flat[name]} == {path}
    assert changed[path] == value
    assert type(changed[path]) is type(value)
    assert before == TrainConfig()


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, dict)
        flat |= flatten(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat


def test_a_preset_keeps_what_is_not_named() -> None:
    changed = override(PRESETS["photo"], "augmentation.jpeg_share=0.5")
    assert changed.epochs == PRESETS["photo"].epochs
    assert changed.augmentation.light_share == PRESETS["photo"].augmentation.light_share


@pytest.mark.parametrize(
    "setting",
    [
        "epoch=3",
        "augmentation.rotate=3",
        "augment.rotation=3",
        "network.rotation=3",
        "augmentation.rotation.x=3",
        "rotation=3",
        ".epochs=3",
        "to_dict=3",
        "=3",
    ],
)
def test_an_unknown_name_is_told(setting: str) -> None:
    name = setting.partition("=")[0]
    with pytest.raises(ValueError, match=f"there is no setting '{name}'; write FIELD=VALUE"):
        override(TrainConfig(), setting)


def test_a_setting_without_a_value_is_told() -> None:
    with pytest.raises(ValueError, match="write FIELD=VALUE"):
        override(TrainConfig(), "epochs")


@pytest.mark.parametrize(
    "setting",
    [
        "epochs=many",
        "epochs=",
        "epochs=2.5",
        "epochs=true",
        "learning_rate=true",
        "learning_rate=fast",
        "network=5",
        "augmentation.gamma=0.5",
        "augmentation=5",
        'augmentation={"rotation": 5}',
    ],
)
def test_a_value_of_another_type_is_told_with_an_example(setting: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(ValueError, match=f"^{name} must look like .*, got '{value}'"):
        override(TrainConfig(), setting)


def test_a_value_that_the_spec_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="crop_size must be within"):
        override(TrainConfig(), "preprocessing.crop_size=1")


@pytest.mark.parametrize(
    "setting",
    [
        "augmentation.gamma=[0.5]",
        "augmentation.gamma=[]",
        'augmentation.gamma=["a", "b"]',
        "augmentation.jpeg_quality=[10.5, 20]",
    ],
)
def test_a_list_of_other_things_is_told(setting: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        override(TrainConfig(), setting)


def test_lists_within_lists_become_tuples_too() -> None:
    config = TrainConfig()
    points = json.dumps(config.preprocessing.keypoints)
    assert override(config, f"preprocessing.keypoints={points}") == config


def test_the_command_of_a_run_names_its_settings() -> None:
    words = ["--smoke", "--set", "epochs=2", "--set", "augmentation.light_share=1", "--seed", "3"]
    command = "python -m train.fit --smoke --set epochs=2 --set augmentation.light_share=1 --seed 3"
    assert describe_command(_parse(words)) == command


def test_the_command_of_a_run_can_be_typed_again() -> None:
    words = ["--smoke", "--set", "augmentation.gamma=[0.5, 2.0]"]
    assert shlex.split(describe_command(_parse(words)))[3:] == words
