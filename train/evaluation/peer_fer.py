"""Predict the same images with the `fer` package, in an environment of its own.

Its requirements contradict ours, so it needs another virtual environment:

    python3.11 -m venv PEER
    PEER/bin/pip install fer tensorflow-cpu "opencv-contrib-python<5" "setuptools<81"
    python -m train.evaluate --data DIR --fer-python PEER/bin/python

All predictions come from `FER().detect_emotions` with its default settings: faces of the dataset
with a rectangle by which it crops exactly the face, photographs with its own detector, of which the
largest face counts. The package rounds its scores to two digits.

This file is imported by `train.evaluate`, and run as a program by the other interpreter.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
OFFSET = 10  # pixels that detect_emotions adds around a rectangle
MINUTES = 30


def predict(
    python: Path, faces: NDArray[np.uint8], photographs: Sequence[Path] = ()
) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Predict emotions with `fer`.

    Args:
        python: the interpreter of an environment with the package.
        faces: (N, h, w) uint8 grey, cropped.
        photographs: paths of images that OpenCV reads.

    Returns:
        (N, 7) scores of the faces, rows of sum 1; (M, 7) of the photographs, NaN where it detected
        no face; the package's version.

    Raises:
        PeerError: the interpreter cannot be run, or the package fails there.
    """
    from train.errors import PeerError  # not at the top: the other environment has no such package

    with tempfile.TemporaryDirectory() as folder:
        question, reply = Path(folder) / "question.npz", Path(folder) / "reply.npz"
        paths = [str(path.resolve()) for path in photographs]
        np.savez(question, faces=faces, photographs=np.array(paths, dtype=str))
        try:
            subprocess.run(
                [str(python), __file__, str(question), str(reply)],
                check=True,
                capture_output=True,
                text=True,
                timeout=60 * MINUTES,
            )
        except OSError as error:
            raise PeerError(f"{python} cannot be run: {error.strerror}.") from error
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"fer did not finish within {MINUTES} minutes.") from error
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["it predictions nothing"])[-1]
            raise PeerError(f"fer failed in {python}: {last}") from error
        with np.load(reply) as answers:
            return answers["faces"], answers["photographs"], str(answers["version"])


def _serve(question: Path, reply: Path) -> None:
    """Predict the images of a file; runs in the other environment."""
    import cv2
    import fer
    from fer.fer import FER

    reader = FER()

    def scores(emotions: dict[str, float]) -> Any:
        row = np.array([emotions[name] for name in NAMES], np.float64)
        return row / max(float(row.sum()), 1e-9)

    with np.load(question) as asked:
        faces, photographs = asked["faces"], asked["photographs"]
    height, width = faces.shape[1:]
    inside = [(OFFSET, OFFSET, width - 2 * OFFSET, height - 2 * OFFSET)]
    of_faces = np.zeros((len(faces), len(NAMES)))
    for row, face in enumerate(faces):
        (found,) = reader.detect_emotions(np.dstack([face] * 3), face_rectangles=inside)
        of_faces[row] = scores(found["emotions"])
    of_photographs = np.full((len(photographs), len(NAMES)), np.nan)
    for row, path in enumerate(photographs):
        every = reader.detect_emotions(cv2.imread(str(path)))
        if every:
            largest = max(every, key=lambda one: one["box"][2] * one["box"][3])
            of_photographs[row] = scores(largest["emotions"])
    np.savez(reply, faces=of_faces, photographs=of_photographs, version=np.array(fer.__version__))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
