"""Reads FER2013 from class folders: `train/happy/Training_3908.jpg` and similar layouts.

A folder for each split (`SPLIT_FOLDERS`) has a folder for each class (`CLASS_FOLDERS`), in any
case, with images of all formats that the app reads. A class may be missing from a split. Hidden
files are ignored; other files are ignored and printed.

The official split of an image follows from its name if that has a split, as in Kaggle's copy, whose
`test/` mixes `PublicTest_*` with `PrivateTest_*`; otherwise from its folder. If PublicTest is empty
then, a tenth of each class of Training is held out as PublicTest, chosen by a hash of the names, so
that it is the same on every machine.
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
from train.data.dataset import SPLITS
from train.errors import DataError

SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training", "fer2013train"), "Training"),
    **dict.fromkeys(("validation", "valid", "val", "publictest", "fer2013valid"), "PublicTest"),
    **dict.fromkeys(("test", "privatetest", "fer2013test"), "PrivateTest"),
}
CLASS_FOLDERS = {
    **dict.fromkeys(("angry", "anger"), "angry"),
    **dict.fromkeys(("disgust", "disgusted"), "disgust"),
    **dict.fromkeys(("fear", "fearful"), "fear"),
    **dict.fromkeys(("happy", "happiness"), "happy"),
    **dict.fromkeys(("sad", "sadness"), "sad"),
    **dict.fromkeys(("surprise", "surprised"), "surprise"),
    "neutral": "neutral",
}
SPLIT_IN_NAME = re.compile(rf"({'|'.join(SPLITS)})_\d", re.IGNORECASE)
HELD_OUT = 10  # one image of so many in each class
LISTED = 3  # most ignored files that are named


@dataclass(frozen=True, slots=True)
class ClassImage:
    """An image file of a class folder.

    Attributes:
        path: of the file.
        name: path relative to the data directory, with `/` on every platform.
        label: FER2013 label 0..6, by the name of the class folder.
        split: Training, PublicTest or PrivateTest.
    """

    path: Path
    name: str
    label: int
    split: str


def split_folders(data_dir: Path) -> dict[str, Path]:
    """Find the folder of each official split; an empty dict if there is none.

    Raises:
        DataError: two folders have one split.
        OSError: the directory cannot be listed.
    """
    found: dict[str, Path] = {}
    for entry in visible_entries(data_dir):
        split = SPLIT_FOLDERS.get(entry.name.lower())
        if split and entry.is_dir():
            other = found.setdefault(split, entry)
            if other != entry:
                raise DataError(
                    f"{data_dir} holds {other.name} and {entry.name}, which both mean {split}; "
                    "one of them must go."
                )
    return found


def find_images(data_dir: Path) -> list[ClassImage]:
    """List all images of the class folders, sorted by name, without opening them.

    Raises:
        DataError: a folder is empty, has no class's name, or is nested too deep, or an image is
            outside of a class folder; the message names it.
        OSError: a folder cannot be listed.
    """
    images = [
        image
        for split, folder in split_folders(data_dir).items()
        for image in _split_images(folder, split)
    ]
    if not any(image.split == "PublicTest" for image in images):
        images = _hold_out(images)
    return sorted(images, key=lambda image: image.name)


def read_face(image: ClassImage) -> UInt8Array:
    """Read an image as (48, 48) uint8 grey, stretched if it is not square.

    Raises:
        DataError: the file cannot be read as an image.
    """
    try:
        rgb = load_image(image.path)
    except InvalidImageError as error:
        raise DataError(f"{image.name}: {error}") from error
    grey = to_grey(rgb[np.newaxis])[0]
    side = DATASET_FACE_SIZE
    height, width = grey.shape
    # For each axis: area averaging to reduce, linear interpolation to enlarge.
    shrunk = cv2.resize(grey, (min(width, side), min(height, side)), interpolation=cv2.INTER_AREA)
    face = cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(face, dtype=np.uint8)


def _split_images(split_folder: Path, split: str) -> list[ClassImage]:
    images = []
    for entry in visible_entries(split_folder):
        name = f"{split_folder.name}/{entry.name}"
        if entry.is_dir():
            if entry.name.lower() not in CLASS_FOLDERS:
                raise DataError(
                    f"the folder {name} is no class of FER2013; the classes are "
                    f"{', '.join(FER2013_LABELS)}."
                )
            images += _class_images(entry, split)
        elif entry.suffix.lower() in IMAGE_SUFFIXES:
            raise DataError(f"the image {name} lies in no class folder.")
    if not images:
        raise DataError(f"the folder {split_folder.name} holds no class folder.")
    return images


def _class_images(class_folder: Path, folder_split: str) -> list[ClassImage]:
    folder_name = f"{class_folder.parent.name}/{class_folder.name}"
    label = FER2013_LABELS.index(CLASS_FOLDERS[class_folder.name.lower()])
    images, others = [], []
    for entry in visible_entries(class_folder):
        name = f"{folder_name}/{entry.name}"
        if entry.is_dir():
            raise DataError(f"the folder {name} lies in a class folder, where only images may.")
        if entry.suffix.lower() in IMAGE_SUFFIXES:
            named = SPLIT_IN_NAME.match(entry.name)
            split = SPLIT_FOLDERS[named[1].lower()] if named else folder_split
            images.append(ClassImage(entry, name, label, split))
        else:
            others.append(entry.name)
    if others:
        more = f" and {len(others) - LISTED:,} more" * (len(others) > LISTED)
        ignored = ", ".join(others[:LISTED]) + more
        print(f"{folder_name}: ignored {ignored}: no image suffix", flush=True)
    if not images:
        raise DataError(f"the class folder {folder_name} holds no image.")
    return images


def _hold_out(images: Sequence[ClassImage]) -> list[ClassImage]:
    """Move a tenth of each class of Training, at least one of two images, to PublicTest."""
    by_class = defaultdict(list)
    # Sorted by the name without the folder of the split.
    for image in sorted(images, key=lambda image: name_hash(image.name.partition("/")[2])):
        if image.split == "Training":
            by_class[image.label].append(image)
    held_out: set[ClassImage] = set()
    for members in by_class.values():
        held_out.update(members[: min(max(1, len(members) // HELD_OUT), len(members) - 1)])
    return [replace(image, split="PublicTest") if image in held_out else image for image in images]


def name_hash(name: str) -> bytes:
    """Compute a hash of 16 bytes, by which files are ordered pseudorandomly."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def visible_entries(folder: Path) -> list[Path]:
    """List the files and folders of a folder that are not hidden, by name."""
    visible = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(visible, key=lambda entry: entry.name)
