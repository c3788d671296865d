"""The log of experiments: the files of this repository, and small ones that are wrong."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from train.errors import DataError
from train.reporting.experiments import overview, pages, read_experiments, read_topics, readings

FOLDER = ROOT / "experiments"
ONE = """
date = 2026-11-21
commit = "02d1954"
topic = "size"
question = "Does a small network | learn?"
command = "python -m train.fit --data DIR"
data = "FER2013"
machine = "two cores"
hours = "1.2"
verdict = "yes"
notes = "Longer pays."
scores = [
  { split = "PublicTest", metric = "FER+ accuracy", value = 0.8660 },
  { split = "PublicTest", metric = "FER+ accuracy", of = "flip averaged", value = 0.8670 },
  { split = "press", metric = "mean recall", value = 0.651 },
]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "topics.toml").write_text('size = "Which network?"\n')
    (tmp_path / "001-small.toml").write_text(ONE)
    later = ONE.replace("2026-11-21", "2026-11-22") + 'parents = ["001-small"]\n'
    (tmp_path / "002-large.toml").write_text(later)
    return tmp_path


def test_the_rendered_log_is_that_of_the_files() -> None:
    experiments, topics = read_experiments(FOLDER), read_topics(FOLDER)
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert overview(experiments) in text, "run python -m train log --write"
    assert readings(FOLDER) in text
    for topic, page in pages(experiments, topics).items():
        assert (FOLDER / "pages" / f"{topic}.md").read_text(encoding="utf-8") == page


def test_the_table_has_six_columns_the_newest_first_with_digits_as_written(folder: Path) -> None:
    _, _, first, second = overview(read_experiments(folder)).splitlines()
    assert first.startswith("| 2026-11-22 | [002-large](pages/size.md#002-large) | 0.8660 |  |")
    assert second.endswith(r"| Does a small network \| learn? | yes |")
    assert first.count(" | ") == 5


def test_a_page_tells_every_score_by_variant(folder: Path) -> None:
    large, _ = read_experiments(folder)
    text = pages([large], read_topics(folder))["size"]
    assert text.startswith("# Which network?\n\n## 002-large\n")
    assert "|  | 0.8660 | 0.651 |" in text
    assert "| flip averaged | 0.8670 |  |" in text
    assert "After 001-small." in text
    assert "```sh\npython -m train.fit --data DIR\n```" in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('topic = "size"', 'topic = "height"', "the topic 'height' is not in topics.toml"),
        ('verdict = "yes"', 'opinion = "yes"', "'opinion' is no field of an experiment"),
        ('verdict = "yes"', "", "a field is missing or of another kind"),
        ('split = "press", ', "", "a field is missing or of another kind"),
        (
            'notes = "Longer pays."',
            'parents = ["000-none"]\nnotes = ""',
            "no experiment '000-none'",
        ),
        ('notes = "Longer pays."', "notes = Longer", "cannot be read"),
    ],
)
def test_a_wrong_file_is_told_by_name(folder: Path, old: str, new: str, said: str) -> None:
    (folder / "001-small.toml").write_text(ONE.replace(old, new))
    with pytest.raises(DataError, match=said) as caught:
        read_experiments(folder)
    assert "001-small.toml" in str(caught.value)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "topics.toml").touch()
    with pytest.raises(DataError, match="holds no experiment"):
        read_experiments(tmp_path)
    with pytest.raises(DataError, match=r"private-test.toml cannot be read"):
        readings(tmp_path)


def test_a_reading_without_a_reason_is_told(tmp_path: Path) -> None:
    text = '[[readings]]\ndate = 2026-11-21\nmodel = "m"\ncommit = "c"\n'
    (tmp_path / "private-test.toml").write_text(text)
    with pytest.raises(DataError, match="a reading lacks why"):
        readings(tmp_path)
