"""Follow faces from frame to frame, by position and size alone.

A face keeps its number while it stays in view. Nobody is recognized: no embedding is computed, and
a face that left and comes back gets a new number. Each track predicts its position by an
alpha-beta filter, which assumes constant velocity; detections are assigned to predictions so that
the sum of the distances is least. Probabilities are smoothed within a track.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fer_core.results import BoundingBox, EmotionPrediction, FaceResult, RecognitionResult

STEP_SECONDS = 0.1
"""Time between two frames to which the next two weights apply."""
NEW_SHARE = 0.35
"""Weight of the newest probabilities in their exponential moving average."""
NEW_BOX_SHARE = 0.6
"""Weight of the newest box; the rest is the predicted one."""
MAX_MISSED = 3  # frames in a row
MAX_HIDDEN = 3.0  # seconds that a face behind another one is waited for
GATE, GATE_PER_SECOND, MAX_GATE = 0.5, 3.0, 1.2  # distance from a prediction, in widths of a face
MAX_GROWTH = math.log(2)  # natural logarithm of a face's growth between two frames
GROWTH_WEIGHT = 0.5  # of that logarithm against a distance in widths of a face


class Tracker:
    """Numbers the faces of successive frames and smooths their answers.

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
        counting `MAX_HIDDEN` seconds in which another face covers it. A frame of another size than
        the one before ends all tracks.

        Args:
            result: of the frame, as the recognizer gives it.
            time: of the frame in seconds, from any beginning; not before that of the last call.

        Returns:
            The track number of each face, and the smoothed result; both in the same order, largest
            box first. Probabilities, contempt and boxes are averages over the track's last frames,
            weighted by the time between them and therefore alike at any frame rate; a face that is
            seen for the first time is given as it is. All else is of this frame.
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
        number: given once.
        face: as it was last seen, smoothed.
        time: when that was, in seconds.
        center: (2,) x and y of its filtered position, in pixels.
        size: (2,) filtered width and height, in pixels.
        velocity: (2,) of the centre, in pixels a second.
        missed: number of frames since then.
    """

    number: int
    face: FaceResult
    time: float
    center: NDArray[np.float64]
    size: NDArray[np.float64]
    velocity: NDArray[np.float64]
    missed: int = 0

    def predicted(self, time: float) -> NDArray[np.float64]:
        """(2,) expected centre; a velocity holds no longer than `MAX_HIDDEN`."""
        center: NDArray[np.float64] = self.center + self.velocity * min(
            time - self.time, MAX_HIDDEN
        )
        return center

    def distance(self, face: FaceResult, time: float) -> float:
        """How far a face lies from what is expected, in widths of a face; infinite if too far."""
        center, size = _center_and_size(face.detection.box)
        old, new = float(self.size.mean()), float(size.mean())
        distance = float(np.linalg.norm(center - self.predicted(time))) / math.sqrt(old * new)
        growth = abs(math.log(new / old))
        gate = min(MAX_GATE, GATE + GATE_PER_SECOND * (time - self.time))
        if distance > gate or growth > MAX_GROWTH:
            return math.inf
        return distance + GROWTH_WEIGHT * growth

    def joined(self, face: FaceResult, time: float, image_size: tuple[int, int]) -> "_Track":
        """The track with the face of another frame.

        An alpha-beta filter, with beta by Benedict and Bordner (1962).
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
        """The track after a frame in which only other faces were seen."""
        expected = self.predicted(time)
        hidden = time - self.time <= MAX_HIDDEN and any(
            (np.abs(expected - other.center) < (self.size + other.size) / 2).all() for other in seen
        )
        return self if hidden else replace(self, missed=self.missed + 1)


def _begin(number: int, face: FaceResult, time: float) -> _Track:
    center, size = _center_and_size(face.detection.box)
    return _Track(number, face, time, center, size, velocity=np.zeros(2))


def _share(new: float, elapsed: float) -> float:
    """The weight after some seconds that has the effect of `new` every `STEP_SECONDS`."""
    return 1 - math.pow(1 - new, elapsed / STEP_SECONDS)


def _mean(old: EmotionPrediction, new: EmotionPrediction, share: float) -> EmotionPrediction:
    """The weighted mean of two predictions; all else is of the new one."""
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
    """In whole pixels, within the image."""
    limits = np.array(image_size)
    low = np.clip(np.rint(center - size / 2).astype(int), 0, limits - 1)
    high = np.clip(np.rint(center + size / 2).astype(int), low + 1, limits)
    return BoundingBox(*low.tolist(), *high.tolist())


def _assign(faces: tuple[FaceResult, ...], tracks: list[_Track], time: float) -> list[int | None]:
    """The index of the track of each face, or None: as many pairs as possible, nearest in sum."""
    far = 2 * MAX_GATE * (len(faces) + 1)  # more than all that is near together
    costs = np.array([[track.distance(face, time) for track in tracks] for face in faces])
    # A column for each face that is not in view yet.
    costs = np.hstack([costs.reshape(len(faces), len(tracks)), np.full((len(faces),) * 2, far)])
    chosen = _least_sum(np.minimum(costs, 2 * far))
    return [
        column if column < len(tracks) and costs[row, column] < far else None
        for row, column in enumerate(chosen)
    ]


def _least_sum(costs: NDArray[np.float64]) -> list[int]:
    """Solve the assignment problem: a column for each row, of least total cost.

    Shortest augmenting paths with potentials (Jonker and Volgenant 1987); 50 rows take
    milliseconds.

    Args:
        costs: (N, M) finite, N <= M.

    Returns:
        N different columns.
    """
    rows, columns = costs.shape
    # Row and column numbers are moved by one, so that 0 stands for none.
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
