"""Computes how often each emotion was predicted: shares of images, and of the time of videos."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from fer_core.emotions import FER2013_LABELS
from fer_core.progress import duration

NO_FACE = "no face"


class Shares:
    """Counts the largest face of each image or frame, from the rows of a table in order."""

    def __init__(self, every: float) -> None:
        """Start with all counts 0.

        Args:
            every: seconds that the last frame of a video counts; the others count until the next.
        """
        self._every = every
        self._images: dict[str, float] = defaultdict(float)
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[Any] = set()
        self._frame: tuple[Any, float, str] | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row; numbers may be text, missing values None or empty."""
        file, label = row["file"], row["label"] or NO_FACE
        if row["error"]:
            self._failed.add(file)
        elif row["face"] not in (None, "", 1, "1"):
            return
        elif row["time"] in (None, ""):
            self._images[label] += 1
        else:
            self._next_frame((file, float(row["time"]), label))

    def _next_frame(self, frame: tuple[Any, float, str] | None) -> None:
        before, self._frame = self._frame, frame
        if before is not None:
            file, time, label = before
            same = frame is not None and frame[0] == file
            self._seconds[label] += frame[1] - time if frame is not None and same else self._every

    def text(self) -> str:
        """Write the shares as a table, with the number of files that could not be read."""
        self._next_frame(None)
        kinds: list[tuple[str, dict[str, float], Callable[[float], str]]] = [
            ("images", self._images, lambda count: f"{count:,.0f}"),
            ("time of videos", self._seconds, duration),
        ]
        kinds = [kind for kind in kinds if kind[1]]
        lines = [f"{'':10}" + "".join(f"{title:>24}" for title, _, _ in kinds)]
        for name in (*FER2013_LABELS, NO_FACE):
            cells = [
                f"{show(counts[name]):>15} {counts[name] / sum(counts.values()):>8.1%}"
                for _, counts, show in kinds
            ]
            lines.append(f"{name:10}" + "".join(cells))
        if not kinds:
            lines = ["Nothing was read."]
        if self._failed:
            lines.append(f"{len(self._failed):,} files could not be read, or not to their end.")
        return "\n".join(lines)
