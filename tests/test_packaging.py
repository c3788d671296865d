"""What a Space's builder and a newcomer rely on: front matter, requirements, files, sizes."""

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from fer_core import __version__
from fer_core.assets import MODELS_DIR
from fer_core.blazeface import DETECTOR_FILE, DETECTOR_SHA256
from fer_core.drawing import FONT
from fer_core.landmarks import LANDMARKER_FILE
from fer_core.model import MODEL_JSON, read_info
from tests.conftest import EXAMPLES, ROOT

COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z,]+\])?==(?P<version>[0-9.]+)")


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def requirements(name: str = "requirements.txt") -> dict[str, str]:
    return pins((ROOT / name).read_text(encoding="utf-8").splitlines())


def pins(lines: list[str]) -> dict[str, str]:
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
    assert values["suggested_hardware"] in {"cpu-basic", "cpu-upgrade"}
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


def test_the_package_with_the_extra_app_is_what_the_space_installs() -> None:
    assert pins(PROJECT["dependencies"] + EXTRAS["app"]) == requirements()


def test_the_extra_train_is_what_training_installs() -> None:
    assert pins(EXTRAS["train"]) == requirements("train/requirements.txt")


def test_the_other_extras_are_tested_in_the_versions_that_they_name() -> None:
    tested = requirements("tests/requirements.txt")
    for extra in ("parquet", "scale"):
        assert pins(EXTRAS[extra]).items() <= tested.items(), extra


def test_the_package_needs_no_web_code() -> None:
    assert not {"gradio", "fastapi", "uvicorn"} & set(pins(PROJECT["dependencies"]))


def headings() -> list[str]:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## (\d+\.\d+\.\d+): .+$", text, re.MULTILINE)


def test_the_newest_changes_are_those_of_this_version() -> None:
    assert headings()[0] == __version__


def test_every_heading_of_the_changes_begins_with_a_version_newest_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert len(headings()) == len(re.findall("^## ", text, re.MULTILINE))
    numbers = [tuple(map(int, heading.split("."))) for heading in headings()]
    assert numbers == sorted(numbers, reverse=True)


def test_every_tag_has_its_changes() -> None:
    listed = subprocess.run(
        ["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {tag.removeprefix("v") for tag in listed.stdout.split()} <= set(headings())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--quiet", "--outdir", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_the_wheel_holds_the_package_its_models_and_licences(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"face_emotion_reader-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 20_000_000
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (told,) = (name for name in held if name.endswith("dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(told).decode())
    info = read_info(ROOT / "models")
    models = {MODEL_JSON, info.file, DETECTOR_FILE, LANDMARKER_FILE, "LICENSE-mediapipe.txt"}
    assert {f"fer_core/models/{name}" for name in models} <= held
    tracked = {name for name in tracked_files() if name.startswith("fer_core/")}
    assert tracked <= held
    assert {"fer_core/py.typed", "fer_core/fonts/LICENSE-inter.txt"} <= held
    assert not [name for name in held if name.endswith(".keras")]
    assert {name.split("/")[0] for name in held} == {"fer_core", told.split("/")[0]}
    assert metadata["Version"] == __version__
    assert not any(
        "gradio" in name and "extra ==" not in name
        for name in metadata.get_all("Requires-Dist", [])
    )


def test_the_source_archive_holds_no_network_to_train_on(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    assert source.stat().st_size < 20_000_000
    with tarfile.open(source) as archive:
        held = archive.getnames()
    assert not [name for name in held if name.endswith((".keras", ".png"))]
    assert f"face_emotion_reader-{__version__}/models/{MODEL_JSON}" in held


@pytest.mark.slow
def test_in_an_empty_environment_the_command_reads_the_examples(
    built: Path, tmp_path: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", str(wheel)]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        # Without a package index: the dependencies of this environment.
        subprocess.run([*install, "--no-deps", "--no-index"], check=True)
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        (Path(asked.stdout.strip()) / "tested.pth").write_text(sysconfig.get_path("purelib"))
    command = str(tmp_path / "venv" / "bin" / "face-emotion-reader")
    finished = subprocess.run(
        [command, str(EXAMPLES), "--out", "answers.csv"],
        cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (0, "")
    answers = (tmp_path / "answers.csv").read_text(encoding="utf-8")
    assert all(path.name in answers for path in EXAMPLES.glob("*.jpg"))
    said = subprocess.run(
        [python, "-c", "import fer_core.assets; print(fer_core.assets.MODELS_DIR)"],
        cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip().startswith(str(tmp_path / "venv"))


def test_in_this_repository_the_models_are_those_of_its_folder() -> None:
    assert MODELS_DIR == ROOT / "models"


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
    assert 0 < info.abstention_threshold < 1
    assert {"fer2013_public", "ferplus_public", "answer_public"} <= set(info.figures)


def test_model_json_says_on_which_photographs_the_answer_was_fitted_and_judged() -> None:
    calibration = read_info(ROOT / "models").calibration
    assert set(calibration.fitted_on) == {"photos", "london", "press", "PublicTest"}
    for name, count in calibration.fitted_on.items():
        figures = calibration.figures["cross_validated"][name]
        assert figures.get("n_found", figures["n"]) == count
        assert {"mean_recall", "recall", "ece"} <= set(figures)


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


@pytest.mark.slow
def test_on_zero_gpu_one_function_is_registered(
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
