"""Collects a dataset: crops faces, drops copies, holds out splits, and writes images and report."""

import json
import re
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
from train.ingestion.boxes import evaluate_boxes, read_boxes
from train.ingestion.faces import Face, LeftOut, Options, Source, crop_faces, find_sources
from train.ingestion.report import NUMBERS, REASONS, REPORT, SHEET, draw_sheet, markdown
from train.ingestion.splits import find_copies, hold_out

TRAINING, VALIDATION, TEST = SPLITS
FOLDERS = {TRAINING: "train", VALIDATION: "validation", TEST: "test"}
NAME_LENGTH = 50  # characters of the source in a file name, at most 200 bytes


def ingest(
    photos: Path,
    out: Path,
    options: Options,
    detector: FaceDetector,
    *,
    boxes: Path | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Make the dataset and its report.

    Args:
        photos: folder of images and videos.
        out: folder for the dataset, made if missing.
        options: of the command line.
        detector: of the app.
        boxes: table of annotated boxes, to evaluate the detector.
        command: to repeat this; only output of the same command is replaced.

    Returns:
        The content of report.json.

    Raises:
        DataError: `photos` or `boxes` cannot be used, or `out` has files of another origin.
        ModelLoadError: the app's model.json cannot be read.
        RunError: `out` cannot be written to.
    """
    sources, passed_over = find_sources(photos)
    given = None if boxes is None else read_boxes(boxes, sources)
    if out.resolve().is_relative_to(photos.resolve()):
        raise DataError(f"{out} is inside {photos}, which the next run would search.")
    _earlier_files(out, command)  # fail before the work
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)

    # Dataset faces have the geometry of the app's crops, at a fixed size.
    spec = replace(read_info(MODELS_DIR).preprocessing, crop_size=DATASET_FACE_SIZE)
    cropped = crop_faces(sources, detector, spec, options)
    # Test faces first, because of two copies the earlier one is kept.
    faces = sorted(cropped.faces, key=lambda face: -SPLITS.index(face.source.split))
    print(f"comparing {len(faces):,} faces", flush=True)
    copies = find_copies([face.crop for face in faces], [face.source.label for face in faces])
    left_out = cropped.left_out + [
        LeftOut(faces[row].title, reason, f"as {faces[other].title}", faces[row].crop)
        for row, (reason, other) in sorted(copies.left_out.items())
    ]
    splits = hold_out(faces, copies, _shares(sources, options))
    kept = [(faces[row], FOLDERS[split]) for row, split in splits.items()]
    kept.sort(key=lambda item: (item[0].source.name, item[0].seconds or 0.0, item[0].number))
    numbers = {
        "command": command,
        "warnings": _warnings(sources, {folder for _, folder in kept}),
        "looked_at": {
            "pictures": len(cropped.boxes),
            "videos": sum(source.is_video for source in sources),
            "frames": cropped.frames,
            "faces_found": cropped.found,
            "faces_not_asked_for": cropped.others,
        },
        "kept": _by_class(kept),
        "left_out": _by_reason(left_out),
        "passed_over": passed_over,
        "detection": None if given is None else evaluate_boxes(given, cropped.boxes),
        "faces": [_describe(face, folder) for face, folder in kept],
    }
    for earlier in _earlier_files(out, command):
        _remove(earlier, out)
    # Written first, so that the next run recognizes the files of an interrupted one.
    replace_file(out / NUMBERS, json.dumps(numbers, indent=2) + "\n")
    for face, folder in kept:
        path = out / _file(face, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.crop).save(path)
    draw_sheet(kept, left_out, out / SHEET)
    (out / REPORT).write_text(markdown(numbers), "utf-8")
    return numbers


def _shares(sources: Sequence[Source], options: Options) -> dict[str, float]:
    """Return the share of each split to hold out; a split with a folder needs none."""
    given = {source.split for source in sources}
    wanted = {VALIDATION: options.validation, TEST: options.test}
    return {split: share for split, share in wanted.items() if share > 0 and split not in given}


def _earlier_files(out: Path, command: str) -> list[Path]:
    """List the files of an earlier or interrupted run of the same command, without report.json.

    Raises:
        DataError: there are other files.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is not a folder.")
    there = {path for path in out.rglob("*") if not path.is_dir() and path.name[0] != "."}
    if not there:
        return []
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
    return sorted(there - {out / NUMBERS})


def _remove(path: Path, out: Path) -> None:
    """Delete a file, and folders that become empty, which readers of class folders refuse."""
    path.unlink()
    for folder in path.parents:
        if folder == out or any(folder.iterdir()):
            return
        folder.rmdir()


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


def _describe(face: Face, folder: str) -> dict[str, Any]:
    return {
        "file": _file(face, folder),
        "source": face.source.name,
        "seconds": face.seconds,
        "box": face.box.to_dict(),
        "sharpness": round(face.sharpness, 1),
    }


def _by_class(kept: Sequence[tuple[Face, str]]) -> dict[str, dict[str, int]]:
    """Count faces by folder and emotion."""
    counts = Counter((folder, face.source.label) for face, folder in kept)
    return {
        folder: {emotion: counts[folder, label] for label, emotion in enumerate(FER2013_LABELS)}
        for folder in FOLDERS.values()
    }


def _by_reason(left_out: Sequence[LeftOut]) -> dict[str, list[dict[str, str]]]:
    return {
        reason: [
            {"source": item.title, "detail": item.detail}
            for item in left_out
            if item.reason == reason
        ]
        for reason in REASONS
    }


def _warnings(sources: Sequence[Source], filled: set[str]) -> list[str]:
    """Describe problems of the dataset for training and evaluation, a sentence each.

    Args:
        sources: all files.
        filled: folders of the splits with a face.
    """
    sentences = [
        f"No face is left for {folder}, without which python -m train.fit cannot run."
        for folder in (FOLDERS[TRAINING], FOLDERS[TEST])
        if folder not in filled
    ]
    if FOLDERS[VALIDATION] not in filled:
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
