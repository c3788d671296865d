"""Read a clip by the `fer` package's own video reader, in that package's environment.

    PEER/bin/python benchmarks/fer_video.py CLIP

train/evaluation/peer_fer.py tells how to make the environment. Prints JSON: the package's version,
the boxes that it found in each frame (x, y, width, height in pixels), and the seconds it took, by
the clock and of all processors, not counting imports and the loading of models. It reads every
frame with its default detector and writes no pictures.
"""

import contextlib
import json
import sys
import tempfile
import time
from typing import Any


def main(clip: str) -> None:
    """Read a clip and print."""
    import cv2
    import fer
    from fer.classes import Video
    from fer.fer import FER

    boxes: list[list[list[int]]] = []

    class Noting(FER):  # type: ignore[misc]  # has no types
        def detect_emotions(self, *given: Any, **named: Any) -> Any:
            found = super().detect_emotions(*given, **named)
            boxes.append([[int(edge) for edge in face["box"]] for face in found])
            return found

    reader = Noting()
    _, first = cv2.VideoCapture(clip).read()
    reader.detect_emotions(first)  # TensorFlow builds its graph at the first call
    boxes.clear()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
    ):  # where it leaves a table
        video = Video(clip, outdir=folder)
        begin, worked = time.perf_counter(), time.process_time()
        video.analyze(
            reader, save_frames=False, save_video=False, annotate_frames=False, zip_images=False
        )
        seconds, cpu = time.perf_counter() - begin, time.process_time() - worked
    print(json.dumps({"version": fer.__version__, "seconds": seconds, "cpu": cpu, "boxes": boxes}))


if __name__ == "__main__":
    main(sys.argv[1])
