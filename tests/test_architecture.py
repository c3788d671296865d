"""The directions of import that the design asks for, held by reading the code."""

import dis
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import CodeType

import pytest

from tests.conftest import ROOT
from train.__main__ import COMMANDS, main

# Inside fer_core: a module may import those of the levels before its own.
LEVELS = [
    {"errors", "emotions", "assets", "geometry", "boxes", "filters", "inference"},
    {"preprocessing", "landmarks", "blazeface"},
    {"results"},
    {"given_boxes", "pyramid"},
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
# Inside train: a package may import those before its own; so may a command, and no other command.
BASE = {"errors", "files", "cli"}
PACKAGES = [
    "reporting",
    "data",
    "recipes",
    "networks",
    "inputs",
    "artifacts",
    "training",
    "evaluation",
    "calibration",
    "robustness",
    "eda",
    "ingestion",
    "workflow",
]
TRAIN = sorted((ROOT / "train").rglob("*.py"))
FER_CORE = sorted(path.stem for path in (ROOT / "fer_core").glob("*.py"))
HEAVY = {
    "ai_edge_litert",
    "av",
    "tensorflow",
    "keras",
    "mediapipe",
    "gradio",
    "matplotlib",
    "sklearn",
}


@cache
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
        module = ""
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                module = step.argval
                names.add(module)
            elif step.opname == "IMPORT_FROM" and is_module(f"{module}.{step.argval}"):
                names.add(f"{module}.{step.argval}")
    return names


def roots(path: Path) -> set[str]:
    """Names of the packages that a file imports."""
    return {name.split(".")[0] for name in imports(path)}


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room(name: str) -> str:
    """The package, or the module outside of any, that a module of train belongs to."""
    return name.split(".")[1] if "." in name else "__init__"


def test_imports_are_absolute_so_that_these_tests_see_them() -> None:
    paths = [*ROOT.glob("fer_core/*.py"), *TRAIN, *ROOT.glob("benchmarks/*.py")]
    relative = re.compile(r"^\s*from\s+\.", re.MULTILINE)
    assert [path for path in paths if relative.search(path.read_text(encoding="utf-8"))] == []


def test_the_reading_of_imports_sees_them_wherever_they_stand(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(
        "import a.b\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import c\n"
        "class K:\n    def m(self):\n        from d.e import f\n        return lambda: __name__\n"
    )
    assert imports(source) == {"a.b", "typing", "c", "d.e"}


def test_fer_core_knows_neither_the_page_nor_the_training() -> None:
    outside = {"gradio", "train", "page", "app", "matplotlib", "sklearn"}
    outside |= {"tensorflow", "keras", "mediapipe"}  # the app does without them
    for module in FER_CORE:
        assert not roots(ROOT / "fer_core" / f"{module}.py") & outside, module


def test_fer_core_modules_import_only_what_lies_below_them() -> None:
    for module in set(FER_CORE) - {"__init__", "drawing"}:
        level = next(number for number, level in enumerate(LEVELS) if module in level)
        allowed = set().union(*LEVELS[: level + 1]) - {module}
        used = {
            name.split(".")[1]
            for name in imports(ROOT / "fer_core" / f"{module}.py")
            if name.startswith("fer_core.")
        }
        assert used <= allowed, module


def test_drawing_knows_only_results_and_emotions() -> None:
    used = {n for n in imports(ROOT / "fer_core" / "drawing.py") if n.startswith("fer_core")}
    assert used <= {f"fer_core.{name}" for name in DRAWING_MAY_IMPORT}


def test_train_knows_neither_the_page_nor_benchmarks_nor_tests() -> None:
    for path in TRAIN:
        assert not roots(path) & {"app", "page", "gradio", "benchmarks", "tests"}, path


def test_packages_of_train_import_only_what_lies_below_them() -> None:
    for path in TRAIN:
        used = {room(name) for name in imports(path) if name.startswith("train.")}
        own = room(module_name(path))
        allowed = BASE  # a command imports no other command
        if own not in BASE:
            last = PACKAGES.index(own) if own in PACKAGES else len(PACKAGES)
            allowed = BASE | set(PACKAGES[: last + 1])
        assert used <= allowed, path


def test_no_modules_of_train_import_each_other_in_a_circle() -> None:
    pending = {
        module_name(path): {name for name in imports(path) if name.startswith("train.")}
        for path in TRAIN
    }
    while free := {name for name, used in pending.items() if not used & pending.keys()}:
        pending = {name: used for name, used in pending.items() if name not in free}
    assert not pending


def test_every_command_is_listed() -> None:
    flat = {path.stem for path in (ROOT / "train").glob("*.py")}
    assert flat - BASE - {"__init__", "__main__"} == set(COMMANDS)
    assert {path.name for path in (ROOT / "train").iterdir() if path.is_dir()} - {
        "__pycache__"
    } == set(PACKAGES)


def test_the_page_does_not_know_the_training() -> None:
    for path in (ROOT / "page").glob("*.py"):
        assert not roots(path) & {"app", "train", "benchmarks", "tests"}, path


def test_explanations_are_for_the_page_and_the_figure_of_features() -> None:
    modules = [*ROOT.glob("fer_core/*.py"), *TRAIN]
    users = {path for path in modules if "fer_core.explanation" in imports(path)}
    assert users == {ROOT / "train/evaluation/feature_figure.py"}


def test_training_runs_on_any_keras_backend() -> None:
    users = {path for path in TRAIN if "tensorflow" in roots(path)}
    assert users == {ROOT / "train/artifacts/tflite.py", ROOT / "train/training/distribution.py"}


def test_help_comes_without_anything_heavy() -> None:
    """One process imports the package and every command, and asks each for help."""
    code = f"""
import contextlib, importlib, io, json, sys
found = {{}}
for module in ["fer_core", *{[f"train.{command}" for command in COMMANDS]!r}]:
    imported, printed = importlib.import_module(module), io.StringIO()
    if module != "fer_core":
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            imported.main(["--help"])
    found[module] = sorted({HEAVY!r} & set(sys.modules)), printed.getvalue()
json.dump(found, sys.stdout)
"""
    environment = {key: value for key, value in os.environ.items() if key != "FER_DATA"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    for module, (heavy, said) in json.loads(finished.stdout).items():
        assert heavy == [], module
        assert module == "fer_core" or f"python -m {module}" in said


def test_a_command_can_be_called_by_the_package() -> None:
    words = [sys.executable, "-m", "train", "explore", "--help"]
    finished = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "python -m train.explore" in finished.stdout


def test_train_lists_its_commands_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    lines = capsys.readouterr().out.splitlines()
    for command in COMMANDS:
        assert any(re.fullmatch(rf"  {command} +\w.+\.", line) for line in lines)


def test_an_unknown_command_is_told_in_one_sentence() -> None:
    with pytest.raises(SystemExit, match="error: there is no command fits; known: explore, "):
        main(["fits"])
