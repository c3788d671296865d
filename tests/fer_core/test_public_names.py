import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import fer_core

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", fer_core.__all__)
def test_every_name_in_all_can_be_imported(name):
    assert getattr(fer_core, name) is not None


def test_every_public_name_is_in_all():
    public = {
        name
        for name, value in vars(fer_core).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(fer_core.__all__)


def test_no_name_stands_twice_in_all():
    assert len(set(fer_core.__all__)) == len(fer_core.__all__)


@pytest.mark.parametrize(
    "name", [name for name in fer_core.__all__ if callable(getattr(fer_core, name))]
)
def test_every_public_class_and_function_has_a_docstring_of_its_own(name):
    docstring = getattr(fer_core, name).__doc__
    assert docstring
    assert not docstring.startswith(f"{name}(")  # what a dataclass makes up for itself


@pytest.mark.parametrize(
    "name",
    [
        "EmotionRecognizer",
        "RecognitionResult",
        "FaceResult",
        "FaceDetection",
        "BoundingBox",
        "EmotionPrediction",
        "FerError",
        "InvalidImageError",
        "ImageTooLargeError",
        "ModelLoadError",
        "ChecksumMismatchError",
    ],
)
def test_the_stable_interface_offers_the_name(name):
    assert name in fer_core.__all__


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, fer_core\n"
        "heavy = {'gradio', 'keras', 'matplotlib', 'mediapipe', 'tensorflow', 'torch'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert finished.stdout.split() == []
