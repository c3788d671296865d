from dataclasses import replace
from pathlib import Path

import pytest

from train.compare import main
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError
from train.evaluation.comparison import compare, markdown
from train.recipes.presets import PRESETS
from train.reporting.markdown import replace_marked
from train.training.fitting import fit


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (280, 70, 35))
    return folder


@pytest.fixture(scope="module")
def rows(
    data: Path, smoke_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, str]]:
    """Of a run on everything and one on two emotions and filtered faces."""
    pair = tmp_path_factory.mktemp("runs") / "pair"
    smoke = PRESETS["smoke"]
    spec = replace(smoke.preprocessing, filters=("blur", "equalize"))
    fit(replace(smoke, epochs=3, emotions=("happy", "sad"), preprocessing=spec), data, pair)
    return compare([smoke_run, pair], data)


def test_a_row_says_what_was_trained_and_what_came_out(rows: list[dict[str, str]]) -> None:
    whole, _ = rows
    assert (whole["run"], whole["network"], whole["epochs"]) == ("smoke", "tiny", "4")
    assert whole["trained on"] == "280 faces"
    assert 0.2 < float(whole["FER+"]) <= 1
    assert float(whole["seconds an epoch"]) >= 0


def test_a_run_of_two_emotions_is_judged_on_those_alone(rows: list[dict[str, str]]) -> None:
    _, pair = rows
    assert pair["run"] == "pair (blur, equalize)"
    assert pair["trained on"] == "80 happy and sad faces"
    assert (pair["FER+"], pair["FER2013"]) == ("-", "-")
    assert 0 <= float(pair["happy or sad"]) <= 1


def test_the_table_stands_between_its_marks(rows: list[dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- compare one -->\nold\n<!-- end -->\nb\n<!-- end -->\n")
    replace_marked(path, "compare one", markdown(rows))
    text = path.read_text()
    assert text.startswith("a\n<!-- compare one -->\n| run | network |")
    assert text.endswith("<!-- end -->\nb\n<!-- end -->\n")
    assert "old" not in text
    assert "reported" not in text  # nobody reported anything of these
    with pytest.raises(DataError, match="has no lines <!-- compare two -->"):
        replace_marked(path, "compare two", "")


def test_a_folder_without_a_model_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: "):
        main(["--data", str(data), "--runs", str(tmp_path)])
