import json
from pathlib import Path

from fer_core.assets import MODELS_DIR
from fer_core.model import read_info
from train.artifacts.model_folder import write_info


def test_model_json_holds_what_the_info_says(tmp_path: Path) -> None:
    info = read_info(MODELS_DIR)
    write_info(tmp_path, info)
    assert json.loads((tmp_path / "model.json").read_text()) == json.loads(
        json.dumps(info.to_dict())
    )


def test_a_row_of_numbers_stands_on_a_line(tmp_path: Path) -> None:
    write_info(tmp_path, read_info(MODELS_DIR))
    lines = (tmp_path / "model.json").read_text().splitlines()
    rows = read_info(MODELS_DIR).calibration.ferplus.tolist()
    assert all(any(line.strip(" ,") == json.dumps(row) for line in lines) for row in rows)
