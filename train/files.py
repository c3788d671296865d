"""Write files atomically, so that an interrupted process leaves the old or the new one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a stream whose content replaces the file when the block ends without error.

    The file's folder is created if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        yield stream
    temporary.replace(path)


def replace_file(path: Path, text: str) -> None:
    """Replace a file by a text in UTF-8, atomically."""
    with replacing(path) as stream:
        stream.write(text.encode())
