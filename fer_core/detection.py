"""Detects faces in two stages: BlazeFace proposes, MediaPipe's face mesh verifies and locates.

BlazeFace runs over an image pyramid, because it misses faces under about 15 % of its window, and
with a low score threshold. The face mesh then runs on a crop of each proposal: its presence output
verifies the face, its landmarks give box and keypoints.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.blazeface import WINDOW, BlazeFace, Proposal
from fer_core.boxes import intersection_over_smaller
from fer_core.given_boxes import GivenBox
from fer_core.landmarks import CROP_SCALE, INPUT_SIZE, FaceLandmarker, FaceMesh
from fer_core.pyramid import PyramidLevel, build_octaves, crop_around, level_sides, resize_to_side
from fer_core.results import BoundingBox, FaceDetection

# A proposal is a face when the mesh's presence reaches MIN_PRESENCE, or, where BlazeFace's score
# reaches CONFIDENT_SCORE, CONFIDENT_MIN_PRESENCE: presence is low on profiles and open mouths.
MIN_PRESENCE = 0.97
CONFIDENT_SCORE, CONFIDENT_MIN_PRESENCE = 0.6, 0.3
# The mesh is retried at five other rotations where its second pass has a presence below
# ROTATION_RETRY_PRESENCE, and the better of both passes at least ROTATION_RETRY_MIN_PRESENCE: no
# face that is upside down had less than .3.
ROTATION_RETRY_PRESENCE, ROTATION_RETRY_MIN_PRESENCE = 0.99999, 0.1
REJECT_PRESENCE = 0.01  # of the first pass; below it no second one is made
CONVERGENCE_PASSES = 2  # of the mesh in a given box, beyond those of a proposal
MAX_FACES = 50
MAX_PROPOSALS = 100  # that the mesh verifies at each pyramid level; noise can raise hundreds
MIN_COARSE_SIDE = 28  # pixels: smaller proposals of one level are left to the next, finer one
DUPLICATE_OVERLAP = 0.25  # intersection over the smaller of two boxes
DUPLICATE_ROLL_COSINE = 0.7  # of the angle between two proposals: within 46 degrees
FALLBACK_PADDING = 0.25  # of the longer side, around an image in which no face was found
PADDING_GREY = 128


class FaceDetector:
    """Detects the faces of an image, on the CPU.

    One instance may be shared by any number of threads.
    """

    def __init__(self, blazeface: BlazeFace, landmarker: FaceLandmarker) -> None:
        """Join two loaded networks; `load` does so from files."""
        self._blazeface = blazeface
        self._landmarker = landmarker

    @classmethod
    def load(cls, directory: Path) -> "FaceDetector":
        """Load both networks of a models folder.

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
        """Detect the faces of an image.

        In a video, the full pyramid of `small_faces` may be left to every n-th frame; in the
        others small faces are searched for `near` their boxes of the frame before.

        Args:
            image: (H, W, 3) uint8 RGB.
            small_faces: search the finer pyramid levels, too, for faces under about 15 % of the
                longer side; they take most of the time.
            near: boxes of the faces in the frame before, whose surroundings are searched for small
                faces; if no face overlaps one of them, `small_faces` is taken for True.

        Returns:
            At most `MAX_FACES` faces, largest box first, in pixels of `image`.

        Raises:
            ValueError: another shape or dtype.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")

        octaves = build_octaves(image)
        finer = level_sides(max(image.shape[:2]))
        least = MIN_COARSE_SIDE if finer and small_faces else 0
        faces = self._confirm(octaves, self._propose(resize_to_side(octaves, WINDOW), least), [])
        for box in near:
            if not _is_found(box, faces):
                faces = self._confirm(octaves, self._propose_near(octaves, box), faces)
        if small_faces or not all(_is_found(box, faces) for box in near):
            for side in finer:
                least = 0 if side == finer[-1] else MIN_COARSE_SIDE
                level = resize_to_side(octaves, side)
                faces = self._confirm(octaves, self._propose(level, least), faces)
        if not faces:
            level = resize_to_side(octaves, WINDOW)
            faces = self._confirm(octaves, self._propose_padded_and_rotated(level), [])
        height, width = image.shape[:2]
        found = [_to_detection(proposal, mesh, width, height) for proposal, mesh in faces]
        return sorted(
            (face for face in found if face is not None), key=lambda face: -face.box.area
        )[:MAX_FACES]

    def candidates(self, image: NDArray[np.uint8], count: int = 4) -> list[FaceDetection]:
        """Locate the proposals of highest score, whether the face mesh verifies them or not.

        Args:
            image: (H, W, 3) uint8 RGB.
            count: the most that are returned.

        Returns:
            Detections by descending score, false ones among them.
        """
        octaves = build_octaves(image)
        sides = [WINDOW, *level_sides(max(image.shape[:2]))]
        levels = [resize_to_side(octaves, side) for side in sides]
        proposals = [seen for level in levels for seen in self._propose(level)]
        height, width = image.shape[:2]
        found = []
        for proposal in sorted(proposals, key=lambda proposal: -proposal.score)[:count]:
            side = CROP_SCALE * proposal.side
            mesh = self._run_mesh(octaves, proposal.center, side, proposal.roll)
            if mesh.presence >= REJECT_PRESENCE:
                mesh = self._run_mesh(octaves, *mesh.crop_square)
            found.append(_to_detection(proposal, mesh, width, height))
        return [face for face in found if face is not None]

    def locate(self, image: NDArray[np.uint8], boxes: Sequence[GivenBox]) -> list[FaceDetection]:
        """Locate the keypoints of faces in given boxes.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: in pixels of `image`.

        Returns:
            One detection a box, largest box first, those of equal area in the order of `boxes`.
            `box` is the given one, `score` the face mesh's presence. Where the mesh finds no face
            `score` is 0, and `keypoints` are those of a typical upright face.
        """
        octaves = build_octaves(image)
        found = [self._locate(octaves, given) for given in boxes]
        return sorted(found, key=lambda face: -face.box.area)

    def _locate(self, octaves: list[PyramidLevel], given: GivenBox) -> FaceDetection:
        low, high = given.exact[:2], given.exact[2:]
        center, side = (low + high) / 2, float((high - low).max())
        for quarters in (0, 1, -1, 2):  # a box does not say how the face is rotated
            roll = quarters * math.pi / 2
            mesh = self._fit_mesh(octaves, Proposal(center, side, roll, CONFIDENT_SCORE))
            if mesh is None:
                continue
            # Boxes of other detectors have other centers and scales. The mesh converges on a face
            # with each pass; if that is a neighbour's, its center leaves the box.
            for _ in range(CONVERGENCE_PASSES):
                mesh = self._run_mesh(octaves, *mesh.crop_square)
            middle = _box_of(mesh).reshape(2, 2).mean(axis=0)
            is_inside = (low <= middle).all() and (middle <= high).all()
            if mesh.presence >= CONFIDENT_MIN_PRESENCE and is_inside:
                return FaceDetection(
                    given.box, mesh.keypoints, float(mesh.presence), mesh.turn, mesh.aspect
                )
        return FaceDetection(given.box, given.typical_keypoints, 0.0)

    def _propose(self, view: PyramidLevel, least: float = 0) -> list[Proposal]:
        """Propose faces whose side is at least `least` pixels of the view, in image pixels."""
        proposals = self._blazeface.propose(view.image)
        return [seen.scaled(view.scale) for seen in proposals if seen.side >= least]

    def _propose_near(self, octaves: list[PyramidLevel], box: BoundingBox) -> list[Proposal]:
        """Propose faces around a box of the frame before, in image pixels."""
        view, corner = crop_around(octaves, box)
        return [seen.scaled(view.scale, corner) for seen in self._blazeface.propose(view.image)]

    def _propose_padded_and_rotated(self, whole: PyramidLevel) -> list[Proposal]:
        """Propose faces in the padded and in the rotated image, where no other search found one."""
        small, scale = whole
        # BlazeFace needs surroundings, which a face that fills the image lacks.
        margin = round(FALLBACK_PADDING * max(small.shape))
        sides = ((margin, margin), (margin, margin), (0, 0))
        padded = np.pad(small, sides, constant_values=PADDING_GREY)
        offset = (-margin, -margin)
        proposals = [seen.scaled(scale, offset) for seen in self._blazeface.propose(padded)]
        height, width = small.shape[:2]
        for quarters in (1, 2, 3):
            for seen in self._blazeface.propose(np.rot90(small, quarters)):  # counter-clockwise
                x, y = seen.center
                center = ((width - y, x), (width - x, height - y), (y, height - x))[quarters - 1]
                rotated = Proposal(
                    np.array(center), seen.side, seen.roll + quarters * np.pi / 2, seen.score
                )
                proposals.append(rotated.scaled(scale))
        return proposals

    def _confirm(
        self, octaves: list[PyramidLevel], proposals: list[Proposal], known: list["_Face"]
    ) -> list["_Face"]:
        """Add the proposals that the mesh verifies to the known faces, without duplicates."""
        faces = list(known)
        tried: list[Proposal] = []
        for proposal in sorted(proposals, key=lambda proposal: -proposal.score):
            if len(tried) == MAX_PROPOSALS:
                break
            boxes = [_box_of(mesh) for _, mesh in faces]
            if any(_is_duplicate(proposal.box, box) for box in boxes) or any(
                _is_duplicate(proposal.box, other.box)
                and np.cos(proposal.roll - other.roll) > DUPLICATE_ROLL_COSINE
                for other in tried
            ):
                continue
            tried.append(proposal)
            mesh = self._fit_mesh(octaves, proposal)
            if mesh is not None and not any(_is_duplicate(_box_of(mesh), box) for box in boxes):
                faces.append((proposal, mesh))
        return faces

    def _fit_mesh(self, octaves: list[PyramidLevel], proposal: Proposal) -> FaceMesh | None:
        """Fit the face mesh to a proposal; None when it is no face."""
        side = CROP_SCALE * proposal.side
        first = self._run_mesh(octaves, proposal.center, side, proposal.roll)
        if first.presence < REJECT_PRESENCE:
            return None
        # The second crop is centered and rotated by the first: on press photographs rolled by 30
        # and 45 degrees 3 to 4 % of the predictions changed, instead of 5 to 6.
        second = self._run_mesh(octaves, *first.crop_square)
        presence = max(first.presence, second.presence)
        if presence >= ROTATION_RETRY_MIN_PRESENCE and second.presence < ROTATION_RETRY_PRESENCE:
            # BlazeFace gives the roll 0 to many faces that are upside down.
            rotated = [
                self._run_mesh(octaves, proposal.center, side, proposal.roll + turn)
                for turn in np.arange(1, 6) * np.pi / 3
            ]
            best = max(rotated, key=lambda mesh: mesh.presence)
            if best.presence > max(second.presence, MIN_PRESENCE):
                # The proposal's center was for another rotation: one pass more to converge.
                first = self._run_mesh(octaves, *best.crop_square)
                second = self._run_mesh(octaves, *first.crop_square)
        presence = max(first.presence, second.presence)
        is_face = second.presence >= MIN_PRESENCE or (
            proposal.score >= CONFIDENT_SCORE and presence >= CONFIDENT_MIN_PRESENCE
        )
        return second if is_face else None

    def _run_mesh(
        self, octaves: list[PyramidLevel], center: NDArray[np.float64], side: float, roll: float
    ) -> FaceMesh:
        """Run the mesh on a square, cut from the smallest octave that fills its input."""
        image, scale = next(
            (octave for octave in reversed(octaves) if side / octave.scale >= INPUT_SIZE),
            octaves[0],
        )
        return self._landmarker.predict(image, center / scale, side / scale, roll).scaled(scale)


_Face = tuple[Proposal, FaceMesh]


def _box_of(mesh: FaceMesh) -> NDArray[np.float64]:
    """Compute the (4,) x_min, y_min, x_max, y_max of a mesh."""
    return np.concatenate([mesh.points.min(axis=0), mesh.points.max(axis=0)])


def _is_found(box: BoundingBox, faces: list[_Face]) -> bool:
    """Tell whether one of the faces is a duplicate of the box."""
    edges = np.array([box.x_min, box.y_min, box.x_max, box.y_max], np.float64)
    return any(_is_duplicate(edges, _box_of(mesh)) for _, mesh in faces)


def _is_duplicate(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return bool(intersection_over_smaller(first, second) > DUPLICATE_OVERLAP)


def _to_detection(
    proposal: Proposal, mesh: FaceMesh, width: int, height: int
) -> FaceDetection | None:
    """Round to whole pixels and clip to the image; None for a face outside of it."""
    x_min, y_min, x_max, y_max = np.rint(_box_of(mesh)).astype(int).tolist()
    x_min, y_min, x_max, y_max = max(0, x_min), max(0, y_min), min(width, x_max), min(height, y_max)
    if x_max <= x_min or y_max <= y_min:
        return None
    score = min(1.0, max(0.0, proposal.score))
    box = BoundingBox(x_min, y_min, x_max, y_max)
    return FaceDetection(box, mesh.keypoints, score, mesh.turn, mesh.aspect)
