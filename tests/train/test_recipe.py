import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_core import EmotionRecognizer
from fer_core.assets import MODELS_DIR
from fer_core.model import read_info
from tests.conftest import ROOT, train_eagerly
from tests.train.networks.torch_file import draw_lite0, write_known
from train.artifacts.model_folder import load_network
from train.artifacts.run_folder import read_history
from train.data.dataset import digests
from train.data.face_sets import read_face_set
from train.data.fer2013 import load_splits
from train.data.synthetic import draw_face, write_synthetic_dataset
from train.errors import RunError
from train.inputs.teachers import TeacherLogits
from train.recipe import main as recipe_main
from train.recipes.config import TrainConfig
from train.recipes.distillation import RECIPES, adjust
from train.training.trainer import Training
from train.workflow.recipe_run import RecipeRun
from train.workflow.steps import run_steps


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m train.recipe smoke --smoke` leaves."""
    out = tmp_path_factory.mktemp("recipe") / "smoke"
    with pytest.MonkeyPatch.context() as patched:
        train_eagerly(patched)
        # Every form of the calibration, but with one strength and cross-validated once.
        patched.setattr("train.calibration.fitting.STRENGTHS", (0.1,))
        patched.setattr("train.calibration.fitting.REPEATS", 1)
        recipe_main(["smoke", "--smoke", "--out", str(out)])
    return out


@pytest.mark.slow
def test_smoke_goes_from_faces_to_a_model_that_the_app_loads(made: Path) -> None:
    recognizer = EmotionRecognizer.load(made / "student")
    faces = np.stack([draw_face("happy", np.random.default_rng(seed)) for seed in range(3)])
    assert len(recognizer.recognize_crops(faces)) == 3
    training = json.loads((made / "student" / "model.json").read_text())["training"]
    assert training["command"].startswith("python -m train.recipe smoke --data DIR --photos DIR")
    assert training["teachers"] == list(TeacherLogits.load(made / "answers.npz").teachers)
    assert training["config"]["unlabelled_share"] == 0.25


@pytest.mark.slow
def test_the_report_compares_teachers_and_student(made: Path) -> None:
    lines = (made / "report.md").read_text().splitlines()
    head = next(line for line in lines if line.startswith("| figure"))
    assert head == "| figure | published | plain | teachers together | student |"
    for figure in ("PublicTest by FER2013", "fear against surprise, area", "portraits log loss"):
        row = next(line for line in lines if line.startswith(f"| {figure} |"))
        values = [float(cell) for cell in row.split("|")[2:-1]]
        assert len(values) == 4


@pytest.mark.slow
def test_answers_are_about_all_faces_and_calibrated_on_unlabelled_ones(made: Path) -> None:
    unlabelled = read_face_set(made / "faces" / "unlabelled.npz").faces
    plain, taught = (
        TeacherLogits.load(path).select(unlabelled)
        for path in (made / "answers" / "plain.npz", made / "answers.npz")
    )
    assert not np.allclose(plain["fer2013"], taught["fer2013"])
    np.testing.assert_allclose(np.exp(taught["fer2013"]).sum(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(np.exp(taught["ferplus"]).sum(axis=1), 1, atol=1e-3)


@pytest.mark.slow
def test_finished_steps_are_skipped(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [made / "teachers/plain/history.csv", made / "answers.npz", made / "student/model.json"]
    before = [path.stat().st_mtime_ns for path in files]
    steps = ["faces", "teachers", "answers", "student", "export"]
    recipe_main(["smoke", "--smoke", "--out", str(made), "--steps", *steps])
    assert [path.stat().st_mtime_ns for path in files] == before
    said = capsys.readouterr().out
    for step in ("teachers: plain", "answers", "student", "export"):
        assert f"{step}: done before" in said


@pytest.mark.slow
def test_faces_that_came_later_are_asked_about(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for name in ("teachers", "answers", "faces"):
        shutil.copytree(made / name, out / name)
    shutil.copy(made / "answers.npz", out)
    before = read_face_set(out / "faces" / "unlabelled.npz")
    later = replace(before, faces=before.faces[:, :, ::-1])  # mirrored: other faces
    later.save(out / "faces" / "unlabelled.npz")
    recipe_main(["smoke", "--smoke", "--out", str(out), "--steps", "answers"])
    assert "answers: asking plain about" in capsys.readouterr().out
    assert len(TeacherLogits.load(out / "answers.npz").select(later.faces)["ferplus"])


@pytest.mark.slow
def test_without_time_nothing_is_done_and_the_same_command_goes_on(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(made / "teachers", out / "teachers")
    mark = out / "teachers" / "plain" / "trained"
    mark.unlink()
    words = ["smoke", "--smoke", "--out", str(out), "--steps", "teachers"]
    recipe_main([*words, "--minutes", "0"])
    assert "out of time; the same command resumes" in capsys.readouterr().out
    assert not mark.exists()
    recipe_main(words)
    assert "resuming after epoch 2" in capsys.readouterr().out
    assert mark.exists()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_synthetic_dataset(folder, (32, 7, 7))
    return folder


@pytest.mark.slow
def test_a_begun_run_may_end_with_the_epochs_that_there_are(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made, out)
    run = out / "teachers" / "plain"
    (run / "trained").unlink()
    words = ["smoke", "--smoke", "--out", str(out), "--steps", "teachers", "--finish"]
    recipe_main(words)
    assert (run / "trained").exists()
    assert len(read_history(run)) == 2


@pytest.mark.usefixtures("eagerly")
def test_a_recipe_that_ends_within_a_run_goes_on_with_it(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe_run = RecipeRun(RECIPES["smoke"], "smoke", data, tmp_path / "out")
    with monkeypatch.context() as patched:
        train = Training.run
        patched.setattr(
            Training, "run", lambda self, epoch: train(self, epoch) if not epoch else 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            run_steps(recipe_run, ["teachers"])
    run = tmp_path / "out" / "teachers" / "plain"
    assert len(read_history(run)) == 1
    with pytest.raises(RunError, match="plain is not trained to its end; make the step teachers"):
        run_steps(recipe_run, ["answers"])
    assert run_steps(recipe_run, ["teachers"])
    assert "resuming after epoch 1" in capsys.readouterr().out
    assert (run / "trained").exists()


@pytest.mark.slow
def test_a_killed_recipe_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["smoke", "--smoke", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "train.recipe", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        taught = False
        for line in process.stdout:
            taught = taught or line.startswith("student: training")
            if taught and line.startswith("epoch 2/"):  # the student has one of its epochs
                process.send_signal(signal.SIGKILL)
    recipe_main([*words, "--steps", "teachers", "answers", "student"])
    said = capsys.readouterr().out
    assert "teachers: plain: done before" in said
    assert "answers: done before" in said
    assert "resuming after epoch 1" in said
    assert (tmp_path / "out" / "student" / "trained").exists()


def test_a_student_without_answers_is_told(data: Path, tmp_path: Path) -> None:
    recipe_run = RecipeRun(RECIPES["smoke"], "smoke", data, tmp_path / "out")
    with pytest.raises(RunError, match="make the step answers first"):
        run_steps(recipe_run, ["student"])
    with pytest.raises(RunError, match="make the step teachers first"):
        run_steps(recipe_run, ["answers"])


@pytest.mark.usefixtures("eagerly")
def test_answers_may_travel_without_the_teachers(tmp_path: Path, data: Path) -> None:
    """A student is taught from the file alone; its faces are found by their pixels."""
    out = tmp_path / "out"
    out.mkdir()
    faces = load_splits(data)["Training"].faces
    known = digests(faces)
    logits = {
        "ferplus": np.zeros((len(faces), 8), np.float32),
        "fer2013": np.zeros((len(faces), 7), np.float32),
    }
    TeacherLogits(known, logits, ("someone",)).save(out / "answers.npz")
    recipe_run = RecipeRun(adjust(RECIPES["smoke"], "student.epochs=1"), "smoke", data, out)
    assert run_steps(recipe_run, ["student"])
    origin = json.loads((recipe_run.student / "origin.json").read_text())
    assert origin["teachers"] == ["someone"]


def test_a_field_of_one_step_can_be_set() -> None:
    recipe = adjust(RECIPES["product"], "plain.shape.width=48")
    assert recipe.teachers["plain"].config.shape.width == 48
    assert recipe.student == RECIPES["product"].student
    assert adjust(recipe, "student.epochs=7").student.epochs == 7
    with pytest.raises(ValueError, match="there is no step 'pupil' to set; name one of student"):
        adjust(recipe, "pupil.epochs=7")
    with pytest.raises(ValueError, match="there is no setting 'epoch'"):
        adjust(recipe, "student.epoch=7")


def test_a_teacher_whose_weights_are_not_named_is_left_out(tmp_path: Path) -> None:
    recipe_run = RecipeRun(RECIPES["product"], "product", tmp_path, tmp_path)
    assert recipe_run.teachers() == ["plain"]
    named = replace(recipe_run, weights={"face": tmp_path / "weights.dat"})
    assert named.teachers() == ["plain", "face"]


@pytest.mark.slow
def test_a_teacher_begins_with_the_weights_that_its_option_names(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = write_known(tmp_path / "lite0.pth", draw_lite0(np.random.default_rng(0)), monkeypatch)
    begun: dict[str, Path | None] = {}

    def note(config: TrainConfig, data_dir: Path, run: Path, *words: str, **named: Any) -> bool:
        begun[run.name] = named["init"]
        return False

    monkeypatch.setattr("train.workflow.steps.fit", note)
    out = tmp_path / "out"
    (out / "teachers" / "plain").mkdir(parents=True)
    (out / "teachers" / "plain" / "trained").touch()
    words = ["--data", str(data), "--imagenet-weights", str(weights), "--steps", "teachers"]
    recipe_main(["product", *words, "--out", str(out)])
    start = out / "teachers" / "lite-start"
    assert begun == {"lite": start}
    assert load_network(start).name == "efficientnet_lite0"


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_published_model_can_be_teacher_and_beginning(data: Path, tmp_path: Path) -> None:
    """With a rate of 0 the student stays what models/ holds, and its teacher is named."""
    recipe = RECIPES["fine-tune"]
    settings = {"epochs": 1, "batch_size": 32, "learning_rate": 0.0, "averaging": 0.0}
    for name, value in settings.items():
        recipe = adjust(recipe, f"student.{name}={value}")
    recipe_run = RecipeRun(recipe, "fine-tune", data, tmp_path / "out")
    assert run_steps(recipe_run, ["teachers", "answers", "student"])
    published = read_info(MODELS_DIR)
    named = f"{published.name} {published.version}"
    assert list(TeacherLogits.load(recipe_run.answers).teachers) == [named]
    trained, begun = load_network(recipe_run.student), load_network(MODELS_DIR)
    for ours, theirs in zip(trained.trainable_weights, begun.trainable_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
