"""Tracks faces from frame to frame, by position and size alone.

A face keeps its track number while it stays in view. No embedding is computed and nobody is
identified; a face that left and comes back gets a new number. Each track predicts its position by
an alpha-beta filter, which assumes constant velocity. Detections are assigned to predictions with
the least sum of distances. Probabilities are smoothed within a track.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fer_core.results import BoundingBox, EmotionPrediction, FaceResult, RecognitionResult

STEP_SECONDS = 0.1
"""Time between two frames for which the next two weights hold."""
NEW_SHARE = 0.35
"""Weight of the newest probabilities in their exponential moving average."""
NEW_BOX_SHARE = 0.6
"""Weight of the newest box; the rest is the predicted one."""
MAX_MISSED = 3  # frames in a row
MAX_OCCLUDED = 3.0  # seconds that a track survives behind another face
GATE, GATE_PER_SECOND, MAX_GATE = 0.5, 3.0, 1.2  # distance from a prediction, in widths of a face
MAX_GROWTH = math.log(2)  # natural logarithm of a face's growth between two frames
GROWTH_WEIGHT = 0.5  # of that logarithm against a distance in widths of a face


class Tracker:
    """Numbers the faces of successive frames and smooths boxes and probabilities.

    One instance for each video or camera, not to be shared by threads.
    """

    def __init__(self) -> None:
        """Start without tracks; the first face gets the number 1."""
        self._tracks: list[_Track] = []
        self._count = 0
        self._image_size = (0, 0)

    def update(
        self, result: RecognitionResult, time: float
    ) -> tuple[tuple[int, ...], RecognitionResult]:
        """Assign the faces of the next frame to tracks.

        A face keeps its number while it is missed in at most `MAX_MISSED` frames in a row, not
        counting `MAX_OCCLUDED` seconds in which another face occludes it. A frame of another size
        than the one before ends all tracks.

        Args:
            result: of the frame, as the recognizer gives it.
            time: of the frame in seconds, from any origin; not before that of the last call.

        Returns:
            The track number of each face, and the smoothed result; both in the same order, largest
            box first. Probabilities, contempt and boxes are averages over the track's last frames,
            weighted by the time between them, so that smoothing is the same at any frame rate; a
            new track is not smoothed. All else is of this frame.
        """
        before = self._tracks if result.image_size == self._image_size else []
        matches = _assign(result.faces, before, time)
        seen: list[_Track] = []
        for face, match in zip(result.faces, matches, strict=True):
            if match is None:
                self._count += 1
                seen.append(_begin(self._count, face, time))
            else:
                seen.append(before[match].joined(face, time, result.image_size))
        seen.sort(key=lambda track: -track.face.detection.box.area)
        waiting = [
            track.missed_at(time, seen)
            for index, track in enumerate(before)
            if index not in matches
        ]
        self._tracks = seen + [track for track in waiting if track.missed <= MAX_MISSED]
        self._image_size = result.image_size
        faces = tuple(track.face for track in seen)
        return tuple(track.number for track in seen), replace(result, faces=faces)


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no single truth value
class _Track:
    """A face in view.

    Attributes:
        number: unique in the video.
        face: at the last detection, smoothed.
        time: of the last detection, in seconds.
        center: (2,) x and y of the filtered position, in pixels.
        size: (2,) filtered width and height, in pixels.
        velocity: (2,) of the centre, in pixels a second.
        missed: number of frames since the last detection.
    """

    number: int
    face: FaceResult
    time: float
    center: NDArray[np.float64]
    size: NDArray[np.float64]
    velocity: NDArray[np.float64]
    missed: int = 0

    def predicted(self, time: float) -> NDArray[np.float64]:
        """Predict the (2,) center; the velocity is applied for `MAX_OCCLUDED` seconds at most."""
        center: NDArray[np.float64] = self.center + self.velocity * min(
            time - self.time, MAX_OCCLUDED
        )
        return center

    def distance(self, face: FaceResult, time: float) -> float:
        """Compute the distance to the predicted position, in face widths; infinite if too far."""
        center, size = _center_and_size(face.detection.box)
        old, new = float(self.size.mean()), float(size.mean())
        distance = float(np.linalg.norm(center - self.predicted(time))) / math.sqrt(old * new)
        growth = abs(math.log(new / old))
        gate = min(MAX_GATE, GATE + GATE_PER_SECOND * (time - self.time))
        if distance > gate or growth > MAX_GROWTH:
            return math.inf
        return distance + GROWTH_WEIGHT * growth

    def joined(self, face: FaceResult, time: float, image_size: tuple[int, int]) -> "_Track":
        """Update the track with the face of another frame.

        Applies an alpha-beta filter, with beta by Benedict and Bordner (1962).
        """
        elapsed = max(time - self.time, 1e-3)  # seconds
        alpha = _share(NEW_BOX_SHARE, elapsed)
        beta = alpha**2 / (2 - alpha)
        center, size = _center_and_size(face.detection.box)
        predicted = self.predicted(time)
        error = center - predicted
        center = predicted + alpha * error
        size = self.size + alpha * (size - self.size)
        box = _box(center, size, image_size)
        emotion = _mean(self.face.emotion, face.emotion, _share(NEW_SHARE, elapsed))
        face = replace(face, detection=replace(face.detection, box=box), emotion=emotion)
        velocity = self.velocity + beta / elapsed * error
        return _Track(self.number, face, time, center, size, velocity)

    def missed_at(self, time: float, seen: list["_Track"]) -> "_Track":
        """Update the track after a frame in which it was not detected."""
        expected = self.predicted(time)
        occluded = time - self.time <= MAX_OCCLUDED and any(
            (np.abs(expected - other.center) < (self.size + other.size) / 2).all() for other in seen
        )
        return self if occluded else replace(self, missed=self.missed + 1)


def _begin(number: int, face: FaceResult, time: float) -> _Track:
    center, size = _center_and_size(face.detection.box)
    return _Track(number, face, time, center, size, velocity=np.zeros(2))


def _share(new: float, elapsed: float) -> float:
    """Convert a weight for `STEP_SECONDS` to one for `elapsed` seconds."""
    return 1 - math.pow(1 - new, elapsed / STEP_SECONDS)


def _mean(old: EmotionPrediction, new: EmotionPrediction, share: float) -> EmotionPrediction:
    """Average two predictions by weight; all else is of the new one."""
    probabilities = {
        name: share * value + (1 - share) * old.probabilities[name]
        for name, value in new.probabilities.items()
    }
    contempt = share * new.contempt + (1 - share) * old.contempt
    return replace(new, probabilities=probabilities, contempt=contempt)


def _center_and_size(box: BoundingBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    edges = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]], np.float64)
    return edges.mean(axis=0), edges[1] - edges[0]


def _box(
    center: NDArray[np.float64], size: NDArray[np.float64], image_size: tuple[int, int]
) -> BoundingBox:
    """Round to whole pixels and clip to the image."""
    limits = np.array(image_size)
    low = np.clip(np.rint(center - size / 2).astype(int), 0, limits - 1)
    high = np.clip(np.rint(center + size / 2).astype(int), low + 1, limits)
    return BoundingBox(*low.tolist(), *high.tolist())


def _assign(faces: tuple[FaceResult, ...], tracks: list[_Track], time: float) -> list[int | None]:
    """Assign a track to each face: as many pairs as possible, with the least sum of distances.

    Returns:
        The index of the track, or None for a new face.
    """
    far = 2 * MAX_GATE * (len(faces) + 1)  # more than the sum of all distances within the gate
    costs = np.array([[track.distance(face, time) for track in tracks] for face in faces])
    # A column for each face that is new.
    costs = np.hstack([costs.reshape(len(faces), len(tracks)), np.full((len(faces),) * 2, far)])
    chosen = _least_sum(np.minimum(costs, 2 * far))
    return [
        column if column < len(tracks) and costs[row, column] < far else None
        for row, column in enumerate(chosen)
    ]


def _least_sum(costs: NDArray[np.float64]) -> list[int]:
    """Solve the assignment problem: a column for each row, with the least total cost.

    Shortest augmenting paths with potentials (Jonker and Volgenant 1987); 50 rows take
    milliseconds.

    Args:
        costs: (N, M) finite, N <= M.

    Returns:
        N different columns.
    """
    rows, columns = costs.shape
    # Row and column numbers start at 1; 0 is none.
    row_potential, column_potential = np.zeros(rows + 1), np.zeros(columns + 1)
    row_of = np.zeros(columns + 1, int)
    for row in range(1, rows + 1):
        row_of[0], column = row, 0
        shortest, came_from = np.full(columns + 1, np.inf), np.zeros(columns + 1, int)
        done = np.zeros(columns + 1, bool)
        while row_of[column]:
            done[column] = True
            at = row_of[column]
            reduced = costs[at - 1] - row_potential[at] - column_potential[1:]
            nearer = ~done[1:] & (reduced < shortest[1:])
            shortest[1:][nearer], came_from[1:][nearer] = reduced[nearer], column
            column = int(np.argmin(np.where(done, np.inf, shortest)))
            step = shortest[column]
            row_potential[row_of[done]] += step
            column_potential[done] -= step
            shortest[~done] -= step
        while column:
            row_of[column], column = row_of[came_from[column]], came_from[column]
    chosen = np.zeros(rows, int)
    chosen[row_of[1:][row_of[1:] > 0] - 1] = np.flatnonzero(row_of[1:])
    return [int(column) for column in chosen]
