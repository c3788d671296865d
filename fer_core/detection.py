"""Finding faces: MediaPipe's detector proposes, its face mesh confirms and places.

The detector (BlazeFace, short range) looks at the whole picture first and then at overlapping
tiles, because it misses faces under about 15 % of what it looks at. It proposes freely; a second
network, the face mesh, looks closely at every proposal, says whether it is a face at all, and where
exactly its parts are.
"""

import ctypes
import math
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.assets import read_verified
from fer_core.geometry import shrink
from fer_core.landmarks import LOOK_SIDE, FaceLandmarker, FaceMesh
from fer_core.results import BoundingBox, FaceDetection

DETECTOR_FILE = "face_detection_short_range.tflite"
DETECTOR_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
MIN_SCORE = 0.3  # of a proposal
# A proposal is a face when the mesh sees one, or when the detector is sure and the mesh does not
# deny it: on a profile or an open mouth the mesh is unsure.
MIN_PRESENCE = 0.9
SURE_SCORE, NOT_DENIED = 0.6, 0.3
BEYOND_DOUBT = 0.99999  # presence at the second look, below which other ways up are tried
HOPELESS = 0.005  # presence at the first look, below which a second is not worth its time
MAX_FACES = 50
MAX_PROPOSALS = 100  # that are looked at closely; noise can raise hundreds
# The network looks at 128x128 and MediaPipe samples that bilinearly: a much larger picture aliases,
# and aliased noise looks like a face. Shrinking by area first also makes a 12-megapixel photo cost
# what a small one does.
MAX_WHOLE_SIDE = 320  # pixels
TILE_SIDE = 208  # pixels of the picture; a face of 48 pixels is 23 % of it
TILE_PIXELS = 160  # a tile's side as the detector gets it
TILE_STRIDE = 0.62  # tiles
TILE_RATIO = 3.1  # at most, between the sides of one level of tiles and the next
MAX_TILED_SIDE = 1920  # pixels; of larger pictures the tiles grow, to keep their number
SAME_FACE = (
    0.25  # share of the smaller of two boxes that lies in the other; half faces at tile edges
)
FRAME = 0.25  # of the longer side, around a picture in which nothing was found
GREY = 128


@dataclass(frozen=True, slots=True)
class _Proposal:
    """Where a face may be, in pixels of what was looked at, or of the picture."""

    center: NDArray[np.float64]
    side: float
    roll: float  # clockwise, in radians
    score: float

    def moved(self, scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> "_Proposal":
        """The same in pixels of a picture that is so many times larger and begins elsewhere."""
        return _Proposal((self.center + offset) * scale, self.side * scale, self.roll, self.score)

    @property
    def box(self) -> NDArray[np.float64]:
        """(4,) x_min, y_min, x_max, y_max."""
        return np.concatenate([self.center - self.side / 2, self.center + self.side / 2])


class FaceDetector:
    """Finds the faces of a picture, on the CPU.

    One instance may be shared by any number of threads. `close()` or a `with` block frees it.
    """

    def __init__(self, model: bytes, landmarker: FaceLandmarker) -> None:
        """Build the detector from the content of its TFLite asset and a loaded mesh network."""
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision import FaceDetector as Graph
        from mediapipe.tasks.python.vision import FaceDetectorOptions

        options = FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=model),
            min_detection_confidence=MIN_SCORE,
        )
        self._graph = Graph.create_from_options(options)
        self._landmarker = landmarker
        self._lock = threading.Lock()
        self._free_once = weakref.finalize(self, _free, self._graph)

    @classmethod
    def load(cls, directory: Path) -> "FaceDetector":
        """The detector of a models folder.

        Raises:
            ModelLoadError: an asset is missing.
            ChecksumMismatchError: an asset is not the published one.
        """
        landmarker = FaceLandmarker.load(directory)
        return cls(read_verified(directory / DETECTOR_FILE, DETECTOR_SHA256), landmarker)

    def __enter__(self) -> "FaceDetector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the graph; the detector cannot be used afterwards."""
        with self._lock:
            self._free_once()

    def detect(self, image: NDArray[np.uint8], *, small_faces: bool = True) -> list[FaceDetection]:
        """Find the faces of a picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            small_faces: also look for faces under about 15 % of the longer side, which takes most
                of the time.

        Returns:
            At most `MAX_FACES` faces, largest box first, in pixels of `image`.

        Raises:
            ValueError: another shape or dtype; MediaPipe would misread it or abort on it.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")

        small, scale = shrink(image, MAX_WHOLE_SIDE)
        faces = self._confirm(image, [seen.moved(scale) for seen in self._look(small)], [])
        if small_faces:
            faces = self._confirm(image, self._search_tiles(image, faces), faces)
        if not faces:
            faces = self._confirm(image, self._search_harder(small, scale), [])
        height, width = image.shape[:2]
        found = [_to_detection(proposal, mesh, width, height) for proposal, mesh in faces]
        return sorted(
            (face for face in found if face is not None), key=lambda face: -face.box.area
        )[:MAX_FACES]

    def _search_tiles(self, image: NDArray[np.uint8], known: list["_Face"]) -> list[_Proposal]:
        """Look at overlapping parts, where a small face is large; not at what a face covers."""
        proposals: list[_Proposal] = []
        boxes = [_box_of(mesh) for _, mesh in known]
        longest = max(image.shape[:2])
        level, scale = image, 1.0
        for side in _tile_sides(longest):
            # Out of the level before, which is larger: cheaper than out of the picture.
            level, factor = shrink(level, round(longest * TILE_PIXELS / side))
            scale *= factor
            for left, top in _tile_corners(level.shape[1], level.shape[0]):
                tile = level[top : top + TILE_PIXELS, left : left + TILE_PIXELS]
                right, bottom = left + tile.shape[1], top + tile.shape[0]
                place = np.array([left, top, right, bottom]) * scale
                if any(_overlap(place, box) > 0.5 * _area(place) for box in boxes):
                    continue
                proposals += [seen.moved(scale, (left, top)) for seen in self._look(tile)]
        return proposals

    def _search_harder(self, small: NDArray[np.uint8], scale: float) -> list[_Proposal]:
        """What to try when nothing was found: a frame, and the picture turned."""
        # A face that fills the picture has no surroundings to be recognized by: lend it some.
        frame = round(FRAME * max(small.shape))
        sides = ((frame, frame), (frame, frame), (0, 0))
        framed = np.pad(small, sides, constant_values=GREY)
        proposals = [seen.moved(scale, (-frame, -frame)) for seen in self._look(framed)]
        height, width = small.shape[:2]
        for quarters in (1, 2, 3):
            for seen in self._look(np.rot90(small, quarters)):  # counter-clockwise
                x, y = seen.center
                center = ((width - y, x), (width - x, height - y), (y, height - x))[quarters - 1]
                turned = _Proposal(
                    np.array(center), seen.side, seen.roll + quarters * np.pi / 2, seen.score
                )
                proposals.append(turned.moved(scale))
        return proposals

    def _look(self, image: NDArray[np.uint8]) -> list[_Proposal]:
        """Run the detector on a small picture."""
        import mediapipe as mp

        height, width = image.shape[:2]
        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        with self._lock:
            detections = self._graph.detect(picture).detections
        proposals = []
        for found in detections:
            box = found.bounding_box
            right_eye, left_eye = (
                np.array([point.x * width, point.y * height]) for point in found.keypoints[:2]
            )
            across = left_eye - right_eye
            proposals.append(
                _Proposal(
                    center=np.array([box.origin_x + box.width / 2, box.origin_y + box.height / 2]),
                    side=float(max(box.width, box.height, 1)),
                    roll=float(np.arctan2(across[1], across[0])),
                    score=float(found.categories[0].score),
                )
            )
        return proposals

    def _confirm(
        self, image: NDArray[np.uint8], proposals: list[_Proposal], known: list["_Face"]
    ) -> list["_Face"]:
        """Look closely at each proposal that is not known yet; each face once."""
        faces = list(known)
        open_boxes: list[NDArray[np.float64]] = []
        for proposal in sorted(proposals, key=lambda proposal: -proposal.score):
            if len(open_boxes) == MAX_PROPOSALS:
                break
            boxes = [_box_of(mesh) for _, mesh in faces]
            if any(_is_same(proposal.box, box) for box in boxes + open_boxes):
                continue
            open_boxes.append(proposal.box)
            mesh = self._examine(image, proposal)
            if mesh is not None and not any(_is_same(_box_of(mesh), box) for box in boxes):
                faces.append((proposal, mesh))
        return faces

    def _examine(self, image: NDArray[np.uint8], proposal: _Proposal) -> FaceMesh | None:
        """The face that a proposal promises, or None when it is no face."""
        side = LOOK_SIDE * proposal.side
        first = self._landmarker.look(image, proposal.center, side, proposal.roll)
        if first.presence < HOPELESS:
            return None
        # The second look is upright and centred by the first: on press photographs rolled by 30
        # and 45 degrees it changed the answer in 3 to 4 % instead of 5 to 6.
        second = self._landmarker.look(image, *first.square)
        if second.presence < BEYOND_DOUBT:
            # The detector takes many a face that stands on its head for an upright one.
            turned = [
                self._landmarker.look(image, proposal.center, side, proposal.roll + turn)
                for turn in np.arange(1, 6) * np.pi / 3
            ]
            best = max(turned, key=lambda mesh: mesh.presence)
            if best.presence > max(second.presence, MIN_PRESENCE):
                first, second = best, self._landmarker.look(image, *best.square)
        presence = max(first.presence, second.presence)
        is_face = second.presence >= MIN_PRESENCE or (
            proposal.score >= SURE_SCORE and presence >= NOT_DENIED
        )
        return second if is_face else None


_Face = tuple[_Proposal, FaceMesh]


def _free(graph: Any) -> None:
    """Close a graph, now or at the interpreter's exit."""
    try:
        graph.close()
    except RuntimeError:
        # At exit MediaPipe's own thread has ended before any exit handler runs, so its graph can
        # only be left to the system; one more reference keeps its __del__ from failing aloud.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(graph))


def _tile_sides(longest: int) -> list[float]:
    """Sides of the tiles of each level, in pixels of the picture; none for a small picture.

    The smallest first; from there to the whole picture in as few even steps as `TILE_RATIO` lets.
    """
    smallest = TILE_SIDE * max(1.0, longest / MAX_TILED_SIDE)
    if longest <= 1.2 * smallest:
        return []
    levels = math.ceil(math.log(longest / smallest) / math.log(TILE_RATIO))
    return [smallest * (longest / smallest) ** (level / levels) for level in range(levels)]


def _tile_corners(width: int, height: int) -> Iterator[tuple[int, int]]:
    """(left, top) of tiles that overlap and cover a level."""
    for top in _starts(height):
        for left in _starts(width):
            yield left, top


def _starts(length: int) -> list[int]:
    rest = length - TILE_PIXELS
    if rest <= 0:
        return [0]
    count = int(np.ceil(rest / (TILE_PIXELS * TILE_STRIDE))) + 1
    return [round(rest * index / (count - 1)) for index in range(count)]


def _box_of(mesh: FaceMesh) -> NDArray[np.float64]:
    """(4,) x_min, y_min, x_max, y_max of a mesh."""
    return np.concatenate([mesh.points.min(axis=0), mesh.points.max(axis=0)])


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    return float(np.prod(np.maximum(0.0, sides)))


def _is_same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return _overlap(first, second) > SAME_FACE * min(_area(first), _area(second))


def _to_detection(
    proposal: _Proposal, mesh: FaceMesh, width: int, height: int
) -> FaceDetection | None:
    """In whole pixels within the picture; None for a face that lies outside of it."""
    x_min, y_min, x_max, y_max = np.rint(_box_of(mesh)).astype(int).tolist()
    x_min, y_min, x_max, y_max = max(0, x_min), max(0, y_min), min(width, x_max), min(height, y_max)
    if x_max <= x_min or y_max <= y_min:
        return None
    score = min(1.0, max(0.0, proposal.score))
    return FaceDetection(BoundingBox(x_min, y_min, x_max, y_max), mesh.keypoints, score)
