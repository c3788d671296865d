"""Run the steps of a recipe, from data to a model; finished steps are skipped."""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.calibration import softmax
from fer_core.model import MODEL_JSON
from fer_core.preprocessing import UInt8Array
from train.artifacts.export import export_run
from train.artifacts.model_folder import NETWORK_FILE, save_network
from train.artifacts.run_folder import load_best, read_history
from train.calibration.fitting import fit as fit_calibration
from train.calibration.network_comparison import FORM, STRENGTH, judged_faces
from train.calibration.recalibration import recalibrate
from train.data.dataset import digests
from train.data.face_sets import FaceSet, crop_face_set, read_face_set
from train.errors import RunError
from train.files import replace_file
from train.inputs.teachers import (
    TeacherLogits,
    average_teachers,
    collect_logits,
    predict_views,
    teacher_names,
)
from train.networks.transfer import pretrained_network
from train.recipes.config import TrainConfig
from train.recipes.distillation import PUBLISHED, Teacher
from train.training.fitting import fit
from train.workflow.recipe_run import RecipeRun
from train.workflow.report import write_report

TRAINED = "trained"  # a file in a run folder whose epochs are all done, beside the network


class OutOfTimeError(Exception):
    """The time is over; the same command resumes."""


def run_steps(recipe_run: RecipeRun, steps: Sequence[str]) -> bool:
    """Run some steps of a recipe, in its order, those that are not done.

    Returns:
        Whether they are done; False if the time was over first.

    Raises:
        DataError: data or photographs cannot be read.
        ModelLoadError: a model cannot be loaded.
        RunError: a folder belongs to another config, or a step lacks results of an earlier one.
    """
    recipe_run.out.mkdir(parents=True, exist_ok=True)
    try:
        for step, function in STEP_FUNCTIONS.items():
            if step in steps:
                function(recipe_run)
    except OutOfTimeError:
        print("out of time; the same command resumes", flush=True)
        return False
    return True


def _crop_faces(recipe_run: RecipeRun) -> None:
    (recipe_run.out / "faces" / "photos").mkdir(parents=True, exist_ok=True)
    for folder in recipe_run.photos:
        path = recipe_run.out / "faces" / "photos" / f"{folder.name}.npz"
        if not path.exists():
            print(f"faces: cutting {folder}", flush=True)
            crop_face_set(folder).save(path)
    if recipe_run.unlabelled and not recipe_run.faces.exists():
        print("faces: cutting the unlabelled photographs", flush=True)
        sets = [crop_face_set(folder) for folder in recipe_run.unlabelled]
        FaceSet(
            np.concatenate([one.faces for one in sets]),
            [label for one in sets for label in one.labels],
            [person for one in sets for person in one.people],
            [file for one in sets for file in one.files],
        ).save(recipe_run.faces)


def _train_teachers(recipe_run: RecipeRun) -> None:
    available = recipe_run.teachers()
    for name, teacher in recipe_run.recipe.teachers.items():
        if name not in available:
            print(
                f"teachers: {name} is left out; --{teacher.weights}-weights FILE adds it",
                flush=True,
            )
        elif teacher.weights != PUBLISHED:
            run, start = recipe_run.out / "teachers" / name, recipe_run.start_of(name)
            if teacher.weights and not read_history(run) and not start.exists():
                _write_start(recipe_run, teacher, start)
            init = start if teacher.weights else None
            _fit(recipe_run, f"teachers: {name}", teacher.config, run, init=init)


def _write_start(recipe_run: RecipeRun, teacher: Teacher, start: Path) -> None:
    temporary = start.with_name(start.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    weights = recipe_run.weights[teacher.weights]
    network = pretrained_network(teacher.config.network, weights, recipe_run.splits["Training"])
    temporary.mkdir(parents=True)
    save_network(network, temporary)
    temporary.replace(start)


def _fit(
    recipe_run: RecipeRun, step: str, config: TrainConfig, run: Path, **arguments: Any
) -> None:
    """Train a run to its end, or as long as time permits."""
    if (run / TRAINED).exists():
        print(f"{step}: done before", flush=True)
        return
    epochs = len(read_history(run))
    if recipe_run.finish and epochs:
        print(f"{step}: ends after {epochs} epochs", flush=True)
    else:
        _check_time(recipe_run)
        print(f"{step}: training in {run}", flush=True)
        data, command, until = recipe_run.data, recipe_run.command, recipe_run.until
        if not fit(config, data, run, command, until=until, export=False, **arguments):
            raise OutOfTimeError
    save_network(load_best(run, config), run)
    replace_file(run / TRAINED, "")


def _collect_answers(recipe_run: RecipeRun) -> None:
    (recipe_run.out / "answers").mkdir(exist_ok=True)
    faces = _all_faces(recipe_run)
    parts = [_answers_of(recipe_run, name, faces) for name in recipe_run.teachers()]
    if not parts:
        raise RunError("there are no teachers; make the step teachers first.")
    pooled, path = average_teachers(parts), recipe_run.answers
    if path.exists() and _answer_alike(TeacherLogits.load(path), pooled):
        print("answers: done before", flush=True)
        return
    if recipe_run.faces.exists():
        pooled = _calibrated_on_unlabelled(recipe_run, pooled)
    pooled.save(path)
    print(f"answers: {path} of {', '.join(pooled.teachers)}", flush=True)


def _answer_alike(one: TeacherLogits, other: TeacherLogits) -> bool:
    """Return whether logits are of the same teachers for the same faces."""
    return one.teachers == other.teachers and list(one.digests) == list(other.digests)


def _answers_of(recipe_run: RecipeRun, name: str, faces: UInt8Array) -> TeacherLogits:
    """Return a teacher's logits for all faces, from its file if that is of these and its version.

    A file alone, without the teacher, is taken as it is.
    """
    run = recipe_run.out / "teachers" / name
    path = recipe_run.out / "answers" / f"{name}.npz"
    teacher = recipe_run.recipe.teachers[name]
    published = teacher.weights == PUBLISHED
    version = teacher_names(MODELS_DIR)[0] if published else _version(run, name)
    if path.exists():
        known = TeacherLogits.load(path)
        if version is None or _answer_alike(known, TeacherLogits(digests(faces), {}, (version,))):
            return known
    if version is None:
        raise RunError(f"{run} is not trained to its end; make the step teachers first.")
    _check_time(recipe_run)
    print(f"answers: asking {name} about {len(faces)} faces", flush=True)
    if published:
        answers = collect_logits([MODELS_DIR], faces)
    else:
        spec, views = teacher.config.preprocessing, recipe_run.recipe.views
        logits = predict_views(load_best(run, teacher.config), faces, spec, views)
        answers = TeacherLogits(digests(faces), logits, (version,))
    answers.save(path)
    return answers


def _all_faces(recipe_run: RecipeRun) -> UInt8Array:
    """Collect all faces that teachers predict: Training, PublicTest and photographs."""
    parts = [recipe_run.splits[name].faces for name in ("Training", "PublicTest")]
    parts += [one.faces for one in recipe_run.face_sets().values()]
    if recipe_run.faces.exists():
        parts.append(read_face_set(recipe_run.faces).faces)
    return np.concatenate(parts)


def _calibrated_on_unlabelled(
    recipe_run: RecipeRun, teacher_logits: TeacherLogits
) -> TeacherLogits:
    """Calibrate the logits of unlabelled faces on the photographs."""
    judged = judged_faces(recipe_run.face_sets(), teacher_logits)
    if judged is None:
        return teacher_logits
    calibration = fit_calibration(FORM, STRENGTH, judged)
    wanted = set(digests(read_face_set(recipe_run.faces).faces))
    rows = np.flatnonzero([digest in wanted for digest in teacher_logits.digests])
    heads = {head: values[rows] for head, values in teacher_logits.logits.items()}
    seven = calibration.probabilities(heads)
    contempt = softmax(heads["ferplus"])[:, -1:]
    eight = np.concatenate([(1 - contempt) * seven, contempt], axis=1)
    logits = {head: values.copy() for head, values in teacher_logits.logits.items()}
    logits["ferplus"][rows] = np.log(np.maximum(eight, 1e-6))
    logits["fer2013"][rows] = np.log(np.maximum(seven, 1e-6))
    return TeacherLogits(teacher_logits.digests, logits, teacher_logits.teachers)


def _train_student(recipe_run: RecipeRun) -> None:
    if not recipe_run.answers.exists():
        raise RunError(f"{recipe_run.answers} is missing; make the step answers first.")
    config = recipe_run.student_config()
    _fit(
        recipe_run,
        "student",
        config,
        recipe_run.student,
        teachers=[recipe_run.answers],
        unlabelled=recipe_run.faces if config.unlabelled_share else None,
        init=MODELS_DIR if recipe_run.recipe.student_weights == PUBLISHED else None,
    )


def _export(recipe_run: RecipeRun) -> None:
    if (recipe_run.student / MODEL_JSON).exists():
        print("export: done before", flush=True)
        return
    _need_tensorflow("export")
    if not read_history(recipe_run.student):
        raise RunError(f"{recipe_run.student} has no finished epoch; make the step student first.")
    _check_time(recipe_run)
    public = recipe_run.splits["PublicTest"]
    info = export_run(recipe_run.student_config(), recipe_run.student, public)
    print(f"export: {recipe_run.student} holds {info.name} {info.version}", flush=True)


def _calibrate(recipe_run: RecipeRun) -> None:
    _need_tensorflow("calibration")
    _check_time(recipe_run)
    recalibrate(recipe_run.student, recipe_run.splits["PublicTest"], recipe_run.photos)


def _version(run: Path, name: str) -> str | None:
    """Return the teacher's name with its network's digest; None before it is trained."""
    path = run / NETWORK_FILE
    if not (run / TRAINED).exists() or not path.exists():
        return None
    return f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def _need_tensorflow(step: str) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise RunError(f"the step {step} needs TensorFlow: unset KERAS_BACKEND, or name --steps.")


def _check_time(recipe_run: RecipeRun) -> None:
    if recipe_run.until is not None and time.monotonic() > recipe_run.until:
        raise OutOfTimeError


STEP_FUNCTIONS: dict[str, Callable[[RecipeRun], None]] = {
    "faces": _crop_faces,
    "teachers": _train_teachers,
    "answers": _collect_answers,
    "student": _train_student,
    "export": _export,
    "calibration": _calibrate,
    "report": write_report,
}
STEPS = tuple(STEP_FUNCTIONS)
