"""Choose the floating-point precision of training for this machine."""

from pathlib import Path

CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 twice, ARM


def choose_precision(asked: str) -> str:
    """Return the Keras dtype policy for a config's `precision`.

    `auto` is `mixed_bfloat16` on a GPU and on a CPU with bfloat16 instructions, and `float32`
    elsewhere: a CPU that has to emulate it takes ten times as long (10 seconds instead of 1 for 64
    faces through `wide` on two cores of an AMD EPYC 7003).
    """
    if asked != "auto":
        return asked
    return "mixed_bfloat16" if _on_accelerator() or _cpu_has_bfloat16() else "float32"


def _on_accelerator() -> bool:
    import keras

    # All backends of Keras tell the device of a tensor in this way.
    return "cpu" not in str(keras.ops.convert_to_tensor(0.0).device).lower()


def _cpu_has_bfloat16() -> bool:
    try:
        return not BFLOAT16_FLAGS.isdisjoint(CPU_FLAGS.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):  # not Linux
        return False
