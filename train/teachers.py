"""What a run's teachers answer: out of a file of answers, or by asking a model now."""

from collections.abc import Sequence
from pathlib import Path

from fer_core.preprocessing import UInt8Array
from train.answers import Answers, pool
from train.data.dataset import digests

ANSWERS_SUFFIX = ".npz"


def teacher_names(path: Path) -> list[str]:
    """Name and version of each teacher behind a file of answers or in a model's folder.

    Raises:
        ModelLoadError: the folder holds no model.
        RunError: the file holds no answers.
    """
    from fer_core.model import read_info

    if path.suffix == ANSWERS_SUFFIX:
        return list(Answers.load(path).teachers)
    info = read_info(path)
    return [f"{info.name} {info.version}"]


def teach(paths: Sequence[Path], faces: UInt8Array) -> Answers:
    """The pooled answers of all teachers to (N, 48, 48) uint8 faces.

    Raises:
        ModelLoadError: a teacher cannot be loaded.
        RunError: a file leaves a face out.
    """
    from fer_core.model import EmotionModel
    from fer_core.preprocessing import prepare_dataset_faces, preprocess

    known = digests(faces)
    parts = []
    for path in paths:
        if path.suffix == ANSWERS_SUFFIX:
            logits = Answers.load(path).to(faces)
        else:
            print(f"asking {path} about {len(faces)} faces", flush=True)
            model = EmotionModel.load(path)
            spec = model.info.preprocessing
            logits = model.logits(preprocess(prepare_dataset_faces(faces, spec), spec))
        parts.append(Answers(known, logits, tuple(teacher_names(path))))
    return pool(parts)
