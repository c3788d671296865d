"""Measure the wall between dataset and internet: what is lost between a cut face and a picture.

    python -m train.gap --data DIR --press DIR --portraits DIR --out OUTDIR
    python -m train.gap --data DIR --out OUTDIR --only scenes,empty       some parts only
    python -m train.gap --data DIR --out OUTDIR --private                 for the report

Faces whose right answer is known are set into generated pictures (`train.scenes`) and found again,
by our way and by those of the predecessors, with the same network behind all of them. Real
photographs and rendered portraits, where you have them, keep that honest. --press takes a folder
with labels.csv (file, label), --portraits one with pictures named <emotion>_<person>_<number>.jpg.

Scenes are made of PublicTest, for choosing; with --private of PrivateTest, for reporting only: log
it in RUNS.md. OUTDIR gets gap.json, gap.md and PNG figures. About 20 minutes on two cores.
"""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from train.cli import (
    add_data_argument,
    add_model_argument,
    command_parser,
    data_dir,
    explained,
    need,
    prepare_folder,
)
from train.errors import DataError

PARTS = (
    "scenes", "strengths", "several", "small", "empty", "photographs", "rolls", "settings",
    "corruptions", "portraits", "time",
)  # fmt: skip

NEEDS = {"press": ("photographs", "rolls", "settings"), "portraits": ("portraits",)}


def measure(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """All parts that were asked for, by name.

    Raises:
        DataError: data cannot be read.
        ModelLoadError: the model cannot be loaded.
    """
    from fer_core.recognizer import EmotionRecognizer
    from train import gap_photographs as real
    from train import gap_scenes as scenes
    from train import gap_time
    from train.data.fer2013 import load_splits
    from train.data.photographs import read_photographs, read_portraits
    from train.pipelines import OURS, build_pipelines

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
    timed = {item.path.name: item.path.read_bytes() for item in [*portraits[:1], *press[:1]]}
    timed |= gap_time.scene_files(faces)
    runs["time"] = lambda: gap_time.measure_time(recognizer, timed)
    info = recognizer.model.info
    result: dict[str, Any] = {"origin": {"model": info.name, "version": info.version}}
    result["split"] = split
    return result | {part: runs[part]() for part in PARTS if part in runs and part in options.only}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options, data = _parse(arguments)
    need("the report", "matplotlib", "mediapipe")
    from train.artifacts.provenance import git_commit
    from train.gap_report import write_report

    path = options.out / "gap.json"
    with explained():
        prepare_folder(options.out)
        earlier = _earlier(path) if options.merge else {}
        result = measure(options, data)
        _see_that_they_belong_together(earlier, result)
        result["origin"] |= {"commit": git_commit(), "date": datetime.now(UTC).date().isoformat()}
        result = earlier | result
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        for written in (path, *write_report(result, options.out)):
            print(f"wrote {written}")


def _earlier(path: Path) -> dict[str, Any]:
    """What an earlier run left, read before hours are spent; nothing when there was none."""
    if not path.exists():
        return {}
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not the gap.json of an earlier run; remove it.") from error
    if not isinstance(earlier, dict):
        raise DataError(f"{path} is not the gap.json of an earlier run; remove it.")
    return earlier


def _see_that_they_belong_together(earlier: dict[str, Any], result: dict[str, Any]) -> None:
    """Parts of another split or another model must not stand under one name."""
    for name, value in (("split", result["split"]), ("version", result["origin"]["version"])):
        there = earlier.get(name) if name == "split" else earlier.get("origin", {}).get(name)
        if earlier and there != value:
            raise DataError(
                f"the earlier gap.json is of {there}, this run of {value}; use another --out."
            )


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("gap", __doc__)
    add_model_argument(parser)
    add_data_argument(parser)
    parser.add_argument("--press", type=Path, metavar="DIR", help="photographs with labels.csv")
    parser.add_argument("--portraits", type=Path, metavar="DIR", help="named after their emotion")
    parser.add_argument("--out", type=Path, required=True, metavar="OUTDIR", help="for the report")
    parser.add_argument(
        "--scenes", type=_positive, default=800, metavar="N", help="pictures (default: 800)"
    )
    parser.add_argument(
        "--only", type=_parts, default=PARTS, metavar="PARTS", help=f"of {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--merge", action="store_true", help="keep the other parts of an earlier gap.json"
    )
    parser.add_argument("--private", action="store_true", help="scenes of PrivateTest")
    options = parser.parse_args(arguments)
    if options.only is not PARTS:
        for folder, names in NEEDS.items():
            if getattr(options, folder) is None and set(names) & set(options.only):
                parser.error(f"{', '.join(names)} need --{folder} DIR")
    return options, data_dir(parser, options)


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _parts(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"unknown part {name!r}; known are {', '.join(PARTS)}")
    return names


if __name__ == "__main__":
    main()
