import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fer_core.model import EmotionModel
from train.artifacts.model_folder import write_info
from train.compare import main
from train.data.fer2013 import load_splits
from train.errors import DataError
from train.evaluation.comparison import compare, markdown
from train.evaluation.figures import evaluate
from train.reporting.markdown import replace_marked


@pytest.fixture(scope="module")
def rows(
    small_data: Path, small_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, str]]:
    """Of a run on everything and one on two emotions and filtered faces."""
    pair = tmp_path_factory.mktemp("runs") / "pair"
    shutil.copytree(small_model, pair)
    info = EmotionModel.load(pair).info
    spec = replace(info.preprocessing, filters=("blur", "equalize"))
    config = {
        **info.training["config"],
        "emotions": ["happy", "sad"],
        "preprocessing": spec.to_dict(),
    }
    training = {**info.training, "config": config}
    write_info(pair, replace(info, preprocessing=spec, training=training))
    return compare([small_model, pair], small_data)


def test_a_row_says_what_was_trained_and_what_came_out(
    rows: list[dict[str, str]], small_model: Path, small_data: Path
) -> None:
    whole, _ = rows
    assert (whole["run"], whole["network"], whole["epochs"]) == ("small", "plain", "1")
    assert whole["trained on"] == "35 faces"
    figures = evaluate(EmotionModel.load(small_model), load_splits(small_data), public_only=True)
    assert whole["FER+"] == f"{figures['ferplus_public']['accuracy']:.3f}"
    assert whole["FER2013"] == f"{figures['fer2013_public']['accuracy']:.3f}"
    assert whole["seconds an epoch"] == "4"


def test_a_run_of_two_emotions_is_judged_on_those_alone(rows: list[dict[str, str]]) -> None:
    _, pair = rows
    assert pair["run"] == "pair (blur, equalize)"
    assert pair["trained on"] == "10 happy and sad faces"
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


def test_a_folder_without_a_model_is_told(small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: "):
        main(["--data", str(small_data), "--runs", str(tmp_path)])
