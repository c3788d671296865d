"""Runs the parts of `train.gap`, and reads the results of an earlier run."""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from train.artifacts.provenance import git_commit
from train.errors import DataError

PARTS = (
    "scenes", "strengths", "several", "small", "empty", "photographs", "rolls", "settings",
    "corruptions", "portraits",
)  # fmt: skip
NEEDS = {"press": ("photographs", "rolls", "settings"), "portraits": ("portraits",)}


def measure(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Measure the parts that `--only` names, by name, and with `--merge` keep the earlier others.

    Raises:
        DataError: data cannot be read, or the earlier result is of another model or split.
        ModelLoadError: the model cannot be loaded.
    """
    from fer_core.recognizer import EmotionRecognizer
    from train.data.fer2013 import load_splits
    from train.data.photographs import read_photographs, read_portraits
    from train.robustness import on_photographs as real
    from train.robustness import on_scenes as scenes
    from train.robustness.pipelines import OURS, build_pipelines

    recognizer = EmotionRecognizer.load(options.model)
    model, info = recognizer.model, recognizer.model.info
    split = "PrivateTest" if options.private else "PublicTest"
    earlier = read_earlier(options.out, split, info.version) if options.merge else {}
    press = read_photographs(options.press) if options.press else []
    portraits = read_portraits(options.portraits) if options.portraits else []
    print(f"reading {data}", flush=True)
    faces = scenes.known_faces(load_splits(data)[split])
    pipelines = build_pipelines(recognizer)
    ours, count = pipelines[OURS], options.scenes
    few = max(1, count // 4)
    wide = {"sizes": ((1280, 720), (1280, 960)), "heights": (48.0, 64.0)}
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "scenes": lambda: scenes.measure_scenes(model, pipelines, faces, count),
        "strengths": lambda: scenes.measure_strengths(model, pipelines, faces, few),
        "several": lambda: scenes.measure_several(ours, faces, few),
        "small": lambda: scenes.measure_several(ours, faces, max(1, count // 10), **wide),
        "empty": lambda: scenes.measure_empty(pipelines, 200),
        "corruptions": lambda: scenes.measure_corruptions(model, faces, 1000),
        "photographs": lambda: real.measure_photographs(recognizer, pipelines, press),
        "rolls": lambda: real.measure_rolls(recognizer, press),
        "settings": lambda: real.measure_photographs_in_scenes(recognizer, press),
        "portraits": lambda: real.measure_portraits(recognizer, portraits),
    }
    lacking = {part for folder, parts in NEEDS.items() if not getattr(options, folder)
               for part in parts}  # fmt: skip
    return {
        **earlier,
        "origin": {
            "model": info.name,
            "version": info.version,
            "commit": git_commit(),
            "date": datetime.now(UTC).date().isoformat(),
        },
        "split": split,
        **{part: runs[part]() for part in PARTS if part in options.only and part not in lacking},
    }


def read_earlier(folder: Path, split: str, version: str) -> dict[str, Any]:
    """Read the gap.json of an earlier run; return an empty dict if there is none.

    Raises:
        DataError: the file is malformed, or of another split or model version.
    """
    path = folder / "gap.json"
    if not path.exists():
        return {}
    try:
        earlier = dict(json.loads(path.read_text(encoding="utf-8")))
        before = (earlier["split"], earlier["origin"]["version"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not the gap.json of an earlier run; remove it.") from error
    if before != (split, version):
        raise DataError(
            f"the earlier gap.json is of {before[0]}, model {before[1]}, this run of {split}, "
            f"model {version}; use another --out."
        )
    return earlier
