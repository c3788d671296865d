"""The directions of import that the design asks for, held by reading the code."""

import dis
import os
import re
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest

from tests.conftest import ROOT

# Inside fer_core: a module may import those of the levels before its own.
LEVELS = [
    {"errors", "emotions", "assets", "geometry", "filters", "inference"},
    {"preprocessing", "landmarks", "blazeface"},
    {"results"},
    {"given_boxes"},
    {"images", "detection", "alignment", "calibration", "tracking", "table", "drawing", "summary"},
    {"model", "quality", "frames"},
    {"recognizer", "explanation"},
    {"video", "video_writer"},
    {"batch", "sinks"},
    {"files", "marked", "progress"},
    {"shares", "workers"},
    {"ray_engine"},
    {"__main__"},
]
DRAWING_MAY_IMPORT = {"results", "emotions"}
FER_CORE = sorted(path.stem for path in (ROOT / "fer_core").glob("*.py"))
HEAVY = {"ai_edge_litert", "av", "tensorflow", "keras", "mediapipe", "gradio", "matplotlib"}


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file.

    Read from the compiled code: `ast.parse` beside other threads fails now and then before Python
    3.11.8 (CPython issue 106905).
    """
    names: set[str] = set()
    pending = [compile(path.read_text(encoding="utf-8"), str(path), "exec")]
    while pending:
        code = pending.pop()
        pending += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
        names |= {
            step.argval for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"
        }
    return names


@pytest.mark.parametrize(
    "path", [*ROOT.glob("fer_core/*.py"), *ROOT.glob("train/**/*.py")], ids=lambda path: path.name
)
def test_imports_are_absolute_so_that_these_tests_see_them(path: Path) -> None:
    assert not re.search(r"^\s*from\s+\.", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_reading_of_imports_sees_them_wherever_they_stand(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(
        "import a.b\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import c\n"
        "class K:\n    def m(self):\n        from d.e import f\n        return lambda: __name__\n"
    )
    assert imports(source) == {"a.b", "typing", "c", "d.e"}


@pytest.mark.parametrize("module", FER_CORE)
def test_fer_core_knows_neither_the_page_nor_the_training(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(ROOT / "fer_core" / f"{module}.py")}
    assert not roots & {"gradio", "train", "page", "app", "matplotlib", "sklearn"}
    assert not roots & {"tensorflow", "keras", "mediapipe"}, "the app does without them"


@pytest.mark.parametrize("module", sorted(set(FER_CORE) - {"__init__", "drawing"}))
def test_fer_core_modules_import_only_what_lies_below_them(module: str) -> None:
    level = next(number for number, level in enumerate(LEVELS) if module in level)
    allowed = set().union(*LEVELS[: level + 1]) - {module}
    used = {
        name.split(".")[1]
        for name in imports(ROOT / "fer_core" / f"{module}.py")
        if name.startswith("fer_core.")
    }
    assert used <= allowed


def test_drawing_knows_only_results_and_emotions() -> None:
    used = {n for n in imports(ROOT / "fer_core" / "drawing.py") if n.startswith("fer_core")}
    assert used <= {f"fer_core.{name}" for name in DRAWING_MAY_IMPORT}


@pytest.mark.parametrize("path", sorted((ROOT / "train").rglob("*.py")), ids=lambda path: path.name)
def test_train_does_not_know_the_page(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"app", "page", "gradio"}


@pytest.mark.parametrize("path", sorted((ROOT / "page").glob("*.py")), ids=lambda path: path.name)
def test_the_page_does_not_know_the_training(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"app", "train", "tests"}


def test_explanations_are_for_the_page_and_the_figure_of_features() -> None:
    modules = {*ROOT.glob("fer_core/*.py"), *ROOT.glob("train/**/*.py")}
    users = {path for path in modules if "fer_core.explanation" in imports(path)}
    assert users == {ROOT / "train/features.py"}


def test_training_runs_on_any_keras_backend() -> None:
    modules = ROOT.glob("train/**/*.py")
    users = {path for path in modules if "tensorflow" in {n.split(".")[0] for n in imports(path)}}
    assert users == {ROOT / "train/artifacts/tflite.py", ROOT / "train/training/distribution.py"}


@pytest.mark.parametrize(
    "module", ["fer_core", "train.fit", "train.evaluate", "train.data.fer2013", "train.gap"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    ["fit", "evaluate", "calibrate", "export", "gap", "clean", "average", "explore", "ingest",
     "compare", "features", "trust", "quality", "recipe", "transfer"],
)  # fmt: skip
def test_every_command_explains_itself(command: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "FER_DATA"}
    finished = subprocess.run(
        [sys.executable, "-m", f"train.{command}", "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"python -m train.{command}" in finished.stdout
