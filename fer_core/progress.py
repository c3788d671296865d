"""A line on a terminal that tells how far a command is."""

import shutil
import sys
import time

REFRESH_SECONDS = 0.2


class Progress:
    """Rewrites one line of standard error; writes nothing where that is no terminal."""

    def __init__(self, total: int) -> None:
        """Begin to count files.

        Args:
            total: number of files to come.
        """
        self._total = total
        self._done = 0
        self._begin = time.monotonic()
        self._shown = -REFRESH_SECONDS
        self._is_on = sys.stderr.isatty()

    def add(self) -> None:
        """One more file is read."""
        self._done += 1
        self.show("")

    def show(self, now: str) -> None:
        """Rewrite the line, at most five times a second.

        Args:
            now: what is being read, where that takes long.
        """
        elapsed = time.monotonic() - self._begin
        if not self._is_on or elapsed - self._shown < REFRESH_SECONDS:
            return
        self._shown = elapsed
        text = f"{self._done:,} of {self._total:,} files"
        if self._done:
            left = elapsed / self._done * (self._total - self._done)
            text += f", {self._done / elapsed:.1f} a second, {duration(left)} left"
        if now:
            text += f"; {now}"
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{text[:width]}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Leave the line empty for what is printed next."""
        if self._is_on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
