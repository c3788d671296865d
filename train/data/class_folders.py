"""FER2013 as pictures in class folders: `train/happy/Training_3908.jpg` and its relatives.

A folder for each split (`SPLIT_FOLDERS`) holds a folder for each class (`CLASS_FOLDERS`), in
capitals or not, and that one holds pictures of every kind that the app reads. A class may be
missing from a split. Hidden files are passed over; so are others, which are named.

The official split of a picture is told by its name where the name carries it, as in Kaggle's copy,
whose `test/` mixes `PublicTest_*` with `PrivateTest_*`; otherwise by its folder. Where that leaves
nothing for PublicTest, as with nameless pictures in `train/` and `test/`, a tenth of each class of
Training is held out as PublicTest. Which tenth is decided by a hash of the names alone, so it is
the same on every machine.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from fer_core.batch import IMAGE_SUFFIXES
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import InvalidImageError
from fer_core.images import load_image
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array, to_grey
from train.errors import DataError

SPLIT_FOLDERS = {
    "train": "Training",
    "training": "Training",
    "fer2013train": "Training",
    "validation": "PublicTest",
    "valid": "PublicTest",
    "val": "PublicTest",
    "publictest": "PublicTest",
    "fer2013valid": "PublicTest",
    "test": "PrivateTest",
    "privatetest": "PrivateTest",
    "fer2013test": "PrivateTest",
}
CLASS_FOLDERS = {
    "angry": "angry",
    "anger": "angry",
    "disgust": "disgust",
    "disgusted": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "happy": "happy",
    "happiness": "happy",
    "sad": "sad",
    "sadness": "sad",
    "surprise": "surprise",
    "surprised": "surprise",
    "neutral": "neutral",
}
SPLIT_BY_PREFIX = {split.lower(): split for split in SPLIT_FOLDERS.values()}
SPLIT_IN_NAME = re.compile(rf"({'|'.join(SPLIT_BY_PREFIX)})_\d", re.IGNORECASE)
HELD_OUT = 10  # one picture in so many of each class


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of a class folder.

    Attributes:
        path: where it lies.
        name: the same relative to the data directory, with `/` on every platform.
        label: FER2013's label 0..6, by the name of the class folder.
        split: Training, PublicTest or PrivateTest.
    """

    path: Path
    name: str
    label: int
    split: str


def split_folders(data_dir: Path) -> dict[str, Path]:
    """The folders that hold the splits, by official split; empty when there is none.

    Raises:
        DataError: two folders claim one split.
        OSError: the directory cannot be listed.
    """
    found: dict[str, Path] = {}
    for entry in _visible_entries(data_dir):
        split = SPLIT_FOLDERS.get(entry.name.lower())
        if split is None or not entry.is_dir():
            continue
        if split in found:
            raise DataError(
                f"{data_dir} holds {found[split].name} and {entry.name}, which both mean {split}; "
                "one of them must go."
            )
        found[split] = entry
    return found


def find_pictures(data_dir: Path) -> list[Picture]:
    """All pictures of the class folders, sorted by name; their contents are not looked at.

    Raises:
        DataError: a folder is empty, is no class, or lies too deep, or a picture lies in no class
            folder; the message names it.
        OSError: a folder cannot be listed.
    """
    pictures = [
        picture
        for split, folder in split_folders(data_dir).items()
        for class_folder in _class_folders(folder)
        for picture in _class_pictures(class_folder, split)
    ]
    if not any(picture.split == "PublicTest" for picture in pictures):
        pictures = _hold_out(pictures)
    return sorted(pictures, key=lambda picture: picture.name)


def read_face(picture: Picture) -> UInt8Array:
    """The picture as (48, 48) uint8 grey, stretched where it is not square.

    Raises:
        DataError: the file cannot be read as a picture.
    """
    try:
        rgb = load_image(picture.path)
    except InvalidImageError as error:
        raise DataError(f"{picture.name}: {error}") from error
    grey = to_grey(rgb[np.newaxis])[0]
    side = DATASET_FACE_SIZE
    height, width = grey.shape
    # Each axis by the method that fits it: area where it shrinks, linear where it grows.
    shrunk = cv2.resize(grey, (min(width, side), min(height, side)), interpolation=cv2.INTER_AREA)
    face = cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(face, dtype=np.uint8)


def _class_folders(split_folder: Path) -> list[Path]:
    folders = []
    for entry in _visible_entries(split_folder):
        name = f"{split_folder.name}/{entry.name}"
        if entry.is_dir():
            if entry.name.lower() not in CLASS_FOLDERS:
                raise DataError(
                    f"the folder {name} is no class of FER2013; the classes are "
                    f"{', '.join(FER2013_LABELS)}."
                )
            folders.append(entry)
        elif _is_picture(entry):
            raise DataError(f"the picture {name} lies in no class folder.")
    if not folders:
        raise DataError(f"the folder {split_folder.name} holds no class folder.")
    return folders


def _class_pictures(class_folder: Path, folder_split: str) -> list[Picture]:
    folder_name = f"{class_folder.parent.name}/{class_folder.name}"
    label = FER2013_LABELS.index(CLASS_FOLDERS[class_folder.name.lower()])
    pictures, others = [], []
    for entry in _visible_entries(class_folder):
        name = f"{folder_name}/{entry.name}"
        if entry.is_dir():
            raise DataError(f"the folder {name} lies in a class folder, where only pictures may.")
        if _is_picture(entry):
            named = SPLIT_IN_NAME.match(entry.name)
            split = SPLIT_BY_PREFIX[named[1].lower()] if named else folder_split
            pictures.append(Picture(entry, name, label, split))
        else:
            others.append(entry.name)
    if others:
        print(f"{folder_name}: passed over {_listed(others)}, no image by the name", flush=True)
    if not pictures:
        raise DataError(f"the class folder {folder_name} holds no picture.")
    return pictures


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _hold_out(pictures: Sequence[Picture]) -> list[Picture]:
    """With a tenth of each class of Training, at least one picture of two, as PublicTest."""
    by_class = defaultdict(list)
    for picture in pictures:
        if picture.split == "Training":
            by_class[picture.label].append(picture)
    held_out: set[Picture] = set()
    for members in by_class.values():
        count = min(max(1, len(members) // HELD_OUT), len(members) - 1)
        held_out.update(sorted(members, key=_draw)[:count])
    return [
        replace(picture, split="PublicTest") if picture in held_out else picture
        for picture in pictures
    ]


def _draw(picture: Picture) -> bytes:
    """A picture's lot, by its name inside the split's folder."""
    name = picture.name.partition("/")[2]
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _visible_entries(folder: Path) -> list[Path]:
    visible = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(visible, key=lambda entry: entry.name)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES
