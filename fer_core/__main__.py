"""Runs the command line: writes the faces of images and videos into a table.

Slow imports are made where they are used, so that `--help` is fast.
"""

import argparse
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from fer_core import FerError, OutputError, __version__

if TYPE_CHECKING:
    from fer_core.progress import Progress
    from fer_core.shares import Shares
    from fer_core.sinks import Table

PROG = "face-emotion-reader"
SOME_FAILED, FAILED, INTERRUPTED = 1, 2, 130
EPILOG = f"""\
The table has a row for each face, largest first, with the columns file, time, track, face, x_min,
y_min, x_max, y_max, score, label, confidence, uncertain, angry, disgust, fear, happy, sad,
surprise, neutral, contempt, reliable, error. An image or a frame without a face has a row in which
only file (and time) are filled; a file that cannot be read has one with file and error. Times are
in seconds, boxes in pixels.

The same command with the same FILE resumes where an earlier one was interrupted or killed, and
reads only files that FILE does not have yet.

exit code: 0 all files were read; {SOME_FAILED} some could not be read, or not to their end;
{FAILED} nothing was done, or FILE or a marked copy could not be written; {INTERRUPTED} interrupted

examples:
  {PROG} photos --out answers.csv
  {PROG} "trip/**/*.mp4" --every 0.5 --out answers.parquet --annotate marked
  find . -name "*.jpg" -print0 | {PROG} - --out answers.jsonl --workers 4 --summary
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command line; those of this process when None.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    warnings.simplefilter("ignore")  # of libraries about damaged files, which rows report
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run_on_ray(options) if options.engine == "ray" else _run(options)
    except FerError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Interrupted; the same command resumes from here.", file=sys.stderr)
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    from fer_core.files import find_files
    from fer_core.marked import MarkedCopies
    from fer_core.progress import Progress
    from fer_core.shares import Shares
    from fer_core.sinks import open_table
    from fer_core.workers import Job, read_files

    if addresses := [path for path in options.paths if "://" in path]:
        raise OutputError(
            f"{addresses[0]} is no path on this machine; addresses need --engine ray."
        )
    files = list(find_files(options.paths, sys.stdin.buffer, options.annotate))
    copies = None if options.annotate is None else MarkedCopies(options.annotate, files)
    job = Job(options.every, copies)
    table = open_table(Path(options.out))
    try:
        summary = Shares(options.every) if options.summary else None
        if summary is not None:
            for row in table.earlier_rows():
                summary.add(row)
        new = [file for file in files if not table.has(file)]
        progress = Progress(len(new))
        workers = min(options.workers or 1, max(1, len(new)))
        failed = {file for file in files if table.has_failed(file)}
        if new:
            failed |= _write(table, read_files(job, new, workers), progress, summary)
    finally:
        table.close()
    if summary is not None:
        print(summary.text())
    return _tell(options.out, len(files), len(files) - len(new), len(failed))


def _run_on_ray(options: argparse.Namespace) -> int:
    from fer_core.files import find_files
    from fer_core.ray_engine import rows_of, run_on_ray
    from fer_core.shares import Shares

    if options.annotate is not None:
        raise OutputError("The engine ray writes no marked copies; leave --annotate out.")
    addresses = [path for path in options.paths if "://" in path]
    paths = [path for path in options.paths if "://" not in path]
    files = find_files(paths, sys.stdin.buffer)
    counts = run_on_ray(addresses, files, options.out, options.every, options.workers)
    if options.summary:
        summary = Shares(options.every)
        for row in rows_of(options.out):
            summary.add(row)
        print(summary.text())
    return _tell(options.out, *counts)


def _tell(out: str, given: int, earlier: int, failed: int) -> int:
    """Print how many files were read or failed; return the exit code."""
    if earlier:
        print(f"{earlier:,} files were in {out} already.", file=sys.stderr)
    if failed:
        print(
            f"{failed:,} of {given:,} files could not be read, or not to their end; the column "
            f"error in {out} tells why.",
            file=sys.stderr,
        )
    return SOME_FAILED if failed else 0


def _write(table: "Table", chunks: Any, progress: "Progress", summary: "Shares | None") -> set[str]:
    """Write all chunks; return the files that could not be read, or not to their end."""
    failed: set[str] = set()
    try:
        for file, rows, is_last in chunks:
            table.write(rows)
            for row in rows:
                if row["error"] is not None:
                    failed.add(file)
                if summary is not None:
                    summary.add(row)
            if is_last:
                table.commit()
                progress.add()
            elif rows and rows[0]["time"] is not None:
                progress.show(f"{file} at {rows[0]['time']:.1f} s")
    finally:
        progress.clear()
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Find every face in images and videos, say which emotion people would read in "
        "it, and write a table.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="an image, a video, a folder (with the folders in it), a pattern such as '*.jpg', or "
        "- for a list on standard input",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        required=True,
        help="the table; its name ends in .csv, .jsonl or .parquet",
    )
    parser.add_argument(
        "--every",
        metavar="S",
        type=_seconds,
        default=0.2,
        help="seconds between the frames of a video that are read; 0 for all (default: 0.2)",
    )
    parser.add_argument(
        "--annotate",
        metavar="DIR",
        type=Path,
        help="write marked copies of the images and videos into this folder",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_count,
        help="processes that read at the same time (default: 1; with --engine ray one a core)",
    )
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="ray: read by Ray Data, on this machine or the cluster that RAY_ADDRESS names, from "
        "paths or addresses such as s3://bucket/folder; FILE is then a folder of Parquet files",
    )
    parser.add_argument(
        "--summary",
        action="store_true",
        help="print the share of images, and of the time of videos, for each emotion",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, at least 0, not {text}")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number of processes, at least 1, not {text}")
    return int(text)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
