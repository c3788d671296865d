"""In which precision a network trains on the machine at hand."""

from pathlib import Path

CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 twice, ARM


def choose_precision(asked: str) -> str:
    """The Keras dtype policy that a config's `precision` means here.

    `auto` is `mixed_bfloat16` on a GPU and on a CPU that multiplies bfloat16, and `float32`
    elsewhere: a CPU that has to imitate it takes ten times as long (10 seconds instead of 1 for 64
    faces through `wide` on two cores of an AMD EPYC 7003).
    """
    if asked != "auto":
        return asked
    return "mixed_bfloat16" if _on_accelerator() or _cpu_has_bfloat16() else "float32"


def _on_accelerator() -> bool:
    import keras

    # The one question that all of Keras's backends answer in the same way.
    return "cpu" not in str(keras.ops.convert_to_tensor(0.0).device).lower()


def _cpu_has_bfloat16() -> bool:
    try:
        return not BFLOAT16_FLAGS.isdisjoint(CPU_FLAGS.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):  # not Linux: better slow than ten times slower
        return False
