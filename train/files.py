"""Files that are written in one step, so that a kill leaves the old or the new one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a stream whose content takes the file's place once the block is left without error.

    The file's folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        yield stream
    temporary.replace(path)


def replace_file(path: Path, text: str) -> None:
    """Write a text in UTF-8 in the file's place."""
    with replacing(path) as stream:
        stream.write(text.encode())
