"""The command train.gap; its parts are tested in robustness/."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fer_core.assets import MODELS_DIR
from tests.conftest import EXAMPLES
from train import gap
from train.data.synthetic import write_synthetic_dataset
from train.reporting import plots
from train.robustness import on_scenes, pipelines
from train.robustness.pipelines import BOX, HAAR, OUR_BOX, OURS, WHOLE
from train.robustness.report import SECTIONS
from train.robustness.suite import PARTS, measure

QUICK = tuple(part for part in PARTS if part != "empty")
PORTRAIT = "happy_f_asian_01.jpg"
VERSION = json.loads((MODELS_DIR / "model.json").read_text(encoding="utf-8"))["version"]
EMPTY = {"pictures": 3, "with_a_face": {"ours": 2}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (7, 7, 14))
    return folder


def run(data: Path, out: Path, *words: str | Path) -> dict[str, Any]:
    """Run the command, and read its gap.json as strict JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    gap.main([str(word) for word in ("--data", data, "--out", out, *words)])
    text = (out / "gap.json").read_text(encoding="utf-8")
    return dict(json.loads(text, parse_constant=refuse))


@pytest.fixture(scope="module")
def report(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the command leaves, with all parts but one that takes long; MediaPipe finds nobody."""
    folder = tmp_path_factory.mktemp("photographs")
    shutil.copy(EXAMPLES / PORTRAIT, folder)
    (folder / "labels.csv").write_text(f"file,label\n{PORTRAIT},happy\n")
    out = tmp_path_factory.mktemp("gap") / "new"
    words = ("--portraits", folder, "--press", folder, "--scenes", "2", "--only", ",".join(QUICK))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipelines, "_mediapipe_boxes", lambda: lambda _: [])
        patch.setattr(plots, "DPI", 80)
        return run(data, out, *words), out


def test_gap_json_holds_the_parts_that_were_asked_for(report: tuple[dict[str, Any], Path]) -> None:
    result, _ = report
    assert set(result) == {"origin", "split", *QUICK}
    assert set(result["origin"]) == {"model", "version", "commit", "date"}
    assert result["origin"]["version"] == VERSION
    assert result["split"] == "PublicTest"


def test_every_part_measures_its_share_of_scenes_and_photographs(
    report: tuple[dict[str, Any], Path],
) -> None:
    result, _ = report
    assert list(result["scenes"]["pipelines"]) == [WHOLE, HAAR, BOX, OUR_BOX, OURS]
    for values in result["scenes"]["pipelines"].values():
        assert values["all"]["n"] == 2
        assert set(values) == {"all", "upright_96", "common", "by_height", "by_roll"}
    assert result["strengths"]["n"] == 1
    assert result["several"]["pictures"] == result["small"]["pictures"] == 1
    assert result["small"]["faces_from_64"] == 0
    assert result["corruptions"]["n"] == 7
    assert result["photographs"]["pipelines"][OURS]["mean_recall"] == 1.0
    assert result["rolls"]["right_upright"] == result["portraits"]["n"] == 1
    assert result["settings"]["alone"]["mean_recall"] == 1.0


def test_the_report_is_written_with_its_figure(report: tuple[dict[str, Any], Path]) -> None:
    _, folder = report
    text = (folder / "gap.md").read_text(encoding="utf-8")
    assert sum(line.startswith("## ") for line in text.splitlines()) == len(QUICK)
    assert "nan" not in text
    assert "None" not in text
    assert {path.name for path in folder.glob("*.png")} == {"accuracy.png"}
    assert "(accuracy.png)" in text
    with Image.open(folder / "accuracy.png") as figure:
        assert min(figure.size) > 300
        assert len(figure.convert("RGB").getcolors(1 << 24) or ()) > 20


def test_a_part_has_a_section_each() -> None:
    assert set(SECTIONS) == set(PARTS)


@pytest.fixture
def empty_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the measurement, for tests of what is done with it."""
    monkeypatch.setattr(on_scenes, "measure_empty", lambda *_: EMPTY)
    monkeypatch.setattr(pipelines, "_mediapipe_boxes", lambda: None)


@pytest.mark.usefixtures("empty_measured")
@pytest.mark.parametrize("merge", [True, False])
def test_merging_keeps_earlier_parts_and_renews_those_measured_again(
    merge: bool, data: Path, tmp_path: Path
) -> None:
    rolls = {"right_upright": 0, "changed_up_to_45": 0.0, "changed": {}}
    earlier = {"origin": {"version": VERSION}, "split": "PublicTest", "rolls": rolls, "empty": {}}
    (tmp_path / "gap.json").write_text(json.dumps(earlier))
    result = run(data, tmp_path, "--only", "empty", *["--merge"] * merge)
    assert result["empty"] == EMPTY
    assert ("rolls" in result) == merge
    text = (tmp_path / "gap.md").read_text()
    assert ("## Rotated photographs" in text) == merge
    assert "| ours | 2 |" in text
    assert ".png" not in text


@pytest.mark.usefixtures("empty_measured")
def test_merging_into_nothing_is_a_report(data: Path, tmp_path: Path) -> None:
    assert run(data, tmp_path / "new", "--only", "empty", "--merge")["empty"] == EMPTY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"origin": {"version": "1"}, "split": "PublicTest"}', "is of PublicTest, model 1, this"),
        (f'{{"origin": {{"version": "{VERSION}"}}, "split": "PrivateTest"}}', "is of PrivateTest"),
        ("[1]", "is not the gap.json of an earlier run"),
        ("{", "is not the gap.json of an earlier run"),
    ],
)
def test_what_cannot_be_merged_is_refused_before_the_measurement(
    text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "gap.json").write_text(text)
    with pytest.raises(SystemExit, match=said):
        run(tmp_path / "unread", tmp_path, "--merge")
    assert (tmp_path / "gap.json").read_text() == text


@pytest.mark.parametrize(
    ("words", "expected"), [([], ("PublicTest", 7)), (["--private"], ("PrivateTest", 14))]
)
def test_faces_come_from_public_test_unless_the_private_one_is_asked_for(
    words: list[str], expected: tuple[str, int], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "_mediapipe_boxes", lambda: None)
    monkeypatch.setattr(on_scenes, "measure_several", lambda _, faces, *__: {"n": len(faces)})
    arguments = ["--data", str(data), "--out", "unwritten", "--only", "several", *words]
    result = measure(*gap._parse(arguments))
    assert (result["split"], result["several"]["n"]) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "empty,sceens"], "unknown part 'sceens'; known are scenes, "),
        (["--only", "empty,rolls"], "photographs, rolls, settings need --press DIR"),
        (["--scenes", "0"], "must be 1 or more"),
        (["--scenes", "many"], "'many'"),
    ],
)
def test_wrong_words_are_refused_in_one_sentence(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        gap.main(["--data", "unread", "--out", str(tmp_path / "new"), *words])
    assert ended.value.code == 2
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert said in sentence
    assert not (tmp_path / "new").exists()


def test_the_data_must_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FER_DATA", raising=False)
    with pytest.raises(SystemExit):
        gap.main(["--out", "unwritten"])
    assert "name the data with --data DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("--data", "does-not-exist is not a folder"),
        ("--press", "labels.csv cannot be read"),
        ("--portraits", "holds no image named"),
        ("--model", "no model.json"),
    ],
)
def test_a_folder_that_is_not_there_is_told(
    missing: str, said: str, data: Path, tmp_path: Path
) -> None:
    words = {"--data": str(data), "--out": str(tmp_path / "new"), missing: "does-not-exist"}
    with pytest.raises(SystemExit, match=said):
        gap.main([word for pair in words.items() for word in pair])
    assert not (tmp_path / "new").exists()


def test_a_photograph_that_cannot_be_read_is_told(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "_mediapipe_boxes", lambda: None)
    (tmp_path / "a.jpg").touch()
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,sad\n")
    with pytest.raises(SystemExit, match=r"error: .*a\.jpg: "):
        run(data, tmp_path / "new", "--press", tmp_path, "--only", "photographs")
