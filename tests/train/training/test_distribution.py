"""Two workers on this machine, through TensorFlow's own cluster."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf

from tests.serving import ROOT, free_port
from tests.train.inputs.tables import few_faces
from train.artifacts.run_folder import read_history
from train.errors import RunError
from train.fit import main as fit_main
from train.recipes.presets import PRESETS
from train.training.distribution import find_strategy, is_first_worker
from train.training.trainer import Training

# Without dropout, whose masks depend on how many faces a device has, and without Adam, which makes
# large steps of small differences, as do small batches.
SETTINGS = {"dropout": 0.0, "optimizer": "sgd", "learning_rate": 0.02, "batch_size": 16}
WORDS = [
    "--smoke", "--epochs", "2",
    *(word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")), "--out",
]  # fmt: skip


@pytest.mark.usefixtures("eagerly")
def test_a_strategy_of_one_device_finds_the_loss_of_a_plain_run() -> None:
    config = replace(PRESETS["smoke"], **SETTINGS)
    losses = []
    for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0"])):
        training = Training(config, few_faces(32), strategy)
        training.begin(0, [])
        losses.append(training.run(0))
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)


@pytest.mark.slow
def test_two_workers_find_the_losses_of_one_process(tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    cluster = {"worker": [f"127.0.0.1:{free_port()}" for _ in range(2)]}
    workers = []
    for index in range(2):
        place = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "train.fit", *WORDS, str(together)],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": json.dumps(place)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    try:
        said = [worker.communicate(timeout=300)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], said
    fit_main([*WORDS, str(alone)])
    expected, found = read_history(alone), read_history(together)
    assert len(found) == len(expected) == 2
    for one, other in zip(expected, found, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=2e-3)
    # Without the other half of each batch they would be those of half the data.
    assert found[0]["loss"] != found[1]["loss"]
    assert (together / "model.json").is_file()


@pytest.mark.parametrize(
    "said",
    ["{", "[]", '{"cluster": {}, "task": {"type": "cook", "index": 0}}',
     '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}'],
)  # fmt: skip
def test_a_cluster_that_cannot_be_followed_is_told(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", said)
    with pytest.raises(RunError, match="TF_CONFIG cannot be followed"):
        find_strategy()


@pytest.mark.parametrize(
    ("kinds", "kind", "index", "first"),
    [(("worker",), "worker", 0, True), (("worker",), "worker", 1, False),
     (("chief", "worker"), "chief", 0, True), (("chief", "worker"), "worker", 0, False)],
)  # fmt: skip
def test_one_worker_writes(
    kinds: tuple[str, ...], kind: str, index: int, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = {name: ["a:1", "b:1"] for name in kinds}
    task = {"type": kind, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert is_first_worker() == first
