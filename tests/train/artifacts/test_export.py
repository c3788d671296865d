import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from fer_core.errors import ChecksumMismatchError, ModelLoadError
from fer_core.model import EmotionModel, read_info
from fer_core.preprocessing import PreprocessingSpec
from tests.train.conftest import SMALL
from train.artifacts.model_folder import load_network, network_files, publish, save_network
from train.calibrate import main as calibrate_main
from train.evaluate import main as evaluate_main
from train.export import main as export_main
from train.networks.build import build_network
from train.networks.ensemble import build_ensemble


def test_publishing_copies_a_model_that_answers_the_same(small_model: Path, tmp_path: Path) -> None:
    to = tmp_path / "models"
    export_main(["--run", str(small_model), "--to", str(to), "--name", "renamed"])
    before, after = EmotionModel.load(small_model), EmotionModel.load(to)
    inputs = np.random.default_rng(0).normal(size=(5, 48, 48, 1)).astype(np.float32)
    assert np.array_equal(before.logits(inputs)["ferplus"], after.logits(inputs)["ferplus"])
    assert after.info.name == "renamed"


def test_the_networks_of_a_mean_have_files_of_their_own_and_replace_those_before(
    tmp_path: Path,
) -> None:
    networks = [build_network("plain", PreprocessingSpec(), shape=SMALL) for _ in range(3)]
    mean, inputs = build_ensemble(networks[:2]), np.ones((1, 48, 48, 1), np.float32)
    save_network(networks[2], tmp_path)
    assert [path.name for path in network_files(tmp_path)] == ["emotion.keras"]
    save_network(mean, tmp_path)
    names = ["emotion-1.keras", "emotion-2.keras"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    expected, actual = (
        np.asarray(network(inputs)["fer2013"]) for network in (mean, load_network(tmp_path))
    )
    np.testing.assert_allclose(actual, expected, atol=5e-3)


def test_publishing_leaves_no_network_of_the_model_before(
    small_model: Path, tmp_path: Path
) -> None:
    network = build_network("plain", PreprocessingSpec(), shape=SMALL)
    save_network(build_ensemble([network] * 2), tmp_path)
    publish(small_model, tmp_path)
    assert [path.name for path in tmp_path.glob("*.keras")] == ["emotion.keras"]


def test_the_stored_checksum_is_that_of_the_file(small_model: Path) -> None:
    values = json.loads((small_model / "model.json").read_text())
    content = (small_model / values["file"]).read_bytes()
    assert values["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_damaged_run_is_not_published(small_model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "model.json").write_bytes((small_model / "model.json").read_bytes())
    content = bytearray((small_model / "emotion.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "emotion.tflite").write_bytes(content)
    with pytest.raises(ChecksumMismatchError):
        publish(damaged, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_run_is_not_published_into_itself(small_model: Path) -> None:
    with pytest.raises(ModelLoadError, match="into itself"):
        publish(small_model, small_model)


def test_figures_of_other_answers_are_dropped(
    small_model: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    publish(small_model, copy)
    words = ["--model", str(copy), "--data", str(small_data)]
    calibrate_main(words)
    evaluate_main([*words, "--record"])
    figures = json.loads((copy / "model.json").read_text())["figures"]
    assert {"answer", "answer_public"} <= figures.keys()
    evaluate_main([*words, "--public-only", "--record"])  # takes nothing away
    assert json.loads((copy / "model.json").read_text())["figures"] == figures
    capsys.readouterr()
    calibrate_main(words)
    kept = json.loads((copy / "model.json").read_text())["figures"]
    assert kept == {name: figures[name] for name in figures if name.startswith("fer")}
    assert kept  # the heads' figures, which no calibration changes
    assert "the metrics of the old calibration were removed" in capsys.readouterr().out


def test_calibrating_again_finds_what_the_run_found(
    small_model: Path, small_data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    expected = publish(small_model, copy)
    calibrate_main(["--model", str(copy), "--data", str(small_data)])
    found = read_info(copy)
    np.testing.assert_allclose(found.calibration.ferplus, expected.calibration.ferplus, rtol=1e-3)
    assert found.abstention_threshold == pytest.approx(expected.abstention_threshold, abs=1e-3)
