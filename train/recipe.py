r"""One recipe, from data to a model: teachers, their answers, a student, calibration, report.

    python -m train.recipe product --data DIR --photos DIR --photos DIR --unlabelled DIR \
        --face-weights FILE --out runs/product
    python -m train.recipe product --data DIR --out runs/product --steps teachers answers
    python -m train.recipe product --data DIR --out runs/product --minutes 50
    python -m train.recipe smoke --smoke                on generated faces, in two minutes

The same command goes on where it stopped or was killed: finished steps are skipped. `--minutes`
stops in good order before that time; `--finish` ends begun runs with the epochs that there are.

Steps may be made on different machines, on any Keras backend (`KERAS_BACKEND=jax`), if what a step
is made out of travels with it; only `export` and what follows need TensorFlow. Of a finished run
emotion.keras, history.csv, config.json, origin.json and `trained` are enough, its checkpoints may
stay behind.

| step | makes | out of |
|---|---|---|
| faces | faces/photos/NAME.npz, faces/unlabelled.npz | the folders of --photos and --unlabelled |
| teachers | teachers/NAME: a run folder each | data, files of weights |
| answers | answers/NAME.npz, answers.npz | teachers, data, faces |
| student | student: a run folder | answers.npz, data, faces |
| export | student/emotion.tflite, model.json | student |
| calibration | student/model.json | --photos, data |
| report | report.md | all of the above |

What a recipe consists of is told in recipes/distillation.py.
"""

import argparse
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from train.artifacts.model_folder import (
    NETWORK_FILE,
    load_network,
    network_files,
    save_network,
)
from train.artifacts.run_folder import best, load_best, read_history
from train.cli import add_data_argument, command_parser, data_dir, explained, need
from train.errors import RunError, SettingError
from train.files import replace_file
from train.recipes.config import override
from train.recipes.distillation import DLIB, PUBLISHED, RECIPES, Recipe

if TYPE_CHECKING:
    from fer_core.preprocessing import UInt8Array
    from train.data.dataset import Dataset
    from train.data.face_sets import FaceSet
    from train.inputs.teachers import Answers
    from train.recipes.config import TrainConfig

STEPS = ("faces", "teachers", "answers", "student", "export", "calibration", "report")
TRAINED = "trained"  # a file in a run folder whose epochs are all done, beside the network


class OutOfTimeError(Exception):
    """The minutes are over; the same command goes on."""


@dataclass(frozen=True)
class Workshop:
    """A recipe at work in a folder.

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


def follow(workshop: Workshop, steps: Sequence[str] = STEPS) -> bool:
    """Do some steps of a recipe, in its order, those that are not done.

    Returns:
        Whether they are done; False when the time is over first.

    Raises:
        DataError: data or photographs cannot be read.
        ModelLoadError: a model cannot be loaded.
        RunError: a folder belongs to another config, or a step lacks what an earlier one makes.
    """
    workshop.out.mkdir(parents=True, exist_ok=True)
    try:
        for step in STEPS:
            if step in steps:
                DO[step](workshop)
    except OutOfTimeError:
        print("out of time; the same command goes on", flush=True)
        return False
    return True


def _cut_faces(workshop: Workshop) -> None:
    from train.data.face_sets import FaceSet, cut_face_set

    (workshop.out / "faces" / "photos").mkdir(parents=True, exist_ok=True)
    for folder in workshop.photos:
        path = workshop.out / "faces" / "photos" / f"{folder.name}.npz"
        if not path.exists():
            print(f"faces: cutting {folder}", flush=True)
            cut_face_set(folder).save(path)
    if workshop.unlabelled and not workshop.faces.exists():
        print("faces: cutting the unlabelled photographs", flush=True)
        sets = [cut_face_set(folder) for folder in workshop.unlabelled]
        FaceSet(
            np.concatenate([one.faces for one in sets]),
            [label for one in sets for label in one.labels],
            [person for one in sets for person in one.people],
            [file for one in sets for file in one.files],
        ).save(workshop.faces)


def _train_teachers(workshop: Workshop) -> None:
    for name in workshop.recipe.teachers:
        if name not in workshop.teachers():
            kind = workshop.recipe.teachers[name].weights
            print(f"teachers: {name} is left out; --{kind}-weights FILE adds it", flush=True)
            continue
        teacher = workshop.recipe.teachers[name]
        if teacher.weights == PUBLISHED:
            continue
        run = workshop.out / "teachers" / name
        start = workshop.start_of(name)
        if teacher.weights and not read_history(run) and not start.exists():
            _write_start(workshop, teacher.weights, start)
        init = start if teacher.weights else None
        _fit(workshop, f"teachers: {name}", teacher.config, run, init=init)


def _write_start(workshop: Workshop, kind: str, start: Path) -> None:
    from train.data.fer2013 import load_splits
    from train.networks.transfer import face_network

    training = load_splits(workshop.data)["Training"]
    temporary = start.with_name(start.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    assert kind == DLIB
    network = face_network(dict(workshop.weights)[kind], training)
    temporary.mkdir(parents=True)
    save_network(network, temporary)
    temporary.replace(start)


def _fit(workshop: Workshop, step: str, config: "TrainConfig", run: Path, **arguments: Any) -> None:
    """Train to the end, or as long as there is time."""
    from train.training.fitting import fit

    if (run / TRAINED).exists():
        print(f"{step}: done before", flush=True)
        return
    if workshop.finish and read_history(run):
        print(f"{step}: ends after {len(read_history(run))} epochs", flush=True)
        _end(run, config)
        return
    _stay_in_time(workshop)
    print(f"{step}: training in {run}", flush=True)
    done = fit(
        config,
        workshop.data,
        run,
        workshop.command,
        until=workshop.until,
        export=False,
        **arguments,
    )
    if not done:
        raise OutOfTimeError
    _end(run, config)


def _end(run: Path, config: "TrainConfig") -> None:
    """Write the network of the best epoch, and that there are no more to come."""
    save_network(load_best(run, config, best(read_history(run))["epoch"]), run)
    replace_file(run / TRAINED, "")


def _collect_answers(workshop: Workshop) -> None:
    from fer_core.assets import MODELS_DIR
    from fer_core.model import read_info
    from train.data.dataset import digests
    from train.inputs.teachers import Answers, ask, pool

    faces: UInt8Array | None = None
    parts = []
    (workshop.out / "answers").mkdir(exist_ok=True)
    for name in workshop.teachers():
        run = workshop.out / "teachers" / name
        path = workshop.out / "answers" / f"{name}.npz"
        published = workshop.recipe.teachers[name].weights == PUBLISHED
        version = _published_version() if published else _version(run, name)
        if not path.exists() or (version and Answers.load(path).teachers != (version,)):
            if version is None:
                raise RunError(f"{run} is not trained to its end; make the step teachers first.")
            _stay_in_time(workshop)
            faces = _all_faces(workshop) if faces is None else faces
            print(f"answers: asking {name} about {len(faces)} faces", flush=True)
            if published:
                network = load_network(MODELS_DIR)
                spec = read_info(MODELS_DIR).preprocessing
            else:
                config = workshop.recipe.teachers[name].config
                network = load_best(run, config, best(read_history(run))["epoch"])
                spec = config.preprocessing
            logits = ask(network, faces, spec, workshop.recipe.views)
            Answers(digests(faces), logits, (version,)).save(path)
        parts.append(Answers.load(path))
    if not parts:
        raise RunError("there are no teachers; make the step teachers first.")
    pooled = pool(parts)
    if workshop.answers.exists() and Answers.load(workshop.answers).teachers == pooled.teachers:
        print("answers: done before", flush=True)
        return
    if workshop.recipe.calibrated and workshop.faces.exists():
        pooled = _calibrated_on_unlabelled(workshop, pooled)
    pooled.save(workshop.answers)
    print(f"answers: {workshop.answers} of {', '.join(pooled.teachers)}", flush=True)


def _calibrated_on_unlabelled(workshop: Workshop, answers: "Answers") -> "Answers":
    """The answers, those to unlabelled faces calibrated on the photographs."""
    from fer_core.calibration import softmax
    from train.calibration.network_comparison import fit_calibration, judged_faces
    from train.data.dataset import digests
    from train.data.face_sets import read_face_set
    from train.inputs.teachers import Answers

    judged = judged_faces(_photographs(workshop), answers)
    if judged is None:
        return answers
    calibration = fit_calibration(judged)
    wanted = set(digests(read_face_set(workshop.faces).faces))
    rows = np.flatnonzero([digest in wanted for digest in answers.digests])
    heads = {head: values[rows] for head, values in answers.logits.items()}
    seven = calibration.probabilities(heads)
    contempt = softmax(heads["ferplus"])[:, -1:]
    eight = np.concatenate([(1 - contempt) * seven, contempt], axis=1)
    logits = {head: values.copy() for head, values in answers.logits.items()}
    logits["ferplus"][rows] = np.log(np.maximum(eight, 1e-6))
    logits["fer2013"][rows] = np.log(np.maximum(seven, 1e-6))
    return Answers(answers.digests, logits, answers.teachers)


def _photographs(workshop: Workshop) -> "dict[str, FaceSet]":
    from train.data.face_sets import read_face_set

    paths = sorted((workshop.out / "faces" / "photos").glob("*.npz"))
    return {path.stem: read_face_set(path) for path in paths}


def _all_faces(workshop: Workshop) -> "UInt8Array":
    """All that teachers are asked about: the dataset's faces that train or choose, photographs."""
    from train.data.face_sets import read_face_set
    from train.data.fer2013 import load_splits

    splits = load_splits(workshop.data)
    parts = [splits["Training"].faces, splits["PublicTest"].faces]
    parts += [one.faces for one in _photographs(workshop).values()]
    if workshop.faces.exists():
        parts.append(read_face_set(workshop.faces).faces)
    return np.concatenate(parts)


def _train_student(workshop: Workshop) -> None:
    if not workshop.answers.exists():
        raise RunError(f"{workshop.answers} is missing; make the step answers first.")
    from fer_core.assets import MODELS_DIR

    config = workshop.student_config()
    unlabelled = workshop.faces if config.unlabelled_share else None
    begins_published = workshop.recipe.student_weights == PUBLISHED
    _fit(
        workshop,
        "student",
        config,
        workshop.student,
        teachers=[workshop.answers],
        unlabelled=unlabelled,
        init=MODELS_DIR if begins_published else None,
    )


def _export(workshop: Workshop) -> None:
    from fer_core.model import MODEL_JSON
    from train.artifacts.export import export_run
    from train.data.fer2013 import load_splits

    if (workshop.student / MODEL_JSON).exists():
        print("export: done before", flush=True)
        return
    _need_tensorflow("export")
    history = read_history(workshop.student)
    if not history:
        raise RunError(f"{workshop.student} has no finished epoch; make the step student first.")
    _stay_in_time(workshop)
    public = load_splits(workshop.data)["PublicTest"]
    info = export_run(workshop.student_config(), workshop.student, public, best(history))
    print(f"export: {workshop.student} holds {info.name} {info.version}", flush=True)


def _calibrate(workshop: Workshop) -> None:
    from train.calibration.recalibration import recalibrate
    from train.data.fer2013 import load_splits

    _need_tensorflow("calibration")
    _stay_in_time(workshop)
    public = load_splits(workshop.data)["PublicTest"]
    recalibrate(workshop.student, public, workshop.photos)


def _report(workshop: Workshop) -> None:
    from fer_core.assets import MODELS_DIR
    from fer_core.model import read_info
    from train.data.dataset import digests
    from train.data.fer2013 import load_splits
    from train.inputs.teachers import Answers, ask

    public = load_splits(workshop.data)["PublicTest"]
    faces = [public.faces, *(one.faces for one in _photographs(workshop).values())]
    asked = np.concatenate(faces)
    columns = {}
    if network_files(MODELS_DIR):
        spec = read_info(MODELS_DIR).preprocessing
        logits = ask(load_network(MODELS_DIR), asked, spec)
        columns["published"] = Answers(digests(asked), logits, ("published",))
    for path in sorted((workshop.out / "answers").glob("*.npz")):
        columns[path.stem] = Answers.load(path)
    if workshop.answers.exists():
        columns["teachers together"] = Answers.load(workshop.answers)
    if read_history(workshop.student):
        config = workshop.student_config()
        network = load_best(workshop.student, config, best(read_history(workshop.student))["epoch"])
        logits = ask(network, asked, config.preprocessing)
        columns["student"] = Answers(digests(asked), logits, ("student",))
    figures = {name: _figures(workshop, answers, public) for name, answers in columns.items()}
    text = _table(figures)
    replace_file(workshop.out / "report.md", text)
    print(text, flush=True)


def _figures(workshop: Workshop, answers: "Answers", public: "Dataset") -> dict[str, float]:
    from train.calibration.network_comparison import (
        cross_validated,
        discrimination,
        judged_faces,
    )

    logits = answers.to(public.faces)
    judged = public.reference >= 0
    figures = {
        "PublicTest by FER2013": float((logits["fer2013"].argmax(axis=1) == public.labels).mean()),
        "PublicTest by FER+": float(
            (logits["ferplus"].argmax(axis=1) == public.reference)[judged].mean()
        ),
    }
    photographs = judged_faces(_photographs(workshop), answers)
    if photographs is not None:
        figures |= {f"{name}, area": area for name, area in discrimination(photographs).items()}
        figures |= cross_validated(photographs)
    return figures


def _table(figures: dict[str, dict[str, float]]) -> str:
    names = list(dict.fromkeys(name for column in figures.values() for name in column))
    lines = [
        "Flip averaged, before int8; figures of photographs with a calibration that is",
        "cross-validated by person. PublicTest and photographs choose, nothing here is a test.",
        "",
        f"| figure | {' | '.join(figures)} |",
        f"|---|{'---:|' * len(figures)}",
    ]
    for name in names:
        cells = [f"{column[name]:.4f}" if name in column else "" for column in figures.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _published_version() -> str:
    from fer_core.assets import MODELS_DIR
    from fer_core.model import read_info

    info = read_info(MODELS_DIR)
    return f"{info.name} {info.version}"


def _version(run: Path, name: str) -> str | None:
    """The teacher's name and the digest of its network; None where there is none yet."""
    path = run / NETWORK_FILE
    if not (run / TRAINED).exists() or not path.exists():
        return None
    return f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def _need_tensorflow(step: str) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise RunError(f"the step {step} needs TensorFlow: unset KERAS_BACKEND, or name --steps.")


def _stay_in_time(workshop: Workshop) -> None:
    if workshop.until is not None and time.monotonic() > workshop.until:
        raise OutOfTimeError


DO: dict[str, Callable[[Workshop], None]] = {
    "faces": _cut_faces,
    "teachers": _train_teachers,
    "answers": _collect_answers,
    "student": _train_student,
    "export": _export,
    "calibration": _calibrate,
    "report": _report,
}


def adjust(recipe: Recipe, setting: str) -> Recipe:
    """The recipe with a field of one step's config changed.

    Args:
        recipe: to start from; not touched.
        setting: `student.FIELD=VALUE`, or the name of a teacher instead of `student`.

    Raises:
        SettingError: there is no such step or field, or its value is of another type or range.
    """
    name, _, rest = setting.partition(".")
    if name == "student":
        return replace(recipe, student=override(recipe.student, rest))
    if name not in recipe.teachers:
        known = ", ".join(["student", *recipe.teachers])
        raise SettingError(f"there is no step {name!r} to set; name one of {known}.")
    teacher = recipe.teachers[name]
    changed = replace(teacher, config=override(teacher.config, rest))
    return replace(recipe, teachers={**recipe.teachers, name: changed})


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser, options = _parse(arguments)
    need("training")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    recipe = RECIPES[options.recipe]
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    with explained():
        for setting in options.set:
            recipe = adjust(recipe, setting)
        with tempfile.TemporaryDirectory() as folder:
            workshop = Workshop(
                recipe,
                options.recipe,
                data=Path(folder) if options.smoke else data_dir(parser, options),
                out=options.out or Path("runs") / options.recipe,
                photos=tuple(options.photos),
                unlabelled=tuple(options.unlabelled),
                weights=() if options.face_weights is None else ((DLIB, options.face_weights),),
                until=until,
                finish=options.finish,
            )
            if options.smoke:
                workshop = _on_generated_faces(workshop)
            follow(workshop, options.steps)


def _on_generated_faces(workshop: Workshop) -> Workshop:
    """With drawn faces in its data folder, and there, too, the rendered portraits of examples/.

    Each portrait comes in several exposures, for a calibration is cross-validated on five or more.
    """
    import cv2

    from fer_core.images import load_image
    from train.data.photographs import read_portraits
    from train.data.synthetic import write_synthetic_dataset

    photos = workshop.data / "portraits"
    photos.mkdir()
    write_synthetic_dataset(workshop.data, faces_per_split=(320, 70, 70))
    rows = ["file,label,person"]
    for portrait in read_portraits(Path(__file__).parent.parent / "examples"):
        picture = load_image(portrait.path)[..., ::-1]
        for number, exposure in enumerate((0.5, 0.7, 0.85, 1.0, 1.15)):
            name = f"{portrait.path.stem}_{number}.jpg"
            cv2.imwrite(str(photos / name), cv2.convertScaleAbs(picture, alpha=exposure))
            rows.append(f"{name},{portrait.label},{portrait.person}")
    (photos / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return replace(workshop, photos=(photos,), unlabelled=(photos,))


def _parse(arguments: list[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = command_parser("train.recipe", __doc__)
    parser.add_argument("recipe", choices=sorted(RECIPES), help="what to make")
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/RECIPE")
    parser.add_argument(
        "--photos",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="development photographs with labels.csv: file, label, person; may be repeated",
    )
    parser.add_argument(
        "--unlabelled",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="photographs that train without their labels, of other people; may be repeated",
    )
    parser.add_argument(
        "--face-weights",
        type=Path,
        metavar="FILE",
        help="dlib_face_recognition_resnet_model_v1.dat, for the teacher `face`",
    )
    parser.add_argument("--minutes", type=float, help="stop in good order before so many")
    parser.add_argument(
        "--finish",
        action="store_true",
        help="train begun runs no further: take the best of the epochs that there are",
    )
    parser.add_argument(
        "--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP", help="only these"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STEP.KEY=VALUE",
        help="a field of a step's config: student.epochs=20, plain.shape.width=48",
    )
    parser.add_argument("--smoke", action="store_true", help="on generated faces")
    return parser, parser.parse_args(arguments)


if __name__ == "__main__":
    main()
