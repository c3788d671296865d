from pathlib import Path

import numpy as np
import pytest

from fer_core.preprocessing import PreprocessingSpec
from train.networks import Regularization, build_network
from train.runs import RunError
from train.widen import main, widen

INPUTS = np.random.default_rng(0).normal(size=(3, 48, 48, 1)).astype(np.float32)


def test_the_wider_network_answers_as_the_narrower_did() -> None:
    narrow, wide = (build_network(name, PreprocessingSpec()) for name in ("small", "vgg"))
    for layer in narrow.layers:  # statistics as after a training, not 0 and 1
        if layer.name.startswith("batch_norm"):
            rng = np.random.default_rng(1)
            layer.set_weights([rng.uniform(0.5, 1.5, one.shape) for one in layer.get_weights()])
    before = wide.predict_on_batch(INPUTS)
    widen(narrow, wide, np.random.default_rng(0), noise=0.0)
    expected, answered = narrow.predict_on_batch(INPUTS), wide.predict_on_batch(INPUTS)
    for head, logits in expected.items():
        np.testing.assert_allclose(answered[head], logits, rtol=1e-3, atol=1e-3)
        assert not np.allclose(before[head], logits, atol=1e-2)


def test_noise_lets_copies_part_ways() -> None:
    narrow, wide = (build_network(name, PreprocessingSpec()) for name in ("small", "vgg"))
    widen(narrow, wide, np.random.default_rng(0))
    kernel = wide.trainable_variables[0].numpy().reshape(9, -1).T
    assert len(np.unique(kernel.round(6), axis=0)) == len(kernel)


def test_other_layers_are_told() -> None:
    spec = PreprocessingSpec()
    with pytest.raises(RunError, match="different layers"):
        widen(build_network("tiny", spec), build_network("vgg", spec), np.random.default_rng(0))
    with pytest.raises(RunError, match="fewer than"):
        widen(build_network("vgg", spec), build_network("small", spec), np.random.default_rng(0))


def test_the_command_leaves_what_a_run_begins_with(smoke_run: Path, tmp_path: Path) -> None:
    words = ["--run", str(smoke_run), "--from-network", "tiny", "--network", "tiny", "--out"]
    main([*words, str(tmp_path / "wider")])
    same = build_network("tiny", PreprocessingSpec(), Regularization())
    same.load_weights(tmp_path / "wider" / "emotion.keras")
    with pytest.raises(SystemExit, match=r"error: .*neither a finished epoch nor a model"):
        main(["--run", str(tmp_path), "--network", "vgg", "--out", str(tmp_path / "x")])
