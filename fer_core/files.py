"""Lists the files that a command's paths stand for: images, videos, folders, patterns, lists."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from fer_core.batch import SUFFIXES


def find_files(
    paths: Iterable[str], listed: BinaryIO, leave_out: Path | None = None
) -> dict[str, None]:
    """List the files to read, each once, in a fixed order.

    Args:
        paths: names of files, which are taken as they are, even when they do not exist; folders,
            searched with all folders in them for names that end like an image or a video and do
            not begin with a dot; patterns such as `*.jpg` and `**/*.mp4`, where there is no such
            file; `-` for the lines of `listed`.
        listed: a list of files and folders, separated by line breaks, or by null characters where
            it has any.
        leave_out: a folder that is not searched where it lies in another one.

    Returns:
        The names, in the order of `paths`, those of a folder prefixed by it. A folder or pattern
        without a file is listed itself, so that it gets a row with an error.
    """
    names: dict[str, None] = {}
    for path in paths:
        if path == "-":
            for line in _lines(listed.read()):
                names.update(dict.fromkeys(_under(line, leave_out)))
        elif glob.has_magic(path) and not os.path.lexists(path):
            found = sorted(glob.glob(path, recursive=True)) or [path]  # noqa: PTH207  any root
            for match in found:
                names.update(dict.fromkeys(_under(match, leave_out)))
        else:
            names.update(dict.fromkeys(_under(path, leave_out)))
    return names


def _lines(content: bytes) -> list[str]:
    if b"\0" in content:
        return [os.fsdecode(name) for name in content.split(b"\0") if name]
    names = (line.removesuffix(b"\r") for line in content.split(b"\n"))
    return [os.fsdecode(name) for name in names if name]


def _under(path: str, leave_out: Path | None) -> list[str]:
    if not Path(path).is_dir():
        return [path]
    return list(_walk(path, leave_out)) or [path]


def _walk(folder: str, leave_out: Path | None) -> Iterator[str]:
    left_out = None if leave_out is None else leave_out.resolve()
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(parent, name).resolve() != left_out
        )
        for name in sorted(files):
            if not name.startswith(".") and PurePath(name).suffix.lower() in SUFFIXES:
                yield os.path.join(parent, name)  # noqa: PTH118  Path drops a leading ./
