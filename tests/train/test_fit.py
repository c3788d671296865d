import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from fer_core import EmotionRecognizer
from fer_core.assets import MODELS_DIR
from fer_core.calibration import CALIBRATION_SHAPES
from fer_core.emotions import CONTEMPT
from fer_core.model import EmotionModel, read_info
from tests.conftest import ROOT
from tests.train.inputs.tables import few_faces
from train.artifacts.model_folder import load_network, publish, save_network, write_info
from train.artifacts.run_folder import best, claim, load_best
from train.artifacts.temperature import dataset_logits
from train.calibrate import main as calibrate_main
from train.data.fer2013 import load_splits
from train.data.synthetic import draw_face, write_synthetic_dataset
from train.errors import RunError
from train.fit import main as fit_main
from train.inputs.targets import select_training_faces, training_targets
from train.networks.build import build_network
from train.networks.ensemble import build_ensemble
from train.recipes.config import TrainConfig
from train.recipes.presets import PRESETS
from train.training.fitting import fit
from train.training.trainer import Training

CHANCE = 1 / 7
ONE_EPOCH = replace(PRESETS["smoke"], epochs=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (16, 7, 7))  # two batches
    return folder


def history(run: Path) -> list[dict[str, float]]:
    with (run / "history.csv").open(newline="") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def test_a_smoke_run_learns(smoke_run: Path) -> None:
    assert max(row["score"] for row in history(smoke_run)) > 2 * CHANCE


def test_a_smoke_run_leaves_what_the_app_loads(smoke_run: Path) -> None:
    recognizer = EmotionRecognizer.load(smoke_run)
    faces = np.stack([draw_face("happy", np.random.default_rng(seed)) for seed in range(4)])
    assert len(recognizer.recognize_crops(faces)) == 4


def test_model_json_of_a_run_tells_how_it_was_made(smoke_run: Path) -> None:
    values = json.loads((smoke_run / "model.json").read_text())
    rows = history(smoke_run)
    assert values["training"]["command"] == "python -m train.fit --smoke"
    assert values["training"]["config"] == json.loads((smoke_run / "config.json").read_text())
    assert values["training"]["epoch"] == best(rows)["epoch"]


@pytest.mark.usefixtures("eagerly")
def test_a_run_that_is_stopped_or_killed_goes_on_as_if_it_had_not(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(PRESETS["smoke"], epochs=2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert fit(config, data, whole, export=False)

    with monkeypatch.context() as patched:
        patched.setattr("train.training.fitting._would_end", len)  # a clock that counts epochs
        assert not fit(config, data, parts, until=0.5, export=False)
    assert len(history(parts)) == 1
    with monkeypatch.context() as patched:
        patched.setattr(Training, "score", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):  # after an epoch's training, before it is saved
            fit(config, data, parts, export=False)
    assert len(history(parts)) == 1
    assert fit(config, data, parts, export=False)
    for expected, actual in zip(history(whole), history(parts), strict=True):
        assert actual["loss"] == pytest.approx(expected["loss"], rel=1e-3)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    smoke_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "killed"
    words = ["--smoke", "--out", str(run)]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "train.fit", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 3/"):  # two epochs are saved, the third is under way
                process.send_signal(signal.SIGKILL)
    assert len(history(run)) == 2
    fit_main(words)
    assert "resuming after epoch 2" in capsys.readouterr().out
    uninterrupted, resumed = history(smoke_run), history(run)
    assert len(resumed) == len(uninterrupted)
    for expected, actual in zip(uninterrupted, resumed, strict=True):
        assert actual["loss"] == pytest.approx(expected["loss"], rel=0.02)


def test_a_run_can_begin_with_the_weights_of_a_run_or_of_a_model(
    smoke_run: Path, tmp_path: Path
) -> None:
    shutil.copy(smoke_run / "emotion.keras", tmp_path)
    finished = load_best(smoke_run, ONE_EPOCH).get_weights()
    for folder, tolerance in ((smoke_run, 0.0), (tmp_path, 1e-3)):  # a model's are in float16
        begun = Training(ONE_EPOCH, few_faces(), None, folder).network.get_weights()
        for expected, actual in zip(finished, begun, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance / 1000)


def test_a_run_can_begin_with_the_shipped_model() -> None:
    shipped = load_network(MODELS_DIR)
    config = replace(PRESETS["photo"], network="wide")
    begun = Training(config, few_faces(), None, MODELS_DIR).network
    for expected, actual in zip(shipped.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_a_run_takes_the_last_network_that_fits_of_a_mean(tmp_path: Path) -> None:
    names = ("tiny", "tiny", "small")
    networks = [build_network(name, PRESETS["smoke"].preprocessing) for name in names]
    save_network(build_ensemble(networks), tmp_path)
    begun = Training(PRESETS["smoke"], few_faces(), None, tmp_path).network
    for expected, actual in zip(networks[1].get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-7)  # kernels in float16


@pytest.mark.parametrize("network", ["small", "predecessor_b"])
def test_beginning_with_another_network_is_told(smoke_run: Path, network: str) -> None:
    config = replace(PRESETS["smoke"], network=network)
    for folder in (smoke_run, MODELS_DIR):
        with pytest.raises(RunError, match="another network"):
            Training(config, few_faces(), None, folder)


def test_beginning_with_a_folder_without_weights_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="neither a finished epoch nor a model"):
        fit(PRESETS["smoke"], data, tmp_path / "run", init=tmp_path)


def test_two_processes_do_not_train_in_one_folder(data: Path, tmp_path: Path) -> None:
    with (
        claim(tmp_path / "run", PRESETS["smoke"], "the first", [], "digest"),
        pytest.raises(RunError, match="another process is training"),
    ):
        fit(PRESETS["smoke"], data, tmp_path / "run")


def test_a_folder_of_another_config_is_not_overwritten(smoke_run: Path, data: Path) -> None:
    before = (smoke_run / "model.json").read_bytes()
    with pytest.raises(RunError, match="another config"):
        fit(TrainConfig(seed=99), data, smoke_run)
    assert (smoke_run / "model.json").read_bytes() == before


@pytest.mark.usefixtures("eagerly")
def test_a_finished_run_is_not_repeated_on_other_data(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    fit(ONE_EPOCH, data, run, export=False)
    other = tmp_path / "other"
    other.mkdir()
    write_synthetic_dataset(other, faces_per_split=(14, 7, 7))
    with pytest.raises(RunError, match="run holds a run on other data; name that or choose"):
        fit(ONE_EPOCH, other, run, export=False)
    assert "resuming" not in capsys.readouterr().out


def test_a_damaged_checkpoint_is_told(smoke_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(smoke_run, run)
    path = max(run.glob("checkpoint-*"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SystemExit, match=rf"^error: .*{path.name} is missing or damaged"):
        fit_main(["--smoke", "--out", str(run)])


@pytest.mark.usefixtures("eagerly")
def test_a_run_goes_on_with_the_teachers_that_it_began_with(
    smoke_run: Path, data: Path, tmp_path: Path
) -> None:
    teacher, run = tmp_path / "teacher", tmp_path / "taught"
    publish(smoke_run, teacher)
    config = replace(ONE_EPOCH, teacher_share=0.5)
    words = ["--data", str(data), "--preset", "smoke", "--epochs", "1", "--out", str(run)]
    fit_main([*words, "--set", "teacher_share=0.5", "--teachers", str(teacher)])
    info = read_info(teacher)
    named = f"{info.name} {info.version}"
    training = read_info(run).training
    assert training["config"]["teacher_share"] == 0.5
    assert training["command"].endswith(f"--teachers {teacher}")
    assert training["teachers"] == [named]

    fit(config, data, run, teachers=[teacher], export=False)
    write_info(teacher, replace(info, version="another"))  # the folder now holds another model
    with pytest.raises(RunError, match=f"learns from {re.escape(named)}"):
        fit(config, data, run, teachers=[teacher], export=False)
    shutil.rmtree(teacher)
    fit(config, data, run, teachers=[teacher], finish=True, export=False)  # asks nobody any more


@pytest.mark.parametrize(("share", "taught"), [(0.5, False), (0.0, True)])
def test_a_teacher_without_a_share_or_a_share_without_a_teacher_is_told(
    share: float, taught: bool, smoke_run: Path, data: Path, tmp_path: Path
) -> None:
    config = replace(PRESETS["smoke"], teacher_share=share)
    with pytest.raises(RunError, match="belong together"):
        fit(config, data, tmp_path / "run", teachers=[smoke_run] if taught else [])


def test_pictures_without_a_face_are_not_trained_on(tmp_path: Path) -> None:
    write_synthetic_dataset(tmp_path, (14, 7, 7))
    path = tmp_path / "fer2013new.csv"
    lines = path.read_text().splitlines()
    lines[1] = "Training,x.png,0,1,0,0,0,0,0,0,0,9"
    path.write_text("\n".join(lines) + "\n")
    splits = load_splits(tmp_path)
    faces, _ = select_training_faces(splits, TrainConfig())
    assert len(faces) == len(splits["Training"]) - 1


def test_best_takes_the_earlier_of_equal_epochs() -> None:
    rows = [{"epoch": 1, "score": 0.2}, {"epoch": 2, "score": 0.5}, {"epoch": 3, "score": 0.5}]
    assert best(rows)["epoch"] == 2


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epoch=3", "error: there is no setting 'epoch'"),
        ("epochs=many", "error: epochs must look like 6"),
        ("teacher_share=1.5", "error: teacher_share must be 0 to 1"),
        ("seed=-1", "error: seed must be 0 or more, got -1"),
        ("learning_rate=-0.01", "error: learning_rate must be 0 or more, got -0.01"),
        ("preprocessing.std_offset=-1", "error: std_offset must be within"),
    ],
)
def test_a_wrong_setting_is_told_before_the_run_begins(
    setting: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=said):
        fit_main(["--smoke", "--set", setting, "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


SETTINGS = ("fer2013_weight=0", "augmentation.jpeg_share=0.2", "augmentation.jpeg_quality=[60, 90]")


@dataclass(frozen=True)
class RunWithoutVotes:
    data: Path
    run: Path
    printed: str


@pytest.fixture(scope="module")
def unvoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data without fer2013new.csv."""
    data = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(data, (320, 70, 35))
    (data / "fer2013new.csv").unlink()
    return data


@pytest.fixture(scope="module")
def without_votes(unvoted: Path, tmp_path_factory: pytest.TempPathFactory) -> RunWithoutVotes:
    """A run without votes whose eight-class head alone is trained."""
    data, run = unvoted, tmp_path_factory.mktemp("runs") / "run"
    words = ["--data", str(data), "--preset", "smoke", "--out", str(run)]
    for setting in SETTINGS:
        words += ["--set", setting]
    with redirect_stdout(io.StringIO()) as printed:
        fit_main(words)
    return RunWithoutVotes(data, run, printed.getvalue())


@pytest.mark.slow
def test_settings_are_kept_with_the_run_and_in_its_command(without_votes: RunWithoutVotes) -> None:
    config = json.loads((without_votes.run / "config.json").read_text())
    assert config["fer2013_weight"] == 0.0
    assert config["augmentation"]["jpeg_share"] == 0.2
    assert config["augmentation"]["jpeg_quality"] == [60, 90]
    assert config["batch_size"] == PRESETS["smoke"].batch_size
    training = json.loads((without_votes.run / "model.json").read_text())["training"]
    assert training["config"] == config
    assert all(setting.split("[")[0] in training["command"] for setting in SETTINGS)


@pytest.mark.slow
def test_a_run_says_that_it_had_no_votes(without_votes: RunWithoutVotes) -> None:
    assert "320 training faces without FER+ votes" in without_votes.printed


def test_without_votes_the_labels_stand_in_for_them(unvoted: Path) -> None:
    faces, counts = select_training_faces(load_splits(unvoted), TrainConfig())
    assert len(faces) == 320
    assert (counts == 1).all()
    targets = training_targets(faces, replace(PRESETS["smoke"], label_smoothing=0.0))
    assert np.array_equal(targets["ferplus"][:, :CONTEMPT], targets["fer2013"])
    assert not targets["ferplus"][:, CONTEMPT].any()


@pytest.mark.slow
def test_without_votes_the_eight_class_head_learns_the_labels(
    without_votes: RunWithoutVotes,
) -> None:
    """Its loss falls well below that of a guess, which is the entropy of seven equal classes."""
    losses = [row["loss"] for row in history(without_votes.run)]
    assert losses[-1] < np.log(7) - 0.25
    assert losses[-1] < losses[0] - 0.4


@pytest.mark.slow
def test_without_votes_a_run_is_calibrated_and_published(
    without_votes: RunWithoutVotes, tmp_path: Path
) -> None:
    data = without_votes.data
    info = publish(without_votes.run, tmp_path / "models")
    assert info.calibration.form == "temperature"
    assert info.calibration.ferplus[0, 0] != 1.0
    assert 0 < info.abstention_threshold < 1
    calibrate_main(["--model", str(tmp_path / "models"), "--data", str(data)])
    again = read_info(tmp_path / "models")
    for name in CALIBRATION_SHAPES:
        found, expected = getattr(again.calibration, name), getattr(info.calibration, name)
        np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert again.abstention_threshold == pytest.approx(info.abstention_threshold, abs=1e-3)
    model = EmotionModel.load(tmp_path / "models")
    assert np.isfinite(dataset_logits(model, load_splits(data)["PublicTest"])["ferplus"]).all()


def test_a_run_may_be_finished_with_the_epochs_that_there_are(
    smoke_run: Path, tmp_path: Path
) -> None:
    run, config = tmp_path / "run", replace(PRESETS["smoke"], epochs=50)
    shutil.copytree(smoke_run, run)
    for path in (*run.glob("emotion.*"), run / "model.json"):
        path.unlink()
    (run / "config.json").write_text(json.dumps(config.to_dict(), indent=2) + "\n")
    words = ["--smoke", "--epochs", "50", "--finish", "--out"]
    fit_main([*words, str(run)])
    before, after = (EmotionModel.load(folder) for folder in (smoke_run, run))
    inputs = np.random.default_rng(0).normal(size=(5, 48, 48, 1)).astype(np.float32)
    for head, expected in before.logits(inputs).items():
        np.testing.assert_allclose(after.logits(inputs)[head], expected, atol=1e-4)
    assert after.info.training["config"]["epochs"] == 50
    assert after.info.training["epoch"] == before.info.training["epoch"]
    with pytest.raises(SystemExit, match="no finished epoch yet"):
        fit_main([*words, str(tmp_path / "new")])


def test_a_run_goes_on_without_what_it_began_with(
    smoke_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, export = tmp_path / "run", Mock()
    monkeypatch.setattr("train.training.fitting._export", export)
    shutil.copytree(smoke_run, run)
    fit_main(["--smoke", "--out", str(run), "--init", str(tmp_path / "gone")])
    export.assert_called_once()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the data with --data DIR"),
        (["--data", "does-not-exist"], "error: does-not-exist is not a folder"),
    ],
)
def test_wrong_use_is_one_sentence(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.delenv("FER_DATA", raising=False)
    with pytest.raises(SystemExit) as exit_:
        fit_main(["--out", str(tmp_path / "run"), *words])
    assert said in capsys.readouterr().err + str(exit_.value)
    assert not (tmp_path / "run").exists()  # nothing is claimed for data that is not there


def test_without_the_packages_of_training_it_says_where_to_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(SystemExit, match=r"training needs keras: pip install -r train/requ"):
        fit_main(["--smoke"])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_on_another_backend_a_run_ends_without_a_model_and_says_so(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    fit(ONE_EPOCH, data, run)
    assert "the same command on TensorFlow's backend writes the model" in capsys.readouterr().out
    assert not (run / "model.json").exists()
    monkeypatch.undo()
    fit(ONE_EPOCH, data, run)
    assert EmotionModel.load(run).info.training["epoch"] == 1
