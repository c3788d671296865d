"""What a Space's builder and a newcomer rely on: front matter, requirements, files, sizes."""

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from fer_core.blazeface import DETECTOR_FILE, DETECTOR_SHA256
from fer_core.drawing import FONT
from fer_core.model import read_info
from tests.conftest import EXAMPLES, ROOT

COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z,]+\])?==(?P<version>[0-9.]+)")


def requirements() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    matches = [REQUIREMENT.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(matches), f"every line must be name==version: {lines}"
    return {match["name"]: match["version"] for match in matches if match}


def front_matter(name: str) -> dict[str, object]:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.startswith("---\n")
    values: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return values


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name]


def test_front_matter_is_what_the_hub_expects() -> None:
    values = front_matter("README.md")
    assert values["sdk"] == "gradio"
    assert str(values["sdk_version"]) == requirements()["gradio"]
    assert str(values["python_version"]) == "3.12"
    assert values["license"] == "mit"
    assert {values["colorFrom"], values["colorTo"]} <= COLORS
    assert isinstance(values["short_description"], str)
    assert 0 < len(values["short_description"]) <= 60
    assert (ROOT / str(values["app_file"])).is_file()
    assert values["title"]
    assert values["emoji"]
    assert values["tags"]


def test_python_version_is_text_so_that_yaml_keeps_its_digits() -> None:
    assert isinstance(front_matter("README.md")["python_version"], str)


def test_requirements_name_every_direct_dependency_and_nothing_by_file() -> None:
    expected = {
        "gradio",
        "ai-edge-litert",
        "av",
        "opencv-python-headless",
        "numpy",
        "pillow",
        "pillow-heif",
    }
    assert set(requirements()) == expected


@pytest.mark.parametrize("package", sorted(requirements()))
def test_installed_is_what_is_pinned(package: str) -> None:
    assert version(package) == requirements()[package]


def test_no_tracked_file_needs_large_file_storage() -> None:
    too_large = {
        name: size
        for name in tracked_files()
        if (size := (ROOT / name).stat().st_size) >= 10_000_000
    }
    assert too_large == {}


def test_the_detector_states_origin_licence_and_checksum() -> None:
    card = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    assert DETECTOR_FILE in card
    assert DETECTOR_SHA256 in card
    assert "Apache-2.0" in card
    assert (ROOT / "models" / "LICENSE-mediapipe.txt").is_file()


def test_the_font_states_origin_licence_and_checksum() -> None:
    card = (FONT.parent / "README.md").read_text(encoding="utf-8")
    assert FONT.name in card
    assert hashlib.sha256(FONT.read_bytes()).hexdigest() in card
    assert (FONT.parent / "LICENSE-inter.txt").is_file()


def test_model_json_says_what_the_model_is_and_where_it_comes_from() -> None:
    info = read_info(ROOT / "models")
    assert info.training["command"].startswith(
        ("python -m train.fit --data DIR", "python -m train.average --models")
    )
    assert re.fullmatch(r"[0-9a-f]{40}", info.training["commit"])
    assert info.temperature != 1.0
    assert 0 < info.abstention_threshold < 1
    assert {"fer2013_public", "ferplus_public", "answer_public", "photographs"} <= set(info.figures)


def test_the_cards_state_the_figures_of_the_model_that_is_served() -> None:
    figures = read_info(ROOT / "models").figures
    card = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    names = ("fer2013", "ferplus", "answer", "happy_sad")
    measured = {
        name for name in figures if name.removesuffix("_public").removesuffix("_private") in names
    }
    assert len(measured) >= len(names)
    for name in measured:
        assert f"{100 * figures[name]['accuracy']:.1f}" in card, name


def test_every_example_is_attributed_and_named_by_an_emotion() -> None:
    names = {path.name for path in EXAMPLES.glob("*.jpg")}
    assert names
    told = (EXAMPLES / "ATTRIBUTION.md").read_text(encoding="utf-8")
    emotions = "angry|disgust|fear|happy|sad|surprise|neutral|group"
    assert all(re.match(rf"({emotions})_", name) or name in told for name in names)


def test_no_file_names_a_place_of_one_machine() -> None:
    suspicious = re.compile(r"(?<![\w.])/(work|home|root|farm)/|shared/data")
    found = [
        name
        for name in tracked_files()
        if name.endswith((".py", ".md", ".json", ".toml", ".txt", "Makefile", "run"))
        and suspicious.search((ROOT / name).read_text(encoding="utf-8"))
        and name != "tests/test_packaging.py"
    ]
    assert found == []


def test_on_zero_gpu_one_function_is_registered_and_elsewhere_nothing_is_needed(
    tmp_path: Path,
) -> None:
    """ZeroGPU ends an app that decorates nothing; a stand-in records what is decorated."""
    (tmp_path / "spaces.py").write_text(
        "decorated = []\ndef GPU(function):\n    decorated.append(function)\n    return function\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", "import app, spaces; print(len(spaces.decorated))"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "1"
    assert importlib.util.find_spec("spaces") is None  # the rest of the tests run without it
