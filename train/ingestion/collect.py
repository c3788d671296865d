"""Collects a dataset: crops faces, drops copies, holds out splits, and writes images and report."""

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.model import read_info
from fer_core.preprocessing import DATASET_FACE_SIZE
from train.cli import check_folder
from train.data.class_folders import name_hash
from train.data.dataset import SPLITS
from train.errors import DataError
from train.files import replace_file
from train.ingestion.faces import Face, Options, Source, crop_faces, find_sources
from train.ingestion.report import NUMBERS, REASONS, REPORT, SHEET, draw_sheet, markdown
from train.ingestion.splits import find_copies, hold_out

TRAINING, VALIDATION, TEST = SPLITS
FOLDERS = {TRAINING: "train", VALIDATION: "validation", TEST: "test"}
NAME_LENGTH = 50  # characters of the source in a file name, at most 200 bytes


def ingest(
    photos: Path, out: Path, options: Options, detector: FaceDetector, command: str
) -> dict[str, Any]:
    """Make the dataset and its report.

    Args:
        photos: folder of images and videos.
        out: folder for the dataset, made if missing.
        options: of the command line.
        detector: of the app.
        command: to repeat this; only output of the same command is replaced.

    Returns:
        The content of report.json.

    Raises:
        DataError: `photos` cannot be used, or `out` has files of another origin.
        ModelLoadError: the app's model.json cannot be read.
        RunError: `out` cannot be written to.
    """
    sources, passed_over = find_sources(photos)
    if out.resolve().is_relative_to(photos.resolve()):
        raise DataError(f"{out} is inside {photos}, which the next run would search.")
    _check_origin(out, command)
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)

    # Dataset faces have the geometry of the app's crops, at a fixed size.
    spec = replace(read_info(MODELS_DIR).preprocessing, crop_size=DATASET_FACE_SIZE)
    faces, left_out, counts = crop_faces(sources, detector, spec, options)
    # Test faces first, because of two copies the earlier one is kept.
    faces.sort(key=lambda face: -SPLITS.index(face.source.split))
    print(f"comparing {len(faces):,} faces", flush=True)
    labels = [face.source.label for face in faces]
    copies, pairs = find_copies([face.crop for face in faces], labels)
    left_out += [
        faces[row].left_out(reason, f"as {faces[other].title}")
        for row, (reason, other) in sorted(copies.items())
    ]
    given = {source.split for source in sources}  # a split with a folder needs no share
    wanted = {VALIDATION: options.validation, TEST: options.test}
    shares = {split: share for split, share in wanted.items() if share > 0 and split not in given}
    splits = hold_out(faces, copies, pairs, shares)
    kept = [(faces[row], FOLDERS[split]) for row, split in splits.items()]
    kept.sort(key=lambda item: (item[0].source.name, item[0].seconds or 0.0, item[0].number))
    by_class = Counter((folder, face.source.label) for face, folder in kept)
    by_reason: dict[str, list[dict[str, str]]] = {reason: [] for reason in REASONS}
    for item in left_out:
        by_reason[item.reason].append({"source": item.title, "detail": item.detail})
    numbers = {
        "command": command,
        "warnings": _warnings(sources, {folder for _, folder in kept}),
        "looked_at": counts,
        "kept": {
            folder: {name: by_class[folder, label] for label, name in enumerate(FER2013_LABELS)}
            for folder in FOLDERS.values()
        },
        "left_out": by_reason,
        "passed_over": passed_over,
        "faces": [
            {
                "file": _file(face, folder),
                "source": face.source.name,
                "seconds": face.seconds,
                "box": face.box.to_dict(),
                "sharpness": round(face.sharpness, 1),
            }
            for face, folder in kept
        ],
    }
    _remove_earlier(out)
    # Written first, so that the next run recognizes the files of an interrupted one.
    replace_file(out / NUMBERS, json.dumps(numbers, indent=2) + "\n")
    for face, folder in kept:
        path = out / _file(face, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.crop).save(path)
    draw_sheet(kept, left_out, out / SHEET)
    (out / REPORT).write_text(markdown(numbers), "utf-8")
    return numbers


def _check_origin(out: Path, command: str) -> None:
    """Check that a folder holds only files of an earlier or interrupted run of the same command.

    Raises:
        DataError: there are other files.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is not a folder.")
    there = {path for path in out.rglob("*") if not path.is_dir() and path.name[0] != "."}
    if not there:
        return
    try:
        numbers = json.loads((out / NUMBERS).read_text("utf-8"))
        made_by, names = numbers["command"], [face["file"] for face in numbers["faces"]]
    except (OSError, ValueError, LookupError, TypeError):
        made_by, names = None, []
    if made_by != command:
        raise DataError(
            f"{out} is not empty and was not made by the same command; use another --out, or "
            "remove it."
        )
    strange = there - {out / name for name in (NUMBERS, REPORT, SHEET, *names)}
    if strange:
        raise DataError(
            f"{out} also holds {min(strange).relative_to(out)}, which this command did not write; "
            "use another --out, or remove it."
        )


def _remove_earlier(out: Path) -> None:
    for earlier in (out / name for name in (*FOLDERS.values(), REPORT, SHEET)):
        if earlier.is_dir():
            shutil.rmtree(earlier)
        else:
            earlier.unlink(missing_ok=True)


def _file(face: Face, folder: str) -> str:
    """Name a face in the dataset by source, time, number and a hash.

    The source begins with a folder's name, so that `train.data.class_folders` finds no split in it.
    """
    source = str(PurePosixPath(face.source.name).with_suffix(""))
    words = [re.sub(r"[^\w.]+", "-", source)[:NAME_LENGTH]]
    if face.seconds is not None:
        words.append(f"{face.seconds:09.3f}s")
    if face.number > 1:
        words.append(f"face{face.number}")
    words.append(name_hash(face.title).hex()[:8])
    return f"{folder}/{FER2013_LABELS[face.source.label]}/{'-'.join(words)}.png"


def _warnings(sources: Sequence[Source], filled: set[str]) -> list[str]:
    """Describe problems of the dataset for training, a sentence each.

    Args:
        sources: all files.
        filled: folders of the splits with a face.
    """
    sentences = [
        f"No face is left for {folder}, without which python -m train.fit cannot run."
        for folder in ("train", "test")
        if folder not in filled
    ]
    if "validation" not in filled:
        sentences.append(
            "No face is left for validation, so that python -m train.fit holds out faces of train, "
            "regardless of videos and persons."
        )
    folders_of = defaultdict(set)
    for source in sources:
        if source.group.endswith("/"):
            folders_of[source.group[:-1]].add(FOLDERS[source.split])
    sentences += [
        f"The person {person} is in {' and '.join(sorted(folders))}; scores on known people are "
        "no estimate for strangers."
        for person, folders in sorted(folders_of.items())
        if len(folders) > 1
    ]
    return sentences
