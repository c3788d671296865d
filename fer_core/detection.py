"""Finding faces: BlazeFace proposes, the face mesh confirms and places.

BlazeFace looks at the whole picture and at finer levels of it, because it misses faces under about
15 % of its window. It proposes freely; a second network, the face mesh, looks closely at every
proposal, says whether it is a face at all, and where exactly its parts are.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.blazeface import WINDOW, BlazeFace, Proposal
from fer_core.boxes import intersection_over_smaller
from fer_core.given_boxes import GivenBox
from fer_core.landmarks import INPUT_SIZE, LOOK_SIDE, FaceLandmarker, FaceMesh
from fer_core.pyramid import PyramidLevel, level_of, level_sides, octaves_of, surroundings_of
from fer_core.results import BoundingBox, FaceDetection

# A proposal is a face when the mesh sees one, or when the detector is sure and the mesh does not
# deny it: on a profile or an open mouth the mesh is unsure.
MIN_PRESENCE = 0.97
SURE_SCORE, NOT_DENIED = 0.6, 0.3
BEYOND_DOUBT = 0.99999  # presence at the second look, below which other ways up are tried
WORTH_TURNING = 0.1  # best presence of both looks; no face on its head had less than .3
HOPELESS = 0.01  # presence at the first look, below which a second is not worth its time
CONVERGENCE_PASSES = 2  # of the mesh in a given box, after those of a proposal
MAX_FACES = 50
MAX_PROPOSALS = 100  # that are looked at closely at each level; noise can raise hundreds
LEFT_TO_FINER = 28  # pixels: what is smaller at one level is seen better, and larger, at the next
SAME_FACE = 0.25  # share of the smaller of two boxes that lies in the other
SAME_WAY = 0.7  # cosine of the angle between two proposals, above which they stand alike
FRAME = 0.25  # of the longer side, around a picture in which nothing was found
GREY = 128


class FaceDetector:
    """Finds the faces of a picture, on the CPU.

    One instance may be shared by any number of threads.
    """

    def __init__(self, blazeface: BlazeFace, landmarker: FaceLandmarker) -> None:
        """Join two loaded networks; `load` does so from files."""
        self._blazeface = blazeface
        self._landmarker = landmarker

    @classmethod
    def load(cls, directory: Path) -> "FaceDetector":
        """The detector of a models folder.

        Raises:
            ModelLoadError: an asset is missing.
            ChecksumMismatchError: an asset is not the published one.
        """
        return cls(BlazeFace.load(directory), FaceLandmarker.load(directory))

    def detect(
        self,
        image: NDArray[np.uint8],
        *,
        small_faces: bool = True,
        near: Sequence[BoundingBox] = (),
    ) -> list[FaceDetection]:
        """Find the faces of a picture.

        In a video, the whole search of `small_faces` may be left to every n-th frame; in
        the others, small faces are looked for `near` where they were in the frame before.

        Args:
            image: (H, W, 3) uint8 RGB.
            small_faces: also look for faces under about 15 % of the longer side, which takes most
                of the time.
            near: boxes of the faces in the frame before, around which small ones are looked for;
                if none is found in the place of one of them, `small_faces` is taken for True.

        Returns:
            At most `MAX_FACES` faces, largest box first, in pixels of `image`.

        Raises:
            ValueError: another shape or dtype.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")

        octaves = octaves_of(image)
        finer = level_sides(max(image.shape[:2]))
        least = LEFT_TO_FINER if finer and small_faces else 0
        faces = self._confirm(octaves, self._look(level_of(octaves, WINDOW), least), [])
        for box in near:
            if not _is_found(box, faces):
                faces = self._confirm(octaves, self._look_around(octaves, box), faces)
        if small_faces or not all(_is_found(box, faces) for box in near):
            for side in finer:
                least = 0 if side == finer[-1] else LEFT_TO_FINER
                faces = self._confirm(octaves, self._look(level_of(octaves, side), least), faces)
        if not faces:
            faces = self._confirm(octaves, self._search_harder(level_of(octaves, WINDOW)), [])
        height, width = image.shape[:2]
        found = [_to_detection(proposal, mesh, width, height) for proposal, mesh in faces]
        return sorted(
            (face for face in found if face is not None), key=lambda face: -face.box.area
        )[:MAX_FACES]

    def candidates(self, image: NDArray[np.uint8], count: int = 4) -> list[FaceDetection]:
        """Find the likeliest places of faces, whether the face mesh confirms them or not.

        Args:
            image: (H, W, 3) uint8 RGB.
            count: at most so many.

        Returns:
            Faces that `detect` gives, and what only resembles one.
        """
        octaves = octaves_of(image)
        sides = [WINDOW, *level_sides(max(image.shape[:2]))]
        proposals = [seen for side in sides for seen in self._look(level_of(octaves, side))]
        height, width = image.shape[:2]
        found = []
        for proposal in sorted(proposals, key=lambda proposal: -proposal.score)[:count]:
            side = LOOK_SIDE * proposal.side
            mesh = self._look_closely(octaves, proposal.center, side, proposal.roll)
            if mesh.presence >= HOPELESS:
                mesh = self._look_closely(octaves, *mesh.square)
            found.append(_to_detection(proposal, mesh, width, height))
        return [face for face in found if face is not None]

    def place(self, image: NDArray[np.uint8], boxes: Sequence[GivenBox]) -> list[FaceDetection]:
        """Locate the keypoints of faces whose boxes are known.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: in pixels of `image`.

        Returns:
            One detection a box, largest box first, those of equal area in the order of `boxes`.
            `box` is the given one and `score` the face mesh's probability that it shows a face:
            0 where the mesh sees none, and `keypoints` are then those of a typical upright face.
        """
        octaves = octaves_of(image)
        found = [self._place(octaves, given) for given in boxes]
        return sorted(found, key=lambda face: -face.box.area)

    def _place(self, octaves: list[PyramidLevel], given: GivenBox) -> FaceDetection:
        low, high = given.exact[:2], given.exact[2:]
        center, side = (low + high) / 2, float((high - low).max())
        for quarters in (0, 1, -1, 2):  # a box does not tell which way up the face is
            roll = quarters * math.pi / 2
            mesh = self._examine(octaves, Proposal(center, side, roll, SURE_SCORE))
            if mesh is None:
                continue
            # Boxes of other detectors are centred and scaled in other ways: the mesh converges on
            # the face with each pass, and where it has gone over to a neighbour this shows.
            for _ in range(CONVERGENCE_PASSES):
                mesh = self._look_closely(octaves, *mesh.square)
            middle = _box_of(mesh).reshape(2, 2).mean(axis=0)
            is_inside = (low <= middle).all() and (middle <= high).all()
            if mesh.presence >= NOT_DENIED and is_inside:
                return FaceDetection(
                    given.box, mesh.keypoints, float(mesh.presence), mesh.turn, mesh.aspect
                )
        return FaceDetection(given.box, given.typical_keypoints, 0.0)

    def _look(self, view: PyramidLevel, least: float = 0) -> list[Proposal]:
        """Proposals with sides of at least so many pixels of the view, in pixels of the picture."""
        proposals = self._blazeface.look(view.image)
        return [seen.moved(view.scale) for seen in proposals if seen.side >= least]

    def _look_around(self, octaves: list[PyramidLevel], box: BoundingBox) -> list[Proposal]:
        """Proposals around a face of the frame before, in pixels of the picture."""
        view, corner = surroundings_of(octaves, box)
        return [seen.moved(view.scale, corner) for seen in self._blazeface.look(view.image)]

    def _search_harder(self, whole: PyramidLevel) -> list[Proposal]:
        """What to try when nothing was found: a frame, and the picture turned."""
        small, scale = whole
        # A face that fills the picture has no surroundings to be recognized by: lend it some.
        frame = round(FRAME * max(small.shape))
        sides = ((frame, frame), (frame, frame), (0, 0))
        framed = np.pad(small, sides, constant_values=GREY)
        proposals = [seen.moved(scale, (-frame, -frame)) for seen in self._blazeface.look(framed)]
        height, width = small.shape[:2]
        for quarters in (1, 2, 3):
            for seen in self._blazeface.look(np.rot90(small, quarters)):  # counter-clockwise
                x, y = seen.center
                center = ((width - y, x), (width - x, height - y), (y, height - x))[quarters - 1]
                turned = Proposal(
                    np.array(center), seen.side, seen.roll + quarters * np.pi / 2, seen.score
                )
                proposals.append(turned.moved(scale))
        return proposals

    def _confirm(
        self, octaves: list[PyramidLevel], proposals: list[Proposal], known: list["_Face"]
    ) -> list["_Face"]:
        """Look closely at each proposal that is not known yet; each face once."""
        faces = list(known)
        tried: list[Proposal] = []
        for proposal in sorted(proposals, key=lambda proposal: -proposal.score):
            if len(tried) == MAX_PROPOSALS:
                break
            boxes = [_box_of(mesh) for _, mesh in faces]
            if any(_is_same(proposal.box, box) for box in boxes) or any(
                _is_same(proposal.box, other.box) and np.cos(proposal.roll - other.roll) > SAME_WAY
                for other in tried
            ):
                continue
            tried.append(proposal)
            mesh = self._examine(octaves, proposal)
            if mesh is not None and not any(_is_same(_box_of(mesh), box) for box in boxes):
                faces.append((proposal, mesh))
        return faces

    def _examine(self, octaves: list[PyramidLevel], proposal: Proposal) -> FaceMesh | None:
        """The face that a proposal promises, or None when it is no face."""
        side = LOOK_SIDE * proposal.side
        first = self._look_closely(octaves, proposal.center, side, proposal.roll)
        if first.presence < HOPELESS:
            return None
        # The second look is upright and centred by the first: on press photographs rolled by 30
        # and 45 degrees it changed the answer in 3 to 4 % instead of 5 to 6.
        second = self._look_closely(octaves, *first.square)
        presence = max(first.presence, second.presence)
        if presence >= WORTH_TURNING and second.presence < BEYOND_DOUBT:
            # The detector takes many a face that stands on its head for an upright one.
            turned = [
                self._look_closely(octaves, proposal.center, side, proposal.roll + turn)
                for turn in np.arange(1, 6) * np.pi / 3
            ]
            best = max(turned, key=lambda mesh: mesh.presence)
            if best.presence > max(second.presence, MIN_PRESENCE):
                # What was proposed for another way up lies aside: one look more to come close.
                first = self._look_closely(octaves, *best.square)
                second = self._look_closely(octaves, *first.square)
        presence = max(first.presence, second.presence)
        is_face = second.presence >= MIN_PRESENCE or (
            proposal.score >= SURE_SCORE and presence >= NOT_DENIED
        )
        return second if is_face else None

    def _look_closely(
        self, octaves: list[PyramidLevel], center: NDArray[np.float64], side: float, roll: float
    ) -> FaceMesh:
        """The mesh in a square, out of the smallest half that is as large as the mesh sees."""
        image, scale = next(
            (octave for octave in reversed(octaves) if side / octave.scale >= INPUT_SIZE),
            octaves[0],
        )
        return self._landmarker.look(image, center / scale, side / scale, roll).moved(scale)


_Face = tuple[Proposal, FaceMesh]


def _box_of(mesh: FaceMesh) -> NDArray[np.float64]:
    """(4,) x_min, y_min, x_max, y_max of a mesh."""
    return np.concatenate([mesh.points.min(axis=0), mesh.points.max(axis=0)])


def _is_found(box: BoundingBox, faces: list[_Face]) -> bool:
    """Whether one of the faces is where the box is."""
    edges = np.array([box.x_min, box.y_min, box.x_max, box.y_max], np.float64)
    return any(_is_same(edges, _box_of(mesh)) for _, mesh in faces)


def _is_same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return bool(intersection_over_smaller(first, second) > SAME_FACE)


def _to_detection(
    proposal: Proposal, mesh: FaceMesh, width: int, height: int
) -> FaceDetection | None:
    """In whole pixels within the picture; None for a face that lies outside of it."""
    x_min, y_min, x_max, y_max = np.rint(_box_of(mesh)).astype(int).tolist()
    x_min, y_min, x_max, y_max = max(0, x_min), max(0, y_min), min(width, x_max), min(height, y_max)
    if x_max <= x_min or y_max <= y_min:
        return None
    score = min(1.0, max(0.0, proposal.score))
    box = BoundingBox(x_min, y_min, x_max, y_max)
    return FaceDetection(box, mesh.keypoints, score, mesh.turn, mesh.aspect)
