"""The command that shows and renders the log of experiments."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from train.log import main


def test_it_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    said = capsys.readouterr().out
    assert said.startswith("| date | experiment |")
    assert "[001-base](pages/size.md#001-base)" in said


def test_it_prints_one_question(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--topic", "precision"])
    said = capsys.readouterr().out
    assert said.startswith("# What do int8 and bfloat16 cost?\n")
    assert "## 014-int8-pair" in said
    assert "001-base" not in said


def test_writing_renders_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "experiments"
    shutil.copytree(ROOT / "experiments", folder)
    shutil.rmtree(folder / "pages")
    (folder / "036-face3.toml").unlink()
    main(["--experiments", str(folder), "--write"])
    assert "036-face3" not in (folder / "README.md").read_text()
    assert (folder / "pages" / "size.md").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--topic", "height"], "error: there is no topic 'height'; known: size, training"),
        (["--experiments", "nowhere"], r"error: nowhere/topics\.toml cannot be read"),
    ],
)
def test_wrong_use_is_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        main(words)
