"""Runs the parts of `train.gap`, and reads the results of an earlier run."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from train.errors import DataError

PARTS = (
    "scenes", "strengths", "several", "small", "empty", "photographs", "rolls", "settings",
    "corruptions", "portraits",
)  # fmt: skip
NEEDS = {"press": ("photographs", "rolls", "settings"), "portraits": ("portraits",)}


def measure(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Measure the parts that `--only` names, by name.

    Raises:
        DataError: data cannot be read.
        ModelLoadError: the model cannot be loaded.
    """
    from fer_core.recognizer import EmotionRecognizer
    from train.data.fer2013 import load_splits
    from train.data.photographs import read_photographs, read_portraits
    from train.robustness import on_photographs as real
    from train.robustness import on_scenes as scenes
    from train.robustness.pipelines import OURS, build_pipelines

    press = read_photographs(options.press) if options.press else []
    portraits = read_portraits(options.portraits) if options.portraits else []
    print(f"reading {data}", flush=True)
    split = "PrivateTest" if options.private else "PublicTest"
    dataset = load_splits(data)[split]
    faces, _ = scenes.ceiling_faces(dataset)
    recognizer = EmotionRecognizer.load(options.model)
    pipelines = build_pipelines(recognizer)
    ours, count = pipelines[OURS], options.scenes
    few = max(1, count // 4)
    wide = {"sizes": ((1280, 720), (1280, 960)), "heights": (48.0, 64.0)}
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "scenes": lambda: scenes.measure_scenes(recognizer, pipelines, faces, count),
        "strengths": lambda: scenes.measure_strengths(recognizer, pipelines, faces, few),
        "several": lambda: scenes.measure_several(ours, faces, few),
        "small": lambda: scenes.measure_several(ours, faces, max(1, count // 10), **wide),
        "empty": lambda: scenes.measure_empty(pipelines, 200),
        "corruptions": lambda: scenes.measure_corruptions(recognizer.model, dataset, 1000),
    }
    if press:
        runs |= {
            "photographs": lambda: real.measure_photographs(recognizer, pipelines, press),
            "rolls": lambda: real.measure_rolls(recognizer, press),
            "settings": lambda: real.measure_photographs_in_scenes(recognizer, press),
        }
    if portraits:
        runs["portraits"] = lambda: real.measure_portraits(recognizer, portraits)
    info = recognizer.model.info
    result: dict[str, Any] = {"origin": {"model": info.name, "version": info.version}}
    result["split"] = split
    return result | {part: runs[part]() for part in PARTS if part in runs and part in options.only}


def read_earlier(path: Path) -> dict[str, Any]:
    """Read the gap.json of an earlier run; return an empty dict if there is none.

    Raises:
        DataError: the file is malformed.
    """
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is not the gap.json of an earlier run; remove it.") from error


def need_same_model(earlier: dict[str, Any], result: dict[str, Any]) -> None:
    """Check that an earlier result has the same split and model version.

    Raises:
        DataError: it has another.
    """
    before = (earlier.get("split"), earlier.get("origin", {}).get("version"))
    now = (result["split"], result["origin"]["version"])
    if earlier and before != now:
        raise DataError(
            f"the earlier gap.json is of {before[0]}, model {before[1]}, this run of {now[0]}, "
            f"model {now[1]}; use another --out."
        )
