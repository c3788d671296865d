"""Find out which code made a file."""

import subprocess
from pathlib import Path


def git_commit() -> str:
    """Return the commit that is checked out, with `+changes` if files differ, or `unknown`.

    A copy of this project inside another repository, such as an unpacked archive, has none.
    """
    root = Path(__file__).resolve().parents[2]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return "unknown"
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
