"""Finds images and videos, and crops the faces in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fer_core.alignment import align_face
from fer_core.batch import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import InvalidImageError, InvalidVideoError
from fer_core.frames import VideoFrames
from fer_core.images import load_image
from fer_core.preprocessing import PreprocessingSpec, UInt8Array, to_grey
from fer_core.results import BoundingBox
from train.cli import progress
from train.data.class_folders import (
    CLASS_FOLDERS,
    SPLIT_FOLDERS,
    split_folders,
    visible_entries,
)
from train.data.dataset import SPLITS
from train.errors import DataError

TRAINING = SPLITS[0]
THUMBNAIL_SIDE = 96  # pixels

UNREADABLE = "cannot be read"
NO_FACE = "no face found"
SMALL = "face too small"
BLURRED = "face too blurred"

MIN_FACE = 32  # pixels, height of the box
MIN_SHARPNESS = 30.0
"""Least variance of the Laplacian of the 48x48 crop.

None of 149 press portraits is below it (the smallest variance is 124). Blurred by a Gaussian with a
sigma of 3 % of the face height 14 are, of 4 % 85, and of 6 %, where eyes and mouth are hardly
visible, 148. Of the 3,589 faces of PublicTest one is below it, a blank image.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """An image or video of PHOTOS.

    Attributes:
        path: of the file.
        name: path relative to PHOTOS, with `/` on every platform.
        label: FER2013 label 0..6, by the name of the folder.
        split: Training, PublicTest or PrivateTest; Training outside of a split's folder.
        group: files that must stay in one split have the same: the person's folder, followed by
            `/`, or else the file's name without suffix; in lower case.
    """

    path: Path
    name: str
    label: int
    split: str
    group: str

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class Face:
    """A detected face.

    Attributes:
        source: its file.
        seconds: time of the frame in the video; None in an image.
        number: 1 for the largest face of the image or frame.
        box: in pixels of the upright image.
        crop: (48, 48) uint8 grey.
        sharpness: variance of the crop's Laplacian, 0 or more.
    """

    source: Source
    seconds: float | None
    number: int
    box: BoundingBox
    crop: UInt8Array
    sharpness: float

    @property
    def title(self) -> str:
        """Readable origin, unique for each face."""
        return _title(self.source, self.seconds) + (f", face {self.number}" * (self.number > 1))


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A file, image, frame or face that is left out of the dataset.

    Attributes:
        title: as `Face.title`.
        reason: a constant of this module or of `train.ingestion.splits`.
        detail: of the reason, or "".
        thumbnail: (h, w) uint8 grey of at most 96x96, or None for an unreadable file.
    """

    title: str
    reason: str
    detail: str
    thumbnail: UInt8Array | None = None


@dataclass(slots=True)
class CroppedFaces:
    """Faces of all files.

    Attributes:
        faces: those that are large and sharp enough.
        left_out: all others.
        boxes: of all faces, by the name of each readable image.
        frames: number of video frames searched.
        found: number of faces in images and frames.
        others: number of those that are not the largest and were not requested.
    """

    faces: list[Face] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    boxes: dict[str, list[BoundingBox]] = field(default_factory=dict)
    frames: int = 0
    found: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command line.

    Attributes:
        every: seconds between the frames of a video that are searched, above 0.
        all_faces: take every face, not only the largest of an image.
        min_face: least height of a face's box, in pixels.
        min_sharpness: least variance of the Laplacian of the 48x48 crop.
        validation: share of the training faces to hold out for validation, 0..1.
        test: share to hold out for the test; the sum of both is below 1.
    """

    every: float = 1.0
    all_faces: bool = False
    min_face: int = MIN_FACE
    min_sharpness: float = MIN_SHARPNESS
    validation: float = 0.1
    test: float = 0.1


def find_sources(photos: Path) -> tuple[list[Source], list[str]]:
    """Find all images and videos of a folder, without opening them.

    Returns:
        The files, sorted by name; the names of files of other types or outside of an emotion's
        folder. Hidden files are in neither list.

    Raises:
        DataError: a folder is missing, cannot be listed or has no emotion's name, or there is no
            image or video.
    """
    if not photos.is_dir():
        raise DataError(f"{photos} is not a folder.")
    readable = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    sources: list[Source] = []
    passed_over: list[str] = []
    try:
        splits = split_folders(photos)
        for split, folder in ((TRAINING, photos), *splits.items()):
            known = (*CLASS_FOLDERS, *SPLIT_FOLDERS) if folder == photos else tuple(CLASS_FOLDERS)
            for path in _files(folder, known, without=set(splits.values())):
                name = _printable(path.relative_to(photos).as_posix())
                inside = path.relative_to(folder).parts
                if len(inside) == 1 or path.suffix.lower() not in readable:
                    passed_over.append(name)
                    continue
                label = FER2013_LABELS.index(CLASS_FOLDERS[inside[0].lower()])
                group = _printable(f"{inside[1]}/" if len(inside) > 2 else path.stem).lower()
                sources.append(Source(path, name, label, split, group))
    except OSError as error:
        raise DataError(f"{photos} cannot be read ({error}).") from error
    if not sources:
        raise DataError(
            f"{photos} holds no image or video in folders named after emotions; known names are "
            f"{', '.join(CLASS_FOLDERS)}."
        )
    return sorted(sources, key=lambda source: source.name), sorted(passed_over)


def crop_faces(
    sources: Sequence[Source], detector: FaceDetector, spec: PreprocessingSpec, options: Options
) -> CroppedFaces:
    """Crop the faces of every file.

    Args:
        sources: from `find_sources`.
        detector: of the app.
        spec: of the app, with a crop_size of 48.
        options: of the command line.
    """
    cropped = CroppedFaces()
    for source in progress(sources, "looking for faces"):
        try:
            for seconds, image in _images(source, options.every):
                detections = detector.detect(image)
                wanted = detections if options.all_faces else detections[:1]
                cropped.found += len(detections)
                cropped.others += len(detections) - len(wanted)
                cropped.frames += source.is_video
                if not source.is_video:
                    cropped.boxes[source.name] = [found.box for found in detections]
                if not detections:
                    title, thumbnail = _title(source, seconds), _thumbnail(image)
                    cropped.left_out.append(LeftOut(title, NO_FACE, "", thumbnail))
                for number, found in enumerate(wanted, 1):
                    crop = to_grey(align_face(image, found, spec)[0][np.newaxis])[0]
                    sharpness = float(cv2.Laplacian(crop, cv2.CV_64F).var())
                    face = Face(source, seconds, number, found.box, crop, sharpness)
                    _sort(face, cropped, options)
        except (InvalidImageError, InvalidVideoError) as error:
            cropped.left_out.append(LeftOut(source.name, UNREADABLE, str(error)))
    print(f"{cropped.found:,} faces found in {len(sources):,} files", flush=True)
    return cropped


def _files(folder: Path, known: Iterable[str], without: set[Path]) -> Iterator[Path]:
    """List the files of PHOTOS or of a split's folder, and those in its emotions' folders."""
    for entry in visible_entries(folder):
        if entry in without:
            continue
        if not entry.is_dir():
            yield entry
        elif entry.name.lower() in CLASS_FOLDERS:
            yield from _all_files(entry)
        else:
            raise DataError(
                f"the folder {entry} is not named after an emotion; known names are "
                f"{', '.join(known)}."
            )


def _all_files(folder: Path) -> Iterator[Path]:
    for entry in visible_entries(folder):
        if entry.is_dir():
            yield from _all_files(entry)
        else:
            yield entry


def _printable(name: str) -> str:
    """Replace bytes of a file name that are not UTF-8, which Linux allows."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _images(source: Source, every: float) -> Iterator[tuple[float | None, UInt8Array]]:
    """Read a file: (time in seconds, or None for an image; (H, W, 3) uint8 RGB).

    Raises:
        InvalidImageError, InvalidVideoError: the file cannot be read.
    """
    if not source.is_video:
        yield None, load_image(source.path)
        return
    for seconds, frame in VideoFrames(source.path, every):
        yield round(seconds, 3), frame


def _sort(face: Face, cropped: CroppedFaces, options: Options) -> None:
    """Add a face to those that are kept or left out."""
    if face.box.height < options.min_face:
        reason, detail = SMALL, f"{face.box.height} pixels high"
    elif face.sharpness < options.min_sharpness:
        reason, detail = BLURRED, f"sharpness {face.sharpness:.1f}"
    else:
        cropped.faces.append(face)
        return
    cropped.left_out.append(LeftOut(face.title, reason, detail, face.crop))


def _thumbnail(image: UInt8Array) -> UInt8Array:
    small = Image.fromarray(image).convert("L")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return np.asarray(small)


def _title(source: Source, seconds: float | None) -> str:
    return source.name if seconds is None else f"{source.name} at {seconds} s"
