"""What README.md shows of the package is run as it is written."""

import re
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, ROOT

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Use it as a package\n")[1]
PYTHON = re.findall(r"```python\n(.*?)```", SECTION.split("\n## ")[0], re.DOTALL)


@pytest.fixture(autouse=True)
def _beside_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)


def test_pictures_are_read_and_marked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    exec(PYTHON[0], {})  # noqa: S102 - our own README
    assert capsys.readouterr().out.startswith("happy ")
    assert (tmp_path / "marked.jpg").stat().st_size > 10_000


def test_own_boxes_are_matched_to_their_faces(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PYTHON[1], {})  # noqa: S102 - our own README
    label, score = capsys.readouterr().out.split()
    assert label == "sad"
    assert float(score) > 0.97


def test_the_columns_that_are_told_are_those_of_the_table() -> None:
    told = SECTION.split("### Command line")[1].split("### ")[0]
    assert {"track", "uncertain", "contempt", "reliable", "error"} <= set(
        re.findall(r"`(\w+)`", told)
    )
