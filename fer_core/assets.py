"""Reads the files of models/ and verifies their SHA-256 before anything parses them."""

import hashlib
from pathlib import Path

from fer_core.errors import ChecksumMismatchError, ModelLoadError

_INSTALLED = Path(__file__).resolve().parent / "models"
MODELS_DIR = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "models"
"""Emotion model, model.json and face networks: inside an installed package, else the models/ of
this repository."""
REPAIR = "clone the repository or install the package again"


def read_verified(path: Path, sha256: str) -> bytes:
    """Read a file and verify its checksum.

    Args:
        path: the file.
        sha256: expected SHA-256, 64 hexadecimal digits.

    Returns:
        Its content.

    Raises:
        ModelLoadError: the file cannot be read.
        ChecksumMismatchError: its SHA-256 is another.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"The model file {path.name} is missing; {REPAIR}.") from error
    if hashlib.sha256(content).hexdigest() != sha256.lower():
        raise ChecksumMismatchError(
            f"The model file {path.name} is damaged or was changed (its SHA-256 is not the "
            f"published one); {REPAIR}."
        )
    return content
