from pathlib import Path

import pytest

from benchmarks.input_pipeline import measure, report
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError
from train.recipes.presets import PRESETS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_synthetic_dataset(tmp_path, (35, 7, 7))
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_all_three_are_measured(data: Path) -> None:
    rates = measure(PRESETS["smoke"], data, steps=2, repeats=1)
    assert set(rates) == {"training", "network", "augmentation"}
    assert all(rate > 0 for rate in rates.values())


def test_the_report_says_what_share_of_the_network_s_speed_is_reached() -> None:
    told = report({"network": 200, "training": 182, "augmentation": 5000}, "jax")
    assert "on jax" in told
    assert "reaches 91% of" in told


def test_more_steps_than_faces_are_told(data: Path) -> None:
    with pytest.raises(DataError, match="5 steps need 40 training faces; there are 35"):
        measure(PRESETS["smoke"], data, steps=5)
