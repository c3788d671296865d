from pathlib import Path

import pytest

from train.training import precision
from train.training.precision import choose_precision


@pytest.mark.parametrize("asked", ["float32", "mixed_bfloat16"])
def test_what_is_asked_for_is_taken(asked: str) -> None:
    assert choose_precision(asked) == asked


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 fsrm\n", "mixed_bfloat16"),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", "mixed_bfloat16"),
        ("Features\t: fp asimd bf16 i8mm\n", "mixed_bfloat16"),
        ("flags\t\t: fpu avx2 avx512f fsrm\n", "float32"),
    ],
)
def test_a_cpu_trains_in_bfloat16_only_where_it_multiplies_it(
    flags: str, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(flags, encoding="ascii")
    monkeypatch.setattr(precision, "CPU_FLAGS", cpuinfo)
    monkeypatch.setattr(precision, "_on_accelerator", lambda: False)
    assert choose_precision("auto") == chosen


def test_a_machine_that_does_not_tell_trains_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "CPU_FLAGS", tmp_path / "missing")
    monkeypatch.setattr(precision, "_on_accelerator", lambda: False)
    assert choose_precision("auto") == "float32"


def test_an_accelerator_trains_in_bfloat16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "CPU_FLAGS", tmp_path / "missing")
    monkeypatch.setattr(precision, "_on_accelerator", lambda: True)
    assert choose_precision("auto") == "mixed_bfloat16"


def test_a_machine_without_gpu_is_none() -> None:
    import tensorflow as tf

    assert precision._on_accelerator() == bool(tf.config.list_physical_devices("GPU"))
