"""What several test modules share: the real model, a served app, a smoke run, a browser."""

import math
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from fer_core import EmotionRecognizer
from tests.serving import ROOT, served

EXAMPLES = ROOT / "examples"
PORTRAITS = sorted(EXAMPLES.glob("*_[fm]_*.jpg"))  # one face each
# Fixtures that take long to set up: with pytest-xdist the tests of each run in one worker.
SHARED = ("served_app", "smoke_run")
# Groups of tests that take longest begin first, so that no worker waits for another at the end.
LONGEST = (
    "served_app",
    "smoke_run",
    "test_recipe.py",
    "test_ray_engine.py",
    "test_distribution.py",
    "test_main.py",
    "test_fit.py",
    "test_programs.py",
    "test_packaging.py",
    "test_load.py",
    "test_frames.py",
    "test_video.py",
)

# Ignored where tests run in the background of a shell or in a worker; what tests start inherits
# that and could not be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores run beside each other already
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test by the argument instead of a long value, such as a file of 100 MB."""
    return argname if isinstance(val, bytes | str) and len(val) > 100 else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the tests of a shared fixture, and else those of a file, in one worker."""
    used = getattr(item, "fixturenames", ())
    group = next((name for name in SHARED if name in used), item.path.name)
    item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest groups first."""

    def place(item: pytest.Item) -> int:
        group = next(item.iter_markers("xdist_group")).args[0]
        return LONGEST.index(group) if group in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def recognizer() -> EmotionRecognizer:
    """The recognizer that the app serves."""
    return EmotionRecognizer.load()


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m train.fit --smoke` leaves."""
    from train.fit import main  # which imports Keras

    run = tmp_path_factory.mktemp("runs") / "smoke"
    main(["--smoke", "--out", str(run)])
    return run


def train_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run training steps line by line: for a handful, tracing their graph takes far longer."""
    from train.training.training_model import TrainingModel  # which imports Keras

    always = property(lambda model: True, lambda model, value: None)
    monkeypatch.setattr(TrainingModel, "run_eagerly", always)


@pytest.fixture
def eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training steps run line by line."""
    train_eagerly(monkeypatch)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """`python app.py` as a process of its own, with its log and copies in a folder.

    Yields:
        The address that it serves.
    """
    with served(folder) as server:
        yield server.address


@pytest.fixture(scope="session")
def served_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app that all tests share."""
    with serve(tmp_path_factory.mktemp("app")) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the installed Chromium."""
    found = find_chromium()
    if found is None:
        pytest.fail("browser tests need Chromium: apt-get install chromium, or -m 'not browser'")
    return found


def find_chromium() -> str | None:
    """Path of the installed Chromium, or None."""
    candidates = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in candidates if name and (path := shutil.which(name))), None)


def chromium_arguments(camera: Path) -> list[str]:
    """How it is started: without a screen, with a file of JPEG frames as its camera."""
    return [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]


def film(picture: Path, to: Path) -> Path:
    """What a camera shows: 640x480 JPEG frames in which a face sways, 4:2:0."""
    face = cv2.resize(cv2.imread(str(picture)), (480, 480), interpolation=cv2.INTER_AREA)
    frames = []
    for frame in range(30):
        left = 80 + round(20 * math.sin(frame / 30 * 2 * math.pi))
        moved = cv2.copyMakeBorder(face, 0, 0, left, 160 - left, cv2.BORDER_REPLICATE)
        done, jpeg = cv2.imencode(".jpg", moved)
        assert done
        frames.append(jpeg.tobytes())
    to.write_bytes(b"".join(frames))
    return to
