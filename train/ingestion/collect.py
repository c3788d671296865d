"""From files to a dataset: faces cut out, copies left out, splits held out, images written."""

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
from train.data.dataset import SPLITS
from train.errors import DataError
from train.files import replace_file
from train.ingestion.boxes import judge_boxes, read_boxes
from train.ingestion.faces import Face, LeftOut, Options, Source, cut_faces, find_sources
from train.ingestion.report import NUMBERS, REASONS, REPORT, SHEET, draw_sheet, markdown
from train.ingestion.splits import find_copies, hold_out, lot

TRAINING, VALIDATION, TEST = SPLITS
FOLDERS = {TRAINING: "train", VALIDATION: "validation", TEST: "test"}
NAME_LENGTH = 50  # characters of a source in a file's name, at most 200 bytes


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
        photos: folder of pictures and videos.
        out: folder for the dataset, made when missing.
        options: what is taken.
        detector: that of the app.
        boxes: table of the faces' true places, when there is one.
        command: what to type to do this again; what another one wrote is not touched.

    Returns:
        What report.json holds.

    Raises:
        DataError: `photos` or `boxes` is not as it should be, or `out` holds something else.
        ModelLoadError: the app's model.json cannot be read.
        RunError: `out` cannot be written to.
    """
    sources, passed_over = find_sources(photos)
    given = None if boxes is None else read_boxes(boxes, sources)
    if out.resolve().is_relative_to(photos.resolve()):
        raise DataError(f"{out} lies in {photos}, where the next run would look for photographs.")
    _earlier_files(out, command)  # to fail now rather than in an hour
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)

    # A dataset's face has the geometry of the app's crops, and always this size.
    spec = replace(read_info(MODELS_DIR).preprocessing, crop_size=DATASET_FACE_SIZE)
    harvest = cut_faces(sources, detector, spec, options)
    # Of two copies the earlier one is kept: that of the test, where there is one.
    faces = sorted(harvest.faces, key=lambda face: -SPLITS.index(face.source.split))
    print(f"comparing {len(faces):,} faces", flush=True)
    copies = find_copies([face.crop for face in faces], [face.source.label for face in faces])
    left_out = harvest.left_out + [
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
            "pictures": len(harvest.boxes),
            "videos": sum(source.is_video for source in sources),
            "frames": harvest.frames,
            "faces_found": harvest.found,
            "faces_not_asked_for": harvest.others,
        },
        "kept": _by_class(kept),
        "left_out": _by_reason(left_out),
        "passed_over": passed_over,
        "detection": None if given is None else judge_boxes(given, harvest.boxes),
        "faces": [_describe(face, folder) for face, folder in kept],
    }
    for earlier in _earlier_files(out, command):
        _remove(earlier, out)
    # First the list of all files, by which the next run knows what a killed one left.
    replace_file(out / NUMBERS, json.dumps(numbers, indent=2) + "\n")
    for face, folder in kept:
        path = out / _file(face, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.crop).save(path)
    draw_sheet(kept, left_out, out / SHEET)
    (out / REPORT).write_text(markdown(numbers), "utf-8")
    return numbers


def _shares(sources: Sequence[Source], options: Options) -> dict[str, float]:
    """What to hold out: splits that have a folder are taken as they are."""
    given = {source.split for source in sources}
    wanted = {VALIDATION: options.validation, TEST: options.test}
    return {split: share for split, share in wanted.items() if share > 0 and split not in given}


def _earlier_files(out: Path, command: str) -> list[Path]:
    """What the same command wrote before, or began to write, but for report.json.

    Raises:
        DataError: there is anything else.
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
            f"{out} is not empty and was not made by this very command; name another --out, or "
            "remove it."
        )
    strange = there - {out / name for name in (NUMBERS, REPORT, SHEET, *names)}
    if strange:
        raise DataError(
            f"{out} also holds {min(strange).relative_to(out)}, which this command did not write; "
            "name another --out, or take that away."
        )
    return sorted(there - {out / NUMBERS})


def _remove(path: Path, out: Path) -> None:
    """The file, and its folders when they are empty then: an empty class is an error to readers."""
    path.unlink()
    for folder in path.parents:
        if folder == out or any(folder.iterdir()):
            return
        folder.rmdir()


def _file(face: Face, folder: str) -> str:
    """Name in the dataset: the source's, the moment, the face, and a mark that no other has.

    The source's name begins with a folder, so that `train.data.class_folders` reads no split out of
    it.
    """
    source = str(PurePosixPath(face.source.name).with_suffix(""))
    words = [re.sub(r"[^\w.]+", "-", source)[:NAME_LENGTH]]
    if face.seconds is not None:
        words.append(f"{face.seconds:09.3f}s")
    if face.number > 1:
        words.append(f"face{face.number}")
    words.append(lot(face.title).hex()[:8])
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
    """Faces by folder and emotion, with zeros."""
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
    """A sentence for each thing that training or its scores would suffer from.

    Args:
        sources: all files.
        filled: folders of splits that have a face.
    """
    sentences = [
        f"No face is left for {folder}, and python -m train.fit reads no such dataset."
        for folder in (FOLDERS[TRAINING], FOLDERS[TEST])
        if folder not in filled
    ]
    if FOLDERS[VALIDATION] not in filled:
        sentences.append(
            "No face is left for validation, so that python -m train.fit holds out some of train, "
            "without regard to videos and persons."
        )
    lies_in = defaultdict(set)
    for source in sources:
        if source.group.endswith("/"):
            lies_in[source.group[:-1]].add(FOLDERS[source.split])
    sentences += [
        f"The person {person} lies in {' and '.join(sorted(folders))}; scores on known faces say "
        "little about strangers."
        for person, folders in sorted(lies_in.items())
        if len(folders) > 1
    ]
    return sentences
