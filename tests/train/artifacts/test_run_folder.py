from pathlib import Path
from types import SimpleNamespace

import pytest

from fer_core.preprocessing import PreprocessingSpec
from tests.train.conftest import SMALL
from train.artifacts import run_folder
from train.artifacts.run_folder import read_history, save_epoch
from train.networks.build import build_network

ROW = {
    "epoch": 1, "loss": 1.0, "public_ferplus": 0.5, "public_fer2013": 0.5, "score": 0.5,
    "learning_rate": 0.1, "seconds": 1.0,
}  # fmt: skip


def test_a_full_disk_is_told_before_a_checkpoint_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build_network("plain", PreprocessingSpec(), shape=SMALL)
    network.compile(optimizer="sgd")
    save_epoch(network, tmp_path, [ROW])
    before = sorted(tmp_path.iterdir())
    nearly_full = SimpleNamespace(free=4 * network.count_params() - 1)
    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda _: nearly_full)
    with pytest.raises(OSError, match="No space left on device"):
        save_epoch(network, tmp_path, [ROW, {**ROW, "epoch": 2}])
    assert sorted(tmp_path.iterdir()) == before
    assert len(read_history(tmp_path)) == 1
