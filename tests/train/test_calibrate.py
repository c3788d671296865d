"""The command, on small folders of photographs made of the examples."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

from fer_core import EmotionRecognizer
from fer_core.assets import MODELS_DIR
from fer_core.emotions import FER2013_LABELS
from fer_core.model import read_info
from tests.conftest import EXAMPLES, PORTRAITS
from train.calibrate import main
from train.calibration import fitting as calibration
from train.calibration.photographs import NEUTRAL_WEIGHT
from train.data.synthetic import write_synthetic_dataset
from train.evaluate import main as evaluate

HAPPY = [path for path in PORTRAITS if path.name.startswith("happy")]
NEUTRAL = [path for path in PORTRAITS if path.name.startswith("neutral")]


def photographs(folder: Path, pictures: list[Path], copies: int) -> Path:
    """A folder with labels.csv: pictures by the emotion of their name, each in several lights."""
    folder.mkdir(parents=True)
    rows = ["file,label"]
    for path in pictures:
        with Image.open(path) as picture:
            picture.thumbnail((256, 256))
            for copy in range(copies):
                name = f"{path.stem}_{copy}.jpg"
                ImageEnhance.Brightness(picture).enhance(1 - 0.15 * copy).save(folder / name)
                rows.append(f"{name},{path.name.split('_')[0]}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def copy_of_models(to: Path) -> Path:
    to.mkdir(parents=True)
    for name in ("model.json", read_info(MODELS_DIR).file):
        shutil.copy(MODELS_DIR / name, to)
    return to


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Cross-validation with the least work; what it does is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "REPEATS", 1)
        patch.setattr(calibration, "STRENGTHS", (0.03,))
        patch.setattr(calibration, "FORMS", ("temperature", "bias"))
        yield


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six emotions and neutral, of each person three photographs."""
    return photographs(tmp_path_factory.mktemp("photos") / "posed", PORTRAITS, 3)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("photos") / "calm", [*HAPPY, *NEUTRAL], 2)


@pytest.fixture(scope="module")
def calibrated(posed: Path, calm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder after calibration on both sets."""
    folder = copy_of_models(tmp_path_factory.mktemp("models") / "model")
    main(["--model", str(folder), "--photos", str(posed), "--photos", str(calm)])
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_of_models(tmp_path / "model")


def figures(folder: Path) -> Mapping[str, Any]:
    return read_info(folder).calibration.figures


class TestPhotographs:
    def test_every_set_is_fitted_on_and_judged(self, calibrated: Path) -> None:
        fitted = read_info(calibrated).calibration
        assert fitted.fitted_on == {"posed": 3 * len(PORTRAITS), "calm": 6}
        assert set(fitted.figures["cross_validated"]) == {"posed", "calm"}
        assert fitted.figures["cross_validated"]["posed"]["n"] == 3 * len(PORTRAITS)

    def test_nothing_but_the_answer_changes(self, calibrated: Path) -> None:
        before, after = (read_info(path).to_dict() for path in (MODELS_DIR, calibrated))
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"calibration", "abstention_threshold", "figures", "version"}
        assert {"calibration", "version"} <= changed

    def test_the_app_answers_by_it(self, calibrated: Path) -> None:
        recognizer = EmotionRecognizer.load(calibrated)
        (face,) = recognizer.recognize(HAPPY[0]).faces
        info = recognizer.model.info
        assert face.emotion.abstention_threshold == info.abstention_threshold
        assert face.emotion.label == "happy"

    def test_neutral_weighs_more_unless_told(self, calibrated: Path) -> None:
        assert figures(calibrated)["weights"] == {"neutral": NEUTRAL_WEIGHT}

    def test_weights_are_set_and_candidates_and_figures_printed(
        self, posed: Path, calm: Path, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["--model", str(folder), "--photos", str(posed), "--photos", str(calm)]
        main([*words, "--weight", "neutral=3", "--weight", "calm/happy=0.5"])
        assert figures(folder)["weights"] == {"neutral": 3.0, "calm/happy": 0.5}
        printed = capsys.readouterr().out
        rows = [[cell.strip() for cell in line.split("|")] for line in printed.splitlines()]
        assert [row[1:3] for row in rows if len(row) == 7][2:] == [
            ["temperature", "0"],
            ["bias", "0.03"],
        ]
        assert "posed, cross-validated: mean recall" in printed
        assert "disgust " in printed
        assert "python -m train.evaluate --record" in printed

    def test_what_has_no_value_is_printed_as_a_dash(
        self, posed: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Of squeezed faces none is answered, so that there is no accuracy of answers."""
        squeezed = tmp_path / "squeezed"
        squeezed.mkdir()
        for path in HAPPY:
            with Image.open(path) as picture:
                picture.resize((picture.width * 6 // 10, picture.height)).save(squeezed / path.name)
        rows = [f"{path.name},happy" for path in HAPPY]
        (squeezed / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
        main(["--model", str(folder), "--photos", str(posed), "--photos", str(squeezed)])
        (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("squeezed,")]
        assert line.endswith("answered 0.000, accuracy of these -")

    def test_with_the_dataset_the_answer_is_judged_there_too(
        self,
        posed: Path,
        folder: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        data = tmp_path / "data"
        data.mkdir()
        write_synthetic_dataset(data, (7, 35, 7))
        words = ["--model", str(folder), "--photos", str(posed), "--data", str(data)]
        main([*words, "--trade-off", str(tmp_path / "trade_off.png")])
        printed = capsys.readouterr().out
        assert "PublicTest, cross-validated: mean recall 0." in printed
        table = printed[printed.index("| weight of neutral") :].splitlines()
        assert [row.split("|")[1].strip() for row in table[2:8]] == [
            "0.500", "1.000", "1.500", "2.000", "3.000", "4.000",
        ]  # fmt: skip
        assert (tmp_path / "trade_off.png").read_bytes().startswith(b"\x89PNG")
        assert "| posed: neutral | PublicTest: accuracy |" in " ".join(table[0].split())


class TestWithoutPhotographs:
    def test_a_temperature_is_fitted_without_scikit_learn(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for package in ("sklearn", "scipy"):
            monkeypatch.setitem(sys.modules, package, None)
        write_synthetic_dataset(tmp_path, (7, 35, 7))
        main(["--model", str(folder), "--data", str(tmp_path)])
        fitted = read_info(folder).calibration
        assert (fitted.form, list(fitted.fitted_on)) == ("temperature", ["PublicTest"])


class TestEvaluation:
    """`train.evaluate` on photographs that the calibration was fitted on."""

    def test_all_of_its_sets_are_cross_validated(
        self,
        calibrated: Path,
        posed: Path,
        calm: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        out = tmp_path / "out.json"
        words = ["--model", str(calibrated), "--json", str(out)]
        evaluate([*words, "--photos", str(posed), "--photos", str(calm)])
        assert "cross-validating the calibration on posed, calm" in capsys.readouterr().out
        measured = json.loads(out.read_text())
        assert measured["warnings"] == []
        for name, told in figures(calibrated)["cross_validated"].items():
            for key in ("mean_recall", "ece", "answered"):
                assert measured["photos"][name][key] == pytest.approx(told[key], abs=1e-4)

    def test_one_of_its_sets_alone_is_warned_about(
        self, calibrated: Path, posed: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        evaluate(["--model", str(calibrated), "--photos", str(posed)])
        printed = capsys.readouterr().out
        assert "WARNING: The calibration was fitted on posed, whose metrics are too good" in printed
        assert "name all of posed, calm" in printed

    def test_other_photographs_are_read_as_the_app_reads_them(
        self, calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = photographs(tmp_path / "posed", HAPPY, 1)  # of the same name
        evaluate(["--model", str(calibrated), "--photos", str(other)])
        printed = capsys.readouterr().out
        assert "cross-validating" not in printed
        assert "too good" not in printed


class TestMistakes:
    def refused(self, folder: Path, *words: str) -> str:
        """The sentence of the error; model.json stays as it was."""
        before = (folder / "model.json").read_bytes()
        with pytest.raises(SystemExit) as ended:
            main(["--model", str(folder), *words])
        assert (folder / "model.json").read_bytes() == before
        said = str(ended.value)
        assert said.startswith("error: ")
        assert "\n" not in said
        return said

    def test_a_cell_that_does_not_occur(self, folder: Path, posed: Path) -> None:
        words = ["--photos", str(posed), "--weight", "calm/happy=2"]
        assert "no photograph belongs to calm/happy" in self.refused(folder, *words)

    def test_too_few_photographs(self, folder: Path, tmp_path: Path) -> None:
        few = photographs(tmp_path / "few", HAPPY, 1)
        assert "too few photographs" in self.refused(folder, "--photos", str(few))

    def test_photographs_of_nobody(self, folder: Path, tmp_path: Path) -> None:
        nobody = tmp_path / "nobody"
        nobody.mkdir()
        Image.new("RGB", (90, 70)).save(nobody / "dark.png")
        (nobody / "labels.csv").write_text("file,label\ndark.png,sad\n")
        assert "no face was found" in self.refused(folder, "--photos", str(nobody))

    def test_without_neutral_faces_there_is_no_weight_of_neutral(
        self, folder: Path, tmp_path: Path
    ) -> None:
        """The weight that nobody asked for is nobody's mistake."""
        lively = [path for path in PORTRAITS if path not in NEUTRAL]
        photos = photographs(tmp_path / "lively", lively, 3)
        Image.new("RGB", (90, 70)).save(photos / "dark.png")
        with (photos / "labels.csv").open("a") as table:
            table.write("dark.png,neutral\n")
        main(["--model", str(folder), "--photos", str(photos)])
        assert figures(folder)["weights"] == {}

    def test_a_trade_off_without_neutral_faces(self, folder: Path, tmp_path: Path) -> None:
        photos = photographs(tmp_path / "happy", HAPPY, 3)
        drawn = tmp_path / "trade_off.png"
        words = ["--photos", str(photos), "--trade-off", str(drawn)]
        assert "--trade-off needs photographs of neutral faces" in self.refused(folder, *words)
        assert not drawn.exists()

    def test_a_folder_without_a_model(self, posed: Path, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match=r"error: There is no model\.json"):
            main(["--model", str(tmp_path), "--photos", str(posed)])

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--weight", "neutral=2"], "need --photos"),
            (["--trade-off", "x"], "need --photos"),
            (["--photos", "x", "--weight", "neutral"], "must be LABEL=NUMBER"),
            (["--photos", "x", "--weight", "=2"], "must be LABEL=NUMBER"),
            (["--photos", "x", "--weight", "neutral=much"], "must be LABEL=NUMBER"),
            (["--photos", "x", "--weight", "neutral=-1"], "must be LABEL=NUMBER"),
            (["--photos", "x", "--weight", "neutral=inf"], "must be LABEL=NUMBER"),
            (["--photos", "x", "--weight", "neutral=nan"], "must be LABEL=NUMBER"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_words_that_are_no_request(
        self, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            main(words)
        assert said in capsys.readouterr().err


def test_the_examples_have_all_seven_labels() -> None:
    """What the sets above are made of."""
    assert {path.name.split("_")[0] for path in PORTRAITS} == set(FER2013_LABELS)
    assert all(path.parent == EXAMPLES for path in PORTRAITS)
