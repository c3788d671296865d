from pathlib import Path

import pytest

from train.config import PRESETS
from train.errors import DataError
from train.speed import measure, report
from train.synthetic import write_synthetic_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_synthetic_dataset(tmp_path, (70, 35, 35))
    return tmp_path


def test_all_three_are_measured(data: Path) -> None:
    rates = measure(PRESETS["smoke"], data, steps=3, repeats=1)
    assert set(rates) == {"bare", "fit", "pipeline"}
    assert all(rate > 0 for rate in rates.values())


def test_the_report_says_whether_it_is_enough() -> None:
    assert "keeps up" in report({"bare": 100, "fit": 91, "pipeline": 500})
    assert "starves" in report({"bare": 100, "fit": 89, "pipeline": 95})


def test_more_steps_than_faces_are_told(data: Path) -> None:
    with pytest.raises(DataError, match="9 steps need 144 training faces; there are"):
        measure(PRESETS["smoke"], data, steps=9)
