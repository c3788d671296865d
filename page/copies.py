"""Copies of visitors' pictures: where they lie, and that they do not lie there for long."""

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

import gradio.mcp
import gradio.routes

from page import memory

# A copy of an upload lives at most five minutes: swept every ten seconds when older than four.
SWEEP_SECONDS, COPY_SECONDS = 10, 240


def set_up() -> None:
    """Have Gradio keep its copies in a folder of ours, swept from now on."""
    # A folder of our own inside the one that is named, since all that is old in it is deleted.
    named = os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir())
    copies = Path(named) / "face-emotion-reader"
    copies.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(copies)
    # Parts of Gradio asked for the folder when they were imported, or take the system's.
    for module in (gradio.mcp, gradio.routes):
        vars(module)["DEFAULT_TEMP_DIR"] = str(copies)
    tempfile.tempdir = str(copies)
    keep_swept(copies)


def sweep(folder: Path, older_than: float) -> None:
    """Delete what was last written so many seconds ago: files, and folders that are empty.

    Gradio's own `delete_cache` forgets uploads that broke off and those from before a restart.
    """
    limit = time.time() - older_than
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies in a folder before the folder
        with contextlib.suppress(OSError):  # gone already, or a folder that is not empty
            if path.lstat().st_mtime < limit:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def keep_swept(folder: Path) -> None:
    """Sweep a folder from now on, beside everything else, and give memory back."""

    def forever() -> None:
        while True:
            sweep(folder, COPY_SECONDS)
            memory.trim()
            time.sleep(SWEEP_SECONDS)

    threading.Thread(target=forever, name="sweep", daemon=True).start()
