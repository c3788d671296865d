"""Shows the progress of a command as one line on a terminal."""

import shutil
import sys
import time

REFRESH_SECONDS = 0.2


class Progress:
    """Rewrites one line of standard error; writes nothing where that is not a terminal."""

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
        """Count one more file as read."""
        self._done += 1
        self.show("")

    def show(self, now: str) -> None:
        """Rewrite the line, at most five times a second.

        Args:
            now: the file that is being read, where that takes long; else empty.
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
        """Clear the line, before something else is printed."""
        if self._is_on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def duration(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
