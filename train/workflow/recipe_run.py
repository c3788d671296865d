"""A recipe that is run in a folder: its inputs, and the paths of its results."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from train.artifacts.run_folder import read_history
from train.data.dataset import Dataset
from train.data.face_sets import FaceSet, read_face_set
from train.data.fer2013 import load_splits
from train.recipes.config import TrainConfig
from train.recipes.distillation import PUBLISHED, Recipe


@dataclass(frozen=True)
class RecipeRun:
    """A recipe that is run in a folder."""

    recipe: Recipe
    name: str  # of the recipe
    data: Path  # a folder as `train.data.fer2013` describes it
    out: Path  # folder of all results
    photos: tuple[Path, ...] = ()  # development photographs, for faces and calibration
    unlabelled: tuple[Path, ...] = ()  # photographs that train without labels
    # Files of pretrained weights, by the name of their kind.
    weights: Mapping[str, Path] = field(default_factory=dict)
    until: float | None = None  # `time.monotonic()` before which to stop; None for no limit
    finish: bool = False  # train no further, take the best of the finished epochs

    def teachers(self) -> list[str]:
        """Name the teachers whose initial weights are available, or that were started already."""
        return [
            name
            for name, teacher in self.recipe.teachers.items()
            if teacher.weights in ("", PUBLISHED)
            or teacher.weights in self.weights
            or read_history(self.out / "teachers" / name)
            or self.start_of(name).exists()
        ]

    def start_of(self, name: str) -> Path:
        """Return the folder of the initial network of a teacher with pretrained weights."""
        return self.out / "teachers" / f"{name}-start"

    @cached_property
    def splits(self) -> dict[str, Dataset]:
        """The dataset, by split.

        Raises:
            DataError: it cannot be read.
        """
        return load_splits(self.data)

    def face_sets(self) -> dict[str, FaceSet]:
        """Read the faces of the development photographs, by the name of their set."""
        paths = sorted((self.out / "faces" / "photos").glob("*.npz"))
        return {path.stem: read_face_set(path) for path in paths}

    @property
    def faces(self) -> Path:
        """Path of the faces of the unlabelled photographs."""
        return self.out / "faces" / "unlabelled.npz"

    @property
    def answers(self) -> Path:
        """Path of the averaged logits of the teachers."""
        return self.out / "answers.npz"

    @property
    def student(self) -> Path:
        """The student's run folder, which becomes the model."""
        return self.out / "student"

    def student_config(self) -> TrainConfig:
        """Return the student's config, with unlabelled_share 0 if there are no such faces."""
        config = self.recipe.student
        return config if self.faces.exists() else replace(config, unlabelled_share=0.0)

    @property
    def command(self) -> str:
        """The command that repeats this recipe, without this machine's folders."""
        words = [f"python -m train.recipe {self.name} --data DIR"]
        words += ["--photos DIR"] * len(self.photos)
        words += ["--unlabelled DIR"] * len(self.unlabelled)
        words += [f"--{kind}-weights FILE" for kind in self.weights]
        return " ".join([*words, f"--out {self.out}"])
