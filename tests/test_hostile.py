"""A public page is sent everything: it refuses in one sentence, stays small, and goes on.

`python -m benchmarks.fuzz` does the same at length.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.fuzz import SECONDS, Worker
from tests.conftest import PORTRAITS, ROOT
from tests.hostile import META, Item, Visitor, corpus, mutations

ROOMY = 2 * SECONDS  # a processor that is shared counts up to twice the time
CHAPTERS = (
    "shape", "valid", "mode", "damage", "header", "frames", "zeros", "flood", "metadata",
    "orientation", "directory", "polyglot", "stranger", "name",
)  # fmt: skip
SENT_WHOLE = {"stranger", "polyglot", "name"}  # of the others, each sixth
SMALL = 60_000  # bytes; larger ones are the worker's business


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(tmp_path_factory.mktemp("worker"), ROOMY) as begun:
        yield begun
    corpus.cache_clear()  # a quarter of a gigabyte


def test_every_chapter_of_the_corpus_is_tested() -> None:
    assert {item.name.split("/")[0] for item in corpus()} == set(CHAPTERS)


@pytest.mark.parametrize(
    "chapter",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in {"zeros", "flood"} else [])
        for name in CHAPTERS
    ],
)
def test_a_hostile_file_is_read_or_refused_soon_and_within_bounds(
    worker: Worker, chapter: str
) -> None:
    items = [item for item in corpus() if item.name.startswith(chapter + "/")]
    faults = [(item.name, worker.ask(item.data).fault(item.allowed, ROOMY)) for item in items]
    assert [fault for fault in faults if fault[1] is not None] == []
    assert worker.left_behind() == []


def test_a_mutated_file_is_read_or_refused_soon_and_within_bounds(worker: Worker) -> None:
    faults = [
        (name, worker.ask(data, recognize=number % 10 == 0).fault(seconds=ROOMY))
        for number, (name, data) in enumerate(islice(mutations(seed=0), 300))
    ]
    assert [fault for fault in faults if fault[1] is not None] == []
    assert worker.left_behind() == []


@pytest.mark.parametrize("kind", ["endless", "waiting"])
def test_what_is_no_ordinary_file_is_refused_unread(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "waiting")
    path = {"endless": "/dev/zero", "waiting": str(tmp_path / "waiting")}[kind]
    code = (
        "import resource, sys\nfrom fer_core import InvalidImageError, load_image\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9,) * 2)\n"
        "try:\n    load_image(sys.argv[1])\nexcept InvalidImageError:\n    print('refused')"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert finished.stdout == "refused\n", finished.stderr[-500:]


def sent() -> list[Item]:
    """What of the corpus goes through the server."""
    small = [item for item in corpus() if len(item.data) <= SMALL]
    some = [item for item in small if item.name.split("/")[0] not in SENT_WHOLE][::6]
    return some + [item for item in small if item.name.split("/")[0] in SENT_WHOLE]


def test_the_server_answers_hostile_files_with_json_or_a_sentence_and_goes_on(
    served_app: str,
) -> None:
    visitor = Visitor(served_app)
    wrong: list[tuple[str, object]] = []
    for item in sent():
        taken = visitor.upload(item.data, item.file_name)
        if taken.status_code == 200:
            (path,) = taken.json()
            reply = visitor.call("predict", {"path": path, "meta": META})
            if not (reply.refused if item.allowed == "refused" else reply.data or reply.refused):
                wrong.append((item.name, reply))
        elif not 400 <= taken.status_code < 500:
            wrong.append((item.name, taken.text))
    assert wrong == []
    portrait = visitor.uploaded(PORTRAITS[0].read_bytes())
    (answer,) = visitor.call("predict", portrait).data or [None]
    assert len(answer["faces"]) == 1
