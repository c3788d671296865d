"""Read a file of pretrained weights, after checking that it is the one that is known here."""

import hashlib
from pathlib import Path

from train.errors import RunError


def read_weights_file(path: Path, sha256: str, name: str) -> bytes:
    """Return the content of a file.

    Args:
        path: of the file.
        sha256: its checksum, in hexadecimal.
        name: of the file, and where it is from, for the error.

    Raises:
        RunError: it cannot be read, or is another file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read; name {name}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RunError(f"{path} is another file than the one known here; name {name}.")
    return content
