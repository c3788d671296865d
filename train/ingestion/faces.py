"""Finds images and videos, and crops the faces in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from train.data.class_folders import CLASS_FOLDERS, SPLIT_FOLDERS, split_folders, visible_entries
from train.data.dataset import SPLITS
from train.errors import DataError

TRAINING = SPLITS[0]
THUMBNAIL_SIDE = 96  # pixels

UNREADABLE = "cannot be read"
NO_FACE = "no face found"
SMALL = "face too small"
BLURRED = "face too blurred"

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


@dataclass(frozen=True, slots=True, eq=False)
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

    def left_out(self, reason: str, detail: str) -> LeftOut:
        """Describe it as left out."""
        return LeftOut(self.title, reason, detail, self.crop)


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
    min_face: int = 32
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
    sources: list[Source] = []
    passed_over: list[str] = []
    try:
        splits = {folder.name: split for split, folder in split_folders(photos).items()}
        for path in _files(photos):
            parts = path.relative_to(photos).parts
            split = splits.get(parts[0])
            folders = parts[1 if split else 0 : -1]
            if folders and folders[0].lower() not in CLASS_FOLDERS:
                known = [*CLASS_FOLDERS, *([] if split else SPLIT_FOLDERS)]
                raise DataError(
                    f"the folder {path.parents[len(folders) - 1]} is not named after an emotion; "
                    f"known names are {', '.join(known)}."
                )
            name = _printable("/".join(parts))
            if not folders or path.suffix.lower() not in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
                passed_over.append(name)
                continue
            label = FER2013_LABELS.index(CLASS_FOLDERS[folders[0].lower()])
            group = _printable(f"{folders[1]}/" if len(folders) > 1 else path.stem).lower()
            sources.append(Source(path, name, label, split or TRAINING, group))
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
) -> tuple[list[Face], list[LeftOut], dict[str, int]]:
    """Crop the faces of every file.

    Args:
        sources: from `find_sources`.
        detector: of the app.
        spec: of the app, with a crop_size of 48.
        options: of the command line.

    Returns:
        Faces that are large and sharp enough; what is left out; numbers of readable images, videos,
        frames, faces, and faces that are not the largest and were not requested.
    """
    faces: list[Face] = []
    left_out: list[LeftOut] = []
    counted = ("pictures", "videos", "frames", "faces_found", "faces_not_asked_for")
    counts = dict.fromkeys(counted, 0)
    for source in progress(sources, "looking for faces"):
        counts["videos"] += source.is_video
        try:
            for seconds, image in read_images(source, options.every):
                detections = detector.detect(image)
                wanted = detections if options.all_faces else detections[:1]
                counts["frames" if source.is_video else "pictures"] += 1
                counts["faces_found"] += len(detections)
                counts["faces_not_asked_for"] += len(detections) - len(wanted)
                if not detections:
                    small = Image.fromarray(image).convert("L")
                    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
                    shown = np.asarray(small)
                    left_out.append(LeftOut(_title(source, seconds), NO_FACE, "", shown))
                for number, found in enumerate(wanted, 1):
                    crop = to_grey(align_face(image, found, spec)[0][np.newaxis])[0]
                    sharpness = float(cv2.Laplacian(crop, cv2.CV_64F).var())
                    face = Face(source, seconds, number, found.box, crop, sharpness)
                    if face.box.height < options.min_face:
                        left_out.append(face.left_out(SMALL, f"{face.box.height} pixels high"))
                    elif sharpness < options.min_sharpness:
                        left_out.append(face.left_out(BLURRED, f"sharpness {sharpness:.1f}"))
                    else:
                        faces.append(face)
        except (InvalidImageError, InvalidVideoError) as error:
            left_out.append(LeftOut(source.name, UNREADABLE, str(error)))
    print(f"{counts['faces_found']:,} faces found in {len(sources):,} files", flush=True)
    return faces, left_out, counts


def read_images(source: Source, every: float) -> Iterator[tuple[float | None, UInt8Array]]:
    """Read a file: (time in seconds, or None for an image; (H, W, 3) uint8 RGB).

    Raises:
        InvalidImageError, InvalidVideoError: the file cannot be read.
    """
    if source.is_video:
        yield from ((round(time, 3), frame) for time, frame in VideoFrames(source.path, every))
    else:
        yield None, load_image(source.path)


def _files(folder: Path) -> Iterator[Path]:
    for entry in visible_entries(folder):
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _printable(name: str) -> str:
    """Replace bytes of a file name that are not UTF-8, which Linux allows."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _title(source: Source, seconds: float | None) -> str:
    return source.name if seconds is None else f"{source.name} at {seconds} s"
