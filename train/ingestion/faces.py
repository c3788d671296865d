"""The files of `train.ingest`: finding them, looking at them, cutting out their faces."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fer_core.alignment import align_face
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import InvalidImageError, InvalidVideoError
from fer_core.frames import VideoFrames
from fer_core.images import FORMATS, load_image
from fer_core.preprocessing import PreprocessingSpec, UInt8Array, to_grey
from fer_core.results import BoundingBox
from train.cli import progress
from train.data.class_folders import CLASS_FOLDERS, SPLIT_FOLDERS, split_folders
from train.data.dataset import SPLITS
from train.errors import DataError

TRAINING = SPLITS[0]
VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm"))
THUMBNAIL_SIDE = 96  # pixels

UNREADABLE = "cannot be read"
NO_FACE = "no face found"
SMALL = "face too small"
BLURRED = "face too blurred"

MIN_FACE = 32  # pixels of the box's height
MIN_SHARPNESS = 30.0
"""Variance of the Laplacian of the 48x48 crop, below which a face is too blurred.

Of 149 press portraits none lies below it as it is (the least is 124); blurred by a Gaussian of 3 %
of the face's height 14 do, of 4 % 85, of 6 %, when eyes and mouth are hardly to be made out, 148.
FER2013 is sharper: of 3,589 faces of PublicTest one lies below it, which is blank.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A picture or video of PHOTOS.

    Attributes:
        path: where it lies.
        name: the same relative to PHOTOS, with `/` on every platform.
        label: FER2013's label 0..6, by the name of the folder.
        split: Training, PublicTest or PrivateTest; Training where no folder tells.
        group: what must stay in one split: the person's folder, with a `/` behind it, or else the
            file's name without suffix; in small letters.
    """

    path: Path
    name: str
    label: int
    split: str
    group: str

    @property
    def is_video(self) -> bool:
        """Whether it has frames."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class Face:
    """A face that was found.

    Attributes:
        source: the file that shows it.
        seconds: of the frame since the video's beginning; None in a picture.
        number: 1 for the largest face of the picture or frame.
        box: in pixels of the upright picture.
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
        """Where it comes from, as a person reads it; no two faces have the same."""
        return _title(self.source, self.seconds) + (f", face {self.number}" * (self.number > 1))


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A file, picture, frame or face that does not come into the dataset.

    Attributes:
        title: as `Face.title`.
        reason: one of those of this module and of `train.ingestion.splits`.
        detail: more about it, maybe "".
        thumbnail: (h, w) uint8 grey of at most 96x96, or None where nothing could be read.
    """

    title: str
    reason: str
    detail: str
    thumbnail: UInt8Array | None = None


@dataclass(slots=True)
class Harvest:
    """What looking at all files gave.

    Attributes:
        faces: that are large and sharp enough.
        left_out: everything else.
        boxes: of all faces that were found, by the name of each picture that could be read.
        frames: how many were looked at, of all videos.
        found: faces in pictures and frames.
        others: how many of them are not the largest and were not asked for.
    """

    faces: list[Face] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    boxes: dict[str, list[BoundingBox]] = field(default_factory=dict)
    frames: int = 0
    found: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line can choose.

    Attributes:
        every: seconds from one frame of a video to the next that is looked at, above 0.
        all_faces: take every face, not only the largest of a picture.
        min_face: least height of a face's box, in pixels.
        min_sharpness: least variance of the Laplacian of the 48x48 crop.
        validation: share of the training faces that is held out for choosing, 0..1.
        test: the same for the test, together below 1.
    """

    every: float = 1.0
    all_faces: bool = False
    min_face: int = MIN_FACE
    min_sharpness: float = MIN_SHARPNESS
    validation: float = 0.1
    test: float = 0.1


def find_sources(photos: Path) -> tuple[list[Source], list[str]]:
    """All pictures and videos of a folder, by their names; their contents are not looked at.

    Returns:
        The files, sorted by name; the names of those that are neither or lie in no emotion's
        folder. Hidden ones are in neither list.

    Raises:
        DataError: a folder is missing or cannot be listed, is no emotion, or there is no picture.
    """
    if not photos.is_dir():
        raise DataError(f"{photos} is not a folder.")
    readable = _picture_suffixes() | VIDEO_SUFFIXES
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
            f"{photos} holds no picture or video in folders named after emotions; known names are "
            f"{', '.join(CLASS_FOLDERS)}."
        )
    return sorted(sources, key=lambda source: source.name), sorted(passed_over)


def cut_faces(
    sources: Sequence[Source], detector: FaceDetector, spec: PreprocessingSpec, options: Options
) -> Harvest:
    """Look at every file and cut out its faces; nothing is compared yet.

    Args:
        sources: from `find_sources`.
        detector: that of the app.
        spec: the app's, with a crop_size of 48.
        options: what is taken.
    """
    harvest = Harvest()
    for source in progress(sources, "looking for faces"):
        try:
            for seconds, picture in _pictures(source, options.every):
                detections = detector.detect(picture)
                wanted = detections if options.all_faces else detections[:1]
                harvest.found += len(detections)
                harvest.others += len(detections) - len(wanted)
                harvest.frames += source.is_video
                if not source.is_video:
                    harvest.boxes[source.name] = [found.box for found in detections]
                if not detections:
                    title, thumbnail = _title(source, seconds), _thumbnail(picture)
                    harvest.left_out.append(LeftOut(title, NO_FACE, "", thumbnail))
                for number, found in enumerate(wanted, 1):
                    crop = to_grey(align_face(picture, found, spec)[0][np.newaxis])[0]
                    sharpness = float(cv2.Laplacian(crop, cv2.CV_64F).var())
                    face = Face(source, seconds, number, found.box, crop, sharpness)
                    _sort(face, harvest, options)
        except (InvalidImageError, InvalidVideoError) as error:
            harvest.left_out.append(LeftOut(source.name, UNREADABLE, str(error)))
    print(f"{harvest.found:,} faces found in {len(sources):,} files", flush=True)
    return harvest


def _picture_suffixes() -> frozenset[str]:
    """Those of the formats that the app reads; MPO opens as JPEG."""
    formats = {*FORMATS, "MPO"}
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, name in known if name in formats)


def _files(folder: Path, known: Iterable[str], without: set[Path]) -> Iterator[Path]:
    """Files of PHOTOS or of a split's folder, and those in the emotions' folders in it."""
    for entry in _visible(folder):
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
    for entry in _visible(folder):
        if entry.is_dir():
            yield from _all_files(entry)
        else:
            yield entry


def _printable(name: str) -> str:
    """Without what cannot be written as UTF-8: Linux allows any bytes in a name."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _visible(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]


def _pictures(source: Source, every: float) -> Iterator[tuple[float | None, UInt8Array]]:
    """(seconds since the beginning or None, (H, W, 3) uint8 RGB) of a file.

    Raises:
        InvalidImageError, InvalidVideoError: it cannot be read.
    """
    if not source.is_video:
        yield None, load_image(source.path)
        return
    for seconds, frame in VideoFrames(source.path, every):
        yield round(seconds, 3), frame


def _sort(face: Face, harvest: Harvest, options: Options) -> None:
    """Into the faces, or away from them."""
    if face.box.height < options.min_face:
        reason, detail = SMALL, f"{face.box.height} pixels high"
    elif face.sharpness < options.min_sharpness:
        reason, detail = BLURRED, f"sharpness {face.sharpness:.1f}"
    else:
        harvest.faces.append(face)
        return
    harvest.left_out.append(LeftOut(face.title, reason, detail, face.crop))


def _thumbnail(picture: UInt8Array) -> UInt8Array:
    height, width = picture.shape[:2]
    scale = THUMBNAIL_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    grey: UInt8Array = to_grey(np.asarray(small, dtype=np.uint8)[np.newaxis])[0]
    return grey


def _title(source: Source, seconds: float | None) -> str:
    return source.name if seconds is None else f"{source.name} at {seconds} s"
