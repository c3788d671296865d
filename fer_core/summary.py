"""Computes how long each emotion was seen in a video, over all faces and for each track."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fer_core.emotions import FER2013_LABELS
from fer_core.results import RecognitionResult

DECIMALS = 3  # of seconds
SHARE_DECIMALS = 4


@dataclass(slots=True)
class _Times:
    """Seconds in view for each label, and seconds with uncertain predictions."""

    first: float
    last: float
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FER2013_LABELS, 0.0))
    uncertain: float = 0.0

    def shares(self) -> dict[str, Any]:
        """Compute shares of the time in view; all 0 where there is none."""
        total = sum(self.seconds.values())
        scale = 1 / total if total else 0.0
        return {
            "seconds": round(total, DECIMALS),
            "uncertain": round(self.uncertain * scale, SHARE_DECIMALS),
            "emotions": {
                name: round(seconds * scale, SHARE_DECIMALS)
                for name, seconds in self.seconds.items()
            },
        }


class VideoSummary:
    """Adds up frames of a video as they are read. A frame lasts until the next one."""

    def __init__(self) -> None:
        """Start without frames."""
        self._tracks: dict[int, _Times] = {}
        self._frames = 0
        self._time = 0.0
        self._seen: list[tuple[int, str, bool]] = []

    def add(self, time: float, tracks: Sequence[int], result: RecognitionResult) -> None:
        """Add the next frame.

        Args:
            time: of the frame, in seconds; not before that of the last one.
            tracks: track number of each face.
            result: of the frame.
        """
        self._count_until(time)
        self._frames += 1
        self._time = time
        for track, face in zip(tracks, result.faces, strict=True):
            self._tracks.setdefault(track, _Times(time, time)).last = time
            self._seen.append((track, face.emotion.label, face.emotion.is_uncertain))

    def _count_until(self, time: float) -> None:
        for track, label, uncertain in self._seen:
            self._tracks[track].seconds[label] += time - self._time
            self._tracks[track].uncertain += uncertain * (time - self._time)
        self._seen = []

    def finish(self, end: float) -> dict[str, Any]:
        """Count the last frame and compute the summary.

        Args:
            end: of the video, in seconds.

        Returns:
            For JSON: `duration` in seconds, the number of `frames` that were read, `seconds` in
            view summed over faces, and shares of them: `emotions` by label, `uncertain`
            predictions. The same for each of `tracks`, with the times of its `first` and `last`
            frame, in seconds.
        """
        self._count_until(max(end, self._time))
        whole = _Times(0.0, end)
        for times in self._tracks.values():
            whole.uncertain += times.uncertain
            for name, seconds in times.seconds.items():
                whole.seconds[name] += seconds
        return {
            "duration": round(end, DECIMALS),
            "frames": self._frames,
            **whole.shares(),
            "tracks": [
                {
                    "track": number,
                    "first": round(times.first, DECIMALS),
                    "last": round(times.last, DECIMALS),
                    **times.shares(),
                }
                for number, times in self._tracks.items()
            ],
        }
