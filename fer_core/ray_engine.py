"""Reads files by Ray Data, on this machine or a cluster, into a folder of Parquet files."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_core.batch import BYTES, PATH, SUFFIXES, FaceReader
from fer_core.errors import OutputError
from fer_core.images import NO_FILE
from fer_core.sinks import parquet_schema, utf8
from fer_core.table import FIELDS, error_row
from fer_core.workers import silent

BATCH = 16  # files that an actor reads at a time
ROWS_OF_FILE = 10_000  # of a Parquet file, at least, except the last ones
# Shares of a core that tasks request: with a whole core for each actor, tasks that read and write
# would never be scheduled.
ACTOR_CPUS, TASK_CPUS = 0.9, 0.1
NOT_OURS = "{} exists and is not a table of this program; please name another folder."
NO_RAY = "The engine ray needs Ray; run pip install 'face-emotion-reader[scale]'."
NO_FOLDER = (
    "With the engine ray the output is a folder of Parquet files, whose name ends in .parquet."
)


class Source(NamedTuple):
    """Files of one file system.

    Attributes:
        filesystem: a `pyarrow.fs.FileSystem`.
        names: the name of each file as given, by its path in the file system.
    """

    filesystem: Any
    names: dict[str, str]


class RayReader(FaceReader):
    """An actor: a `FaceReader` that returns typed columns, and names as the user gave them."""

    def __init__(self, every: float, names: Mapping[str, str]) -> None:
        """Load the networks, for one core.

        Args:
            every: seconds between the frames of a video that are read.
            names: of the files as given, by their paths, where they differ.
        """
        with silent():
            super().__init__(every=every, threads=1)
        self._names = names

    def __call__(self, batch: Mapping[str, Any]) -> Any:
        """Read a batch of `path` and `bytes` into a `pyarrow.Table` of `FIELDS`."""
        import pyarrow as pa

        paths = [utf8(self._names.get(path, path)) for path in batch[PATH]]
        columns = super().__call__({PATH: paths, BYTES: batch[BYTES]})
        return pa.table(
            [_arrow(columns[field.name], field.type) for field in parquet_schema()],
            schema=parquet_schema(),
        )


def run_on_ray(
    paths: Sequence[str], listed: Iterable[str], out: str, every: float, workers: int | None
) -> tuple[int, int, int]:
    """Read files into a folder of Parquet files, without those that earlier calls read.

    Args:
        paths: addresses such as `s3://bucket/folder`, of files or folders.
        listed: names of files on this machine.
        out: path or address of the folder, ends in .parquet.
        every: seconds between the frames of a video that are read.
        workers: number of actors; one for each core of the cluster when None.

    Returns:
        Numbers of files: that were given, that were read by earlier calls, that could not be read.

    Raises:
        OutputError: Ray is missing, or the output cannot be written.
    """
    try:
        import pyarrow as pa
        import ray
    except ImportError as error:
        raise OutputError(NO_RAY) from error
    if not out.lower().endswith(".parquet"):
        raise OutputError(NO_FOLDER)
    missing, sources = _sources(paths, listed)
    folder, place = _place(out)
    errors = _errors_by_file(folder, place)
    given = {name for source in sources for name in source.names.values()} | set(missing)
    done = {name for name in given if utf8(name) in errors}
    try:
        _connect(workers)
        for source in sources:
            new = {path: name for path, name in source.names.items() if name not in done}
            if new:
                _read(Source(source.filesystem, new), folder, place, every, workers)
        if rows := [error_row(utf8(name), NO_FILE) for name in missing if name not in done]:
            table = pa.Table.from_pylist(rows, parquet_schema())
            ray.data.from_arrow(table).write_parquet(place, filesystem=folder)
    except (OSError, ray.exceptions.RayError) as error:
        raise OutputError(f"The work on Ray ended early: {_first_line(error)}") from error
    finally:
        ray.shutdown()
    errors = _errors_by_file(folder, place)
    failed = sum(errors.get(utf8(name), NO_FILE) is not None for name in given)
    return len(given), len(done), failed


def rows_of(out: str) -> Iterator[Mapping[str, Any]]:
    """Iterate over the rows of a folder of Parquet files."""
    folder, place = _place(out)
    for file in _parts(folder, place):
        for batch in file.iter_batches(columns=list(FIELDS)):
            yield from batch.to_pylist()


def _connect(workers: int | None) -> None:
    """Connect to the cluster that RAY_ADDRESS names, or start one on this machine."""
    import ray

    # Ray's native code warns of every actor that it restarts; failures are raised anyway.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    logging.getLogger("ray").setLevel(logging.ERROR)
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if "RAY_ADDRESS" not in os.environ:
        settings |= {"address": "local", "include_dashboard": False, "num_cpus": workers}
    # On a single machine the package may be a clone that is not installed.
    folder = str(Path(__file__).resolve().parents[1])
    if "site-packages" not in folder and "RAY_ADDRESS" not in os.environ:
        settings["runtime_env"] = {"env_vars": {"PYTHONPATH": folder}}
    try:
        ray.init(**settings)
    except Exception as error:  # Ray raises the base class, too
        raise OutputError(f"Ray did not start: {_first_line(error)}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = sys.stderr.isatty()
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _read(source: Source, folder: Any, place: str, every: float, workers: int | None) -> None:
    import ray

    count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    renamed = {path: name for path, name in source.names.items() if path != name}
    files = ray.data.read_binary_files(
        list(source.names), filesystem=source.filesystem, include_paths=True, num_cpus=TASK_CPUS
    )
    faces = files.map_batches(
        RayReader,
        fn_constructor_args=(every, renamed),
        batch_size=BATCH,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=count),
        num_cpus=ACTOR_CPUS,
    )
    faces.write_parquet(
        place,
        filesystem=folder,
        min_rows_per_file=ROWS_OF_FILE,
        ray_remote_args={"num_cpus": TASK_CPUS},
    )


def _sources(paths: Sequence[str], listed: Iterable[str]) -> tuple[list[str], list[Source]]:
    """Separate missing files from existing ones, which are grouped by file system."""
    from pyarrow import fs

    missing, sources = [], []
    local: dict[str, str] = {}
    for name in listed:
        path = os.path.abspath(name)  # noqa: PTH100  links stay
        if os.path.isfile(path) and os.access(path, os.R_OK):  # noqa: PTH113  as above
            local.setdefault(path, name)
        else:
            missing.append(name)
    if local:
        sources.append(Source(fs.LocalFileSystem(), local))
    for address in paths:
        try:
            filesystem, root = fs.FileSystem.from_uri(address)
            info = filesystem.get_file_info(root)
            if info.type == fs.FileType.File:
                found = [root]
            else:
                selected = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
                found = sorted(one.path for one in selected if one.is_file and _is_wanted(one.path))
        except (OSError, ValueError):
            found = []
        if not found:
            missing.append(address)
            continue
        before = address.split("?")[0].rstrip("/").removesuffix(root.rstrip("/"))
        sources.append(Source(filesystem, {path: before + path for path in found}))
    return missing, sources


def _is_wanted(path: str) -> bool:
    name = PurePosixPath(path)
    return name.suffix.lower() in SUFFIXES and not name.name.startswith(".")


def _place(out: str) -> tuple[Any, str]:
    """Resolve the output to a file system and a path in it.

    Raises:
        OutputError: the address is invalid, or a file has this name.
    """
    from pyarrow import fs

    try:
        folder, place = (
            fs.FileSystem.from_uri(out)
            if "://" in out
            else (fs.LocalFileSystem(), os.path.abspath(out))  # noqa: PTH100
        )
        info = folder.get_file_info(place)
    except (OSError, ValueError) as error:
        raise OutputError(f"The output {out} cannot be reached: {error}.") from error
    if info.type == fs.FileType.File:
        raise OutputError(f"{out} is a file; please name another folder to write to.")
    if "://" not in out and not Path(place).parent.is_dir():
        raise OutputError(f"The folder of the output {out} does not exist; please make it first.")
    return folder, place


def _parts(folder: Any, place: str) -> Iterator[Any]:
    """Open the Parquet files of the output; remove one that a killed call left incomplete."""
    import pyarrow as pa
    from pyarrow import fs, parquet

    selector = fs.FileSelector(place, allow_not_found=True)
    for info in sorted(folder.get_file_info(selector), key=lambda info: info.path):
        if not info.path.endswith(".parquet"):
            continue
        try:
            file = parquet.ParquetFile(info.path, filesystem=folder)
        except pa.ArrowInvalid:
            folder.delete_file(info.path)
            continue
        with file:
            if file.schema_arrow.names != list(FIELDS):
                raise OutputError(NOT_OURS.format(place))
            yield file


def _errors_by_file(folder: Any, place: str) -> dict[str, str | None]:
    errors: dict[str, str | None] = {}
    for file in _parts(folder, place):
        for batch in file.iter_batches(columns=["file", "error"]):
            for row in batch.to_pylist():
                errors[row["file"]] = row["error"] or errors.get(row["file"])
    return errors


def _arrow(column: NDArray[Any], kind: Any) -> Any:
    """Convert a column to an Arrow array, NaN as missing."""
    import pyarrow as pa

    values = np.asarray(column)
    if values.dtype == np.float64:
        return pa.array(values, pa.float64(), from_pandas=True).cast(kind)
    return pa.array(values.tolist(), kind)
