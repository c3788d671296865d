"""A recipe that is followed in a folder: what lies where."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from train.artifacts.run_folder import read_history
from train.recipes.distillation import PUBLISHED, Recipe

if TYPE_CHECKING:
    from train.data.face_sets import FaceSet
    from train.recipes.config import TrainConfig


@dataclass(frozen=True)
class RecipeRun:
    """A recipe that is followed in a folder.

    Attributes:
        recipe: what is made.
        name: of the recipe.
        data: a folder as `train.data.fer2013` describes it.
        out: where everything goes.
        photos: folders of development photographs, for the step `faces` and the calibration.
        unlabelled: folders of photographs that train without labels, for the step `faces`.
        weights: files that teachers begin with, by the name of their kind.
        until: `time.monotonic()` at which to stop, None for when all is done.
        finish: train no further, take the best of the epochs that there are.
    """

    recipe: Recipe
    name: str
    data: Path
    out: Path
    photos: tuple[Path, ...] = ()
    unlabelled: tuple[Path, ...] = ()
    weights: tuple[tuple[str, Path], ...] = ()
    until: float | None = None
    finish: bool = False

    def teachers(self) -> list[str]:
        """Names of the teachers that take part: those that can begin, or have begun."""
        files = dict(self.weights)
        return [
            name
            for name, teacher in self.recipe.teachers.items()
            if teacher.weights in ("", PUBLISHED)
            or teacher.weights in files
            or read_history(self.out / "teachers" / name)
            or self.start_of(name).exists()
        ]

    def start_of(self, name: str) -> Path:
        """The folder of the network that a teacher with given weights begins with."""
        return self.out / "teachers" / f"{name}-start"

    @property
    def faces(self) -> Path:
        """The faces of the unlabelled photographs."""
        return self.out / "faces" / "unlabelled.npz"

    @property
    def answers(self) -> Path:
        """The pooled answers of the teachers."""
        return self.out / "answers.npz"

    @property
    def student(self) -> Path:
        """The student's run folder, which becomes the model."""
        return self.out / "student"

    def student_config(self) -> "TrainConfig":
        """The student's config; without unlabelled faces none are asked for."""
        config = self.recipe.student
        return config if self.faces.exists() else replace(config, unlabelled_share=0.0)

    @property
    def command(self) -> str:
        """The command as another person would type it."""
        words = [f"python -m train.recipe {self.name} --data DIR"]
        words += ["--photos DIR"] * len(self.photos)
        words += ["--unlabelled DIR"] * len(self.unlabelled)
        words += [f"--{kind}-weights FILE" for kind, _ in self.weights]
        return " ".join([*words, f"--out {self.out}"])


def read_face_sets(recipe_run: RecipeRun) -> "dict[str, FaceSet]":
    """Read the faces of the development photographs, by the name of their set."""
    from train.data.face_sets import read_face_set

    paths = sorted((recipe_run.out / "faces" / "photos").glob("*.npz"))
    return {path.stem: read_face_set(path) for path in paths}
