import json
import re
import shutil
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fer_core import EmotionRecognizer
from fer_core.calibration import Calibration, softmax
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS, HAPPY, SAD
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec, prepare_dataset_face, preprocess
from fer_core.results import EmotionPrediction
from tests.conftest import EXAMPLES, ROOT
from tests.test_architecture import imports
from tests.train.evaluation.test_label_check import random_labels
from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.photographs import Photograph, read_photographs
from train.errors import DataError, PeerError
from train.evaluate import main
from train.evaluation import metrics, peer_fer
from train.evaluation.figures import compact, evaluate
from train.evaluation.metrics import (
    answer_figures,
    classification_figures,
    roc_curves,
)
from train.evaluation.predictions import (
    SplitPredictions,
    most_confident_mistakes,
    predict_photographs,
)
from train.evaluation.tables import summary

ABC = ("a", "b", "c")


@pytest.fixture(scope="module")
def splits(small_data: Path) -> dict[str, Dataset]:
    """In random order: the generated faces' labels repeat every seven rows."""
    rng = np.random.default_rng(0)
    return {
        split: dataset.subset(rng.permutation(len(dataset)))
        for split, dataset in load_splits(small_data).items()
    }


def model_that_knows(*datasets: Dataset) -> EmotionModel:
    """Right on every picture of the datasets, by looking it up."""
    spec = PreprocessingSpec()
    info = ModelInfo("oracle", "0", "none", "", spec, False, Calibration.temperature(1.0), 0.5)
    crops = [prepare_dataset_face(face, spec) for dataset in datasets for face in dataset.faces]
    known = {
        picture.tobytes(): row for row, picture in enumerate(preprocess(np.stack(crops), spec))
    }
    labels = np.concatenate([dataset.labels for dataset in datasets])
    reference = np.concatenate([dataset.reference for dataset in datasets])

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        rows = [known[picture.tobytes()] for picture in inputs]
        return {
            "ferplus": 9.0 * np.eye(8, dtype=np.float32)[reference[rows]],
            "fer2013": 9.0 * np.eye(7, dtype=np.float32)[labels[rows]],
        }

    return EmotionModel(forward, info)


def evaluate_public(model: EmotionModel, splits: dict[str, Dataset], public: Dataset) -> dict:
    return evaluate(model, {**splits, "PublicTest": public}, public_only=True)


class TestScores:
    def test_a_model_that_is_right_scores_one_everywhere(self, splits: dict[str, Dataset]) -> None:
        model = model_that_knows(splits["PublicTest"], splits["PrivateTest"])
        figures = evaluate(model, splits)
        for name in ("fer2013_public", "fer2013_private", "ferplus_public", "ferplus_private"):
            for key in ("accuracy", "macro_f1", "weighted_f1", "macro_precision", "macro_auc"):
                assert figures[name][key] == 1.0
        assert figures["happy_sad"]["accuracy"] == 1.0
        assert figures["happy_sad"]["n"] == 20
        assert figures["happy_sad"]["auc"] == 1.0
        assert figures["reference"] == "FER+ majority"
        assert figures["warnings"] == []

    def test_public_only_leaves_private_test_unread(self, splits: dict[str, Dataset]) -> None:
        oracle = model_that_knows(splits["PublicTest"])  # would fail on a picture of PrivateTest
        figures = evaluate(oracle, splits, public_only=True)
        assert set(figures) == {
            "fer2013_public",
            "ferplus_public",
            "answer_public",
            "happy_sad_public",
            "calibration_public",
            "coverage_public",
            "reference_public",
            "warnings",
        }

    def test_figures_by_hand(self) -> None:
        scores = np.eye(3)[[0, 0, 1, 1, 2, 0]]
        labels = np.array([0, 0, 0, 1, 1, -1])  # the last is not judged; class 2 does not occur
        copies = np.array([True, False, False, False, False, False])
        figures = classification_figures(scores, labels, ABC, copies)
        assert figures["n"] == 5
        assert figures["n_deduplicated"] == 4
        assert figures["accuracy"] == pytest.approx(3 / 5)
        assert figures["accuracy_deduplicated"] == pytest.approx(2 / 4)
        assert figures["precision"] == pytest.approx({"a": 1, "b": 1 / 2})
        assert figures["recall"] == pytest.approx({"a": 2 / 3, "b": 1 / 2})
        assert figures["f1"] == pytest.approx({"a": 4 / 5, "b": 1 / 2})
        assert figures["macro_precision"] == pytest.approx((1 + 1 / 2) / 2)
        assert figures["macro_recall"] == pytest.approx((2 / 3 + 1 / 2) / 2)
        assert figures["macro_f1"] == pytest.approx((4 / 5 + 1 / 2) / 2)
        assert figures["weighted_precision"] == pytest.approx((3 * 1 + 2 * 1 / 2) / 5)
        assert figures["weighted_recall"] == pytest.approx(3 / 5)
        assert figures["weighted_f1"] == pytest.approx((3 * 4 / 5 + 2 * 1 / 2) / 5)
        assert figures["support"] == {"a": 3, "b": 2}
        assert figures["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]

    def test_auc_is_the_share_of_pairs_in_the_right_order(self) -> None:
        rng = np.random.default_rng(3)
        labels = np.array([0, 0, 1, 1, 1, 0, 1, 0, -1])
        scores = softmax(rng.normal(size=(9, 3)).round(1))
        figures = classification_figures(scores, labels, ABC, np.zeros(9, bool))
        for index, name in enumerate("ab"):
            of_class = scores[labels == index, index]
            of_others = scores[labels == 1 - index, index]
            wins = [(a > b) + (a == b) / 2 for a in of_class for b in of_others]
            assert figures["auc"][name] == pytest.approx(np.mean(wins))
        assert figures["auc"]["c"] is None
        assert figures["macro_auc"] == pytest.approx(
            (figures["auc"]["a"] + figures["auc"]["b"]) / 2
        )

    def test_roc_curves_have_the_areas_that_are_told(self) -> None:
        labels = random_labels(500)
        scores = softmax(np.random.default_rng(1).normal(size=(500, 7)) + 2 * np.eye(7)[labels])
        curves = roc_curves(scores, labels, FER2013_LABELS)
        areas = metrics.class_aucs(scores, labels, FER2013_LABELS)
        assert set(curves) == {*FER2013_LABELS, "macro"}
        for name, area in areas.items():
            assert np.trapezoid(curves[name][1], curves[name][0]) == pytest.approx(area)
        macro = np.trapezoid(curves["macro"][1], curves["macro"][0])
        assert macro == pytest.approx(np.mean(list(areas.values())), abs=0.001)  # on a grid
        for false_rate, true_rate in curves.values():
            assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)

    def test_pictures_that_are_all_copies_leave_no_deduplicated_score(self) -> None:
        figures = classification_figures(np.eye(3), np.arange(3), ABC, np.ones(3, bool))
        assert figures["accuracy_deduplicated"] is None
        assert figures["accuracy_deduplicated_interval"] is None

    def test_copies_of_training_pictures_are_left_out(self, splits: dict[str, Dataset]) -> None:
        public = splits["PublicTest"]
        known = {**splits, "Training": public.subset(np.arange(30))}
        figures = evaluate(model_that_knows(public), known, public_only=True)
        assert figures["fer2013_public"]["n_deduplicated"] == len(public) - 30

    def test_near_copies_are_left_out_where_they_are_known(self) -> None:
        labels, scores = np.array([0, 0, 1, 1]), np.eye(3)[[0, 1, 1, 0]]
        copies, near = np.array([True, False, False, False]), np.array([False, False, True, False])
        figures = classification_figures(scores, labels, ABC, copies, near)
        assert figures["n_without_near_copies"] == 2
        assert figures["accuracy_without_near_copies"] == 0.0
        figures = classification_figures(scores, labels, ABC, copies)
        assert "accuracy_without_near_copies" not in figures

    def test_the_answer_is_judged_on_the_seven_and_by_the_mean_f1_of_five(self) -> None:
        reference = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, -1])  # contempt and none are not judged
        scores = np.eye(7)[[0, 3, 0, 0, 3, 4, 5, 6, 6, 6]]
        figures = answer_figures(scores, reference, 0.0, np.zeros(10, bool))["answer"]
        f1 = {"angry": 2 / 5, "happy": 2 / 3, "sad": 1, "surprise": 1, "neutral": 1}
        assert figures["n"] == 8
        assert figures["accuracy"] == 5 / 8
        assert figures["main_five_f1"] == pytest.approx(np.mean(list(f1.values())))
        assert figures["macro_f1"] == pytest.approx(sum(f1.values()) / 7)

    def test_both_heads_have_their_share_in_the_answer_and_none_in_each_other(
        self, splits: dict[str, Dataset]
    ) -> None:
        public = splits["PublicTest"]
        oracle = model_that_knows(public)
        fer2013_only = Calibration.temperature(1.0, 1.0)
        oracle.info = replace(oracle.info, calibration=fer2013_only)
        moved = public.subset(np.arange(len(public)))
        moved.labels[:] = (moved.labels + 1) % 7
        figures = evaluate_public(model_that_knows(moved), splits, moved)
        assert figures["answer_public"]["accuracy"] == 1.0
        shared = model_that_knows(moved)
        shared.info = oracle.info
        figures = evaluate_public(shared, splits, moved)
        assert figures["answer_public"]["accuracy"] < 0.5
        assert figures["ferplus_public"]["accuracy"] == 1.0

    def test_happy_or_sad_judges_only_pictures_of_the_two(self) -> None:
        names = ["happy", "happy", "sad", "sad", "angry"]
        reference = np.array([FER2013_LABELS.index(name) for name in names])
        scores = np.full((5, 7), 0.1)
        scores[[0, 1, 2, 3], [HAPPY, SAD, SAD, SAD]] = 0.2
        figures = answer_figures(scores, reference, 0.0, np.zeros(5, bool))["happy_sad"]
        assert figures["n"] == 4
        assert figures["accuracy"] == pytest.approx(3 / 4)
        assert figures["auc"] == pytest.approx((2 * 1 + 2 * 1 / 2) / 4)

    def test_without_happy_and_sad_there_is_nothing_to_tell_apart(self) -> None:
        figures = answer_figures(np.eye(7)[[0, 1]], np.array([0, 1]), 0.5, np.zeros(2, bool))
        figures = figures["happy_sad"]
        assert figures == {"accuracy": None, "accuracy_interval": None, "auc": None, "n": 0}

    def test_the_threshold_decides_what_is_answered(self) -> None:
        scores = np.full((4, 7), 0.0)
        scores[:, 0], scores[:, 1] = (0.9, 0.8, 0.7, 0.6), (0.1, 0.2, 0.3, 0.4)
        figures = answer_figures(scores, np.array([0, 1, 0, 1]), 0.7, np.zeros(4, bool))["coverage"]
        assert figures["threshold"] == 0.7
        assert figures["answered"] == pytest.approx(3 / 4)
        assert figures["accuracy_answered"] == pytest.approx(2 / 3)

    def test_the_most_confident_mistakes_come_first(self, splits: dict[str, Dataset]) -> None:
        scores = np.eye(7)[[0, 0, 0, 0, 0]] * np.array([0.5, 0.9, 0.7, 0.99, 0.8])[:, None]
        five = splits["PublicTest"].subset(np.arange(5))
        five.votes[:] = 9 * np.eye(8)[[1, 2, 0, 3, 7]]  # the third is right, contempt not judged
        said = SplitPredictions(five, np.zeros(5, bool), None, scores, scores, scores)
        assert most_confident_mistakes(said, 5).tolist() == [3, 1, 0]
        assert most_confident_mistakes(said, 1).tolist() == [3]


DARK = "dark.png,sad"  # nobody is there


def photographs(folder: Path, header: str, *rows: str) -> Path:
    """A folder with labels.csv of pictures in examples/, or of black ones where there is none."""
    folder.mkdir()
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    for name in (row.split(",")[0] for row in rows):
        if (EXAMPLES / name).exists():
            shutil.copy(EXAMPLES / name, folder)
        else:
            Image.new("RGB", (90, 70)).save(folder / name)
    return folder


class TestPhotographs:
    @pytest.fixture
    def people(self, tmp_path: Path) -> Path:
        """Four portraits and a picture of nobody, with what is known about the people."""
        return photographs(
            tmp_path / "people",
            "file,label,person,age,gender,ethnicity",
            "neutral_m_european_01.jpg,neutral,1,40,male,white",
            "surprise_m_african_01.jpg,neutral,2,20,male,black",
            "happy_f_asian_01.jpg,happy,3,30,female,east_asian",
            "angry_f_african_01.jpg,happy,4,NA,female,white",
            DARK + ",5,20,female,white",
        )

    def test_the_answers_are_those_of_the_app(
        self, recognizer: EmotionRecognizer, people: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = read_photographs(people)
        said = predict_photographs(recognizer, taken)
        assert said.found.tolist() == [True] * 4 + [False]
        for row, photograph in enumerate(taken[:4]):
            (face,) = recognizer.recognize(photograph.path).faces
            assert said.probabilities[row].tolist() == list(face.emotion.probabilities.values())
            assert FER2013_LABELS[said.predicted[row]] == face.emotion.label
            assert said.confidence[row] == face.emotion.confidence
            assert said.uncertain[row] == face.emotion.is_uncertain
            box = face.detection.box
            assert said.boxes[row].tolist() == [box.x_min, box.y_min, box.x_max, box.y_max]
            assert said.reliable[row] == face.quality.reliable
            np.testing.assert_array_equal(said.crops[row], face.aligned)
            spec = recognizer.model.info.preprocessing
            logits = recognizer.model.logits(preprocess(face.aligned[np.newaxis], spec))
            for head, values in logits.items():
                np.testing.assert_allclose(said.logits[head][row], values[0], atol=1e-5)
        assert not said.crops[4].any()
        assert not any(values[4].any() for values in said.logits.values())
        monkeypatch.setattr(EmotionPrediction, "is_uncertain", property(lambda _: True))
        assert predict_photographs(recognizer, taken[:1]).uncertain.all()

    def test_of_several_faces_the_largest_is_answered(self, recognizer: EmotionRecognizer) -> None:
        path = EXAMPLES / "group_happy-surprise-angry_01.jpg"
        said = predict_photographs(recognizer, [Photograph(path, "happy")])
        largest = recognizer.recognize(path).faces[0]
        assert said.confidence[0] == largest.emotion.confidence

    def test_they_are_measured_without_reading_the_dataset(
        self,
        people: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def never(folder: Path) -> None:
            pytest.fail(f"{folder} was read")

        monkeypatch.setenv("FER_DATA", str(tmp_path))
        monkeypatch.setattr("train.evaluate.load_splits", never)
        other = photographs(tmp_path / "other", "file,label", "sad_f_african_01.jpg,sad")
        out = tmp_path / "out.json"
        main(["--photos", str(people), "--photos", str(other), "--json", str(out)])
        figures = json.loads(out.read_text(), parse_constant=strict)
        assert set(figures) == {"photos", "warnings", "file_bytes", "origin"}
        assert list(figures["photos"]) == ["people", "other"]
        values = figures["photos"]["people"]
        assert (values["n"], values["n_people"], values["found"]) == (5, 5, 0.8)
        assert values["recall"] == {"happy": 0.5, "sad": 0.0, "neutral": 0.5}
        assert values["mean_recall"] == pytest.approx(1 / 3)
        assert values["not_found"] == {"happy": 0, "sad": 1, "neutral": 0}
        groups = values["groups"]
        assert set(groups) == {"age", "gender", "ethnicity", "gender and ethnicity"}
        assert groups["gender"]["male"]["neutral_recall"]["n"] == 2
        assert groups["gender"]["male"]["neutral_recall"]["count"] == 1
        assert figures["photos"]["other"]["resampled"] == "photographs"
        output = capsys.readouterr().out
        assert "| people: images | 5 photographs of 5 people |" in output
        assert "gender: male" in output
        assert "| other: images | 1 photograph |" in output
        assert "PrivateTest was read" not in output
        command = figures["origin"]["command"]
        assert "--photos people --photos other" in command
        assert "--data" not in command
        assert str(people) not in out.read_text()

    def test_the_report_has_a_section_and_plots_of_each_set(
        self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def touch(_: Figure, path: Path) -> Path:
            path.touch()
            return path

        monkeypatch.setattr("train.reporting.plots.save", touch)  # drawing takes a second each
        other = photographs(tmp_path / "other set", "file,label", "happy_f_asian_01.jpg,happy")
        out = tmp_path / "report"
        main(["--photos", str(people), "--photos", str(other), "--report", str(out)])
        text = (out / "report.md").read_text()
        assert text.index("## Photographs: people") < text.index("## Photographs: other set")
        assert "### Groups" in text
        links = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
        assert set(links) == {
            *(
                f"photos/people/{name}.png"
                for name in ("confusion", "reliability", "risk_coverage", "mistakes")
            ),
            # This set has no mistakes.
            *(
                f"photos/other%20set/{name}.png"
                for name in ("confusion", "reliability", "risk_coverage")
            ),
        }
        for link in links:
            assert (out / unquote(link)).is_file()
        assert "PublicTest" not in text

    def test_recorded_figures_join_those_that_were_there(
        self, people: Path, small_model: Path, tmp_path: Path
    ) -> None:
        run = tmp_path / "run"
        shutil.copytree(small_model, run)
        for _ in range(2):
            main(["--model", str(run), "--photos", str(people), "--record"])
            people = people.rename(tmp_path / "again")
        before, after = (EmotionModel.load(folder).info.figures for folder in (small_model, run))
        assert list(after["photos"]) == ["people", "again"]
        assert after["photos"]["people"] == after["photos"]["again"]
        assert after["photos"]["again"]["n"] == 5
        assert set(after["photos"]["again"]["recall"]) == {"happy", "sad", "neutral"}
        assert {name: row for name, row in after.items() if name != "photos"} == before

    def test_what_cannot_be_measured_is_told_in_a_sentence(
        self, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit, match="error: two folders of photographs are named people"):
            main(["--photos", str(people), "--photos", str(people)])
        with pytest.raises(SystemExit, match=r"error: .*labels\.csv cannot be read"):
            main(["--photos", str(tmp_path)])
        (people / "dark.png").write_text("no picture")
        with pytest.raises(SystemExit, match=r"error: .*dark\.png: "):
            main(["--photos", str(people)])
        with pytest.raises(SystemExit):
            main(["--photos", str(people), "--faults", str(tmp_path)])
        assert "name it with --data DIR" in capsys.readouterr().err

    def test_without_photographs_the_dataset_must_be_named(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("FER_DATA", raising=False)
        with pytest.raises(SystemExit):
            main([])
        assert "name the data with --data DIR" in capsys.readouterr().err


class TestPeer:
    """A package that stands where `fer` would, in the environment of another Python."""

    @pytest.fixture
    def python(self, tmp_path: Path) -> Path:
        package = tmp_path / "site" / "fer"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("__version__ = '9.9'\n")
        (package / "fer.py").write_text(PRETENDER)
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{package.parent}" exec {sys.executable} "$@"\n')
        python.chmod(0o755)
        return python

    def test_it_is_handed_each_face_whole_and_photographs_as_they_are(
        self, python: Path, tmp_path: Path
    ) -> None:
        bright = tmp_path / "bright.png"
        Image.new("RGB", (90, 70), (200, 200, 200)).save(bright)
        dark = tmp_path / "dark.png"
        Image.new("RGB", (90, 70)).save(dark)
        faces = np.stack([np.full((48, 48), 200, np.uint8), np.zeros((48, 48), np.uint8)])
        scores, photographs, version = peer_fer.predict(python, faces, [bright, dark])
        assert version == "9.9"
        np.testing.assert_allclose(scores.sum(axis=1), 1)
        assert [peer_fer.NAMES[answer] for answer in scores.argmax(axis=1)] == ["happy", "sad"]
        assert peer_fer.NAMES[photographs[0].argmax()] == "surprise"  # of the larger face
        assert np.isnan(photographs[1]).all()

    def test_its_order_of_emotions_is_ours(self) -> None:
        assert peer_fer.NAMES == FER2013_LABELS

    def test_what_goes_wrong_there_is_told_in_one_sentence(
        self, python: Path, tmp_path: Path
    ) -> None:
        faces = np.zeros((1, 48, 48), np.uint8)
        with pytest.raises(PeerError, match="cannot be run"):
            peer_fer.predict(tmp_path / "nowhere", faces)
        (tmp_path / "site" / "fer" / "fer.py").write_text("raise ImportError('it is broken')")
        with pytest.raises(PeerError, match=r"fer failed in .*: ImportError: it is broken"):
            peer_fer.predict(python, faces)

    def test_it_stands_beside_ours(
        self,
        python: Path,
        small_model: Path,
        small_data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        one = photographs(tmp_path / "one", "file,label", "happy_f_asian_01.jpg,surprise")
        two = photographs(tmp_path / "two", "file,label", "sad_f_african_01.jpg,sad", DARK)
        out = tmp_path / "out.json"
        words = ["--model", small_model, "--data", small_data, "--photos", one, "--photos", two]
        words += ["--fer-python", python, "--public-only", "--json", out]
        main([*map(str, words)])
        figures = json.loads(out.read_text(), parse_constant=strict)
        peer = figures["peers"]["fer 9.9"]
        assert peer["photos"]["one"]["mean_recall"] == 1.0
        assert peer["photos"]["two"]["confusion"][SAD][FER2013_LABELS.index("surprise")] == 1
        assert peer["photos"]["two"]["found"] == 0.5
        assert peer["photos"]["two"]["answered"] == 1.0  # it is never "not sure"
        assert figures["photos"]["one"]["found"] == 1.0
        assert peer["fer2013_public"]["n"] == figures["fer2013_public"]["n"] == 140
        assert "fer2013_private" not in figures
        assert figures["file_bytes"] == (small_model / "emotion.tflite").stat().st_size
        output = capsys.readouterr().out
        assert "| PublicTest | ours | fer 9.9 |" in output
        assert "| one: mean recall |" in output
        assert "| two: recall of sad (2) |" in output


PRETENDER = """
import numpy as np

class FER:
    def detect_emotions(self, picture, face_rectangles=None):
        def answer(box, name):
            names = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
            return {"box": box, "emotions": {n: 0.01 + 0.9 * (n == name) for n in names}}
        if face_rectangles is None:
            if picture.mean() < 20:
                return []
            return [answer((0, 0, 10, 10), "angry"), answer((20, 20, 40, 40), "surprise")]
        ((x, y, w, h),) = face_rectangles
        assert (x - 10, y - 10, w + 20, h + 20) == (0, 0, 48, 48) == (0, 0, *picture.shape[:2])
        return [answer((x, y, w, h), "happy" if picture.mean() > 100 else "sad")]
"""


class TestIntervals:
    def test_intervals_hold_the_figure_and_shrink_with_the_pictures(self) -> None:
        def widths(count: int) -> np.ndarray:
            labels = np.arange(count) % 7
            scores = softmax(np.random.default_rng(1).normal(size=(count, 7)) + np.eye(7)[labels])
            figures = {
                **classification_figures(scores, labels, FER2013_LABELS, np.zeros(count, bool)),
                **answer_figures(scores, labels, 0.5, np.zeros(count, bool))["calibration"],
            }
            intervals = [figures[f"{name}_interval"] for name in ("accuracy", "macro_f1", "ece")]
            for (low, high), name in zip(intervals, ("accuracy", "macro_f1", "ece"), strict=True):
                assert low <= figures[name] <= high
            return np.ptp(intervals, axis=1)

        narrower = widths(100) / widths(1600)
        assert ((narrower > 3) & (narrower < 5)).all()  # as the root of the number


class TestWarnings:
    def test_shuffled_labels(self, splits: dict[str, Dataset]) -> None:
        """A predecessor's 17 %: predictions and labels in different orders."""
        public = splits["PublicTest"]
        order = np.random.default_rng(5).permutation(len(public))
        shuffled = Dataset(
            public.faces, public.labels[order], public.votes[order], public.rejections[order]
        )
        figures = evaluate_public(model_that_knows(public), splits, shuffled)
        assert figures["fer2013_public"]["accuracy"] < 0.3
        assert len(figures["warnings"]) == 2
        assert figures["warnings"][0].startswith("PublicTest by FER2013: ")
        assert figures["warnings"][1].startswith("PublicTest by FER+: ")
        for sentence in figures["warnings"]:
            assert "is not significantly better than chance" in sentence
            assert "learned nothing, or labels and images do not match" in sentence
            assert f"WARNING: {sentence}" in summary(figures)

    def test_votes_that_are_three_rows_late(self, splits: dict[str, Dataset]) -> None:
        public = splits["PublicTest"]
        late = replace(public, votes=np.roll(public.votes, 3, axis=0))
        figures = evaluate_public(model_that_knows(public), splits, late)
        assert figures["fer2013_public"]["in_step"]["is_better_than_chance"]
        (sentence,) = figures["warnings"]
        assert sentence.startswith("PublicTest by FER+: labels and images do not match")
        assert "shifted by -3 rows" in sentence
        assert "100.0%" in sentence

    def test_class_names_in_alphabetical_order(self, splits: dict[str, Dataset]) -> None:
        public = splits["PublicTest"]
        alphabetical = sorted(FER2013_LABELS)
        wrong = np.array([alphabetical.index(name) for name in FER2013_LABELS])[public.labels]
        figures = evaluate_public(model_that_knows(public), splits, replace(public, labels=wrong))
        (sentence,) = figures["warnings"]
        assert sentence.startswith("PublicTest by FER2013: the class names are in another order")
        assert "neutral as sad" in sentence


class TestWithoutVotes:
    @pytest.fixture
    def without_votes(self, splits: dict[str, Dataset]) -> dict[str, Dataset]:
        return {
            split: replace(
                dataset,
                votes=np.zeros_like(dataset.votes),
                rejections=np.zeros_like(dataset.rejections),
            )
            for split, dataset in splits.items()
        }

    def test_fer2013_is_the_judge(self, without_votes: dict[str, Dataset]) -> None:
        public = without_votes["PublicTest"]
        figures = evaluate(model_that_knows(public), without_votes, public_only=True)
        assert "ferplus_public" not in figures
        assert figures["reference_public"] == "FER2013 label"
        assert figures["happy_sad_public"]["accuracy"] == 1.0
        assert figures["calibration_public"]["n"] == len(public)
        assert "by FER2013 label" in summary(figures)

    def test_votes_without_any_majority_are_an_error(self, splits: dict[str, Dataset]) -> None:
        public = splits["PublicTest"]
        torn = replace(public, votes=np.full_like(public.votes, 2))
        with pytest.raises(DataError, match="no image of PublicTest has a majority"):
            evaluate_public(model_that_knows(public), splits, torn)


def strict(constant: str) -> None:
    pytest.fail(f"{constant} is not JSON")


class TestCommand:
    def test_it_writes_the_promised_keys(
        self,
        small_model: Path,
        small_data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        out = tmp_path / "deep" / "figures.json"
        main(["--model", str(small_model), "--data", str(small_data), "--json", str(out)])
        figures = json.loads(out.read_text(), parse_constant=strict)
        for split in ("public", "private"):
            for kind, classes in (("fer2013", FER2013_LABELS), ("ferplus", FERPLUS_LABELS)):
                values = figures[f"{kind}_{split}"]
                assert {"accuracy", "macro_f1", "accuracy_deduplicated", "n"} <= set(values)
                assert {"n_deduplicated", "recall", "f1", "confusion"} <= set(values)
                assert len(values["confusion"]) == len(classes)
        assert {"accuracy", "n"} <= set(figures["happy_sad"])
        assert {"ece", "nll", "brier", "n", "reliability"} <= set(figures["calibration"])
        assert "accuracy_at_90%" in figures["coverage_public"]
        assert {"model", "version", "commit", "date", "command"} <= set(figures["origin"])
        assert figures["ferplus_public"]["auc"]["contempt"] is None
        assert str(small_data) not in out.read_text()
        assert list(out.parent.iterdir()) == [out]
        said = capsys.readouterr().out
        assert "PrivateTest was read; the entry for experiments/private-test.toml" in said
        (warning,) = [
            one for one in figures["warnings"] if one.startswith("PublicTest took part in the fit")
        ]
        assert f"WARNING: {warning}" in said
        entry = tomllib.loads(said.partition("[[readings]]")[2].partition("\nwrote ")[0])
        assert entry["fer2013_accuracy"] == round(figures["fer2013_private"]["accuracy"], 4)

    def test_public_only_says_and_reports_nothing_of_private_test(
        self,
        small_model: Path,
        small_data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("train.reporting.plots.save", lambda figure, path: path)
        words = ["--model", str(small_model), "--data", str(small_data), "--report", str(tmp_path)]
        main([*words, "--public-only"])
        output, text = capsys.readouterr().out, (tmp_path / "report.md").read_text()
        assert "| PublicTest | ours |" in output
        assert "PublicTest by FER2013" in text
        assert "learning_curves.png" in text  # of the run's history
        assert "PrivateTest" not in output + text
        assert str(small_data) not in text

    @pytest.mark.parametrize(
        ("package", "words"), [("sklearn", ["--json", "x"]), ("matplotlib", ["--report", "x"])]
    )
    def test_a_missing_package_is_told_before_anything_is_read(
        self, package: str, words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SystemExit, match=r"pip install -r train/requirements.txt") as ended:
            main(["--data", str(tmp_path / "nowhere"), *words])
        assert package in str(ended.value)
        assert "\n" not in str(ended.value)


@pytest.mark.parametrize("module", ["fit", "export"])
def test_training_and_serving_do_without_scikit_learn(module: str) -> None:
    known = imports(ROOT / "train" / f"{module}.py")
    assert not {name.split(".")[0] for name in known} & {"sklearn", "scipy", "matplotlib"}
    assert not known & {
        "train",
        "train.evaluate",
        "train.evaluation.metrics",
        "train.evaluation.report",
        "train.reporting.plots",
    }


def test_evaluation_and_the_app_give_the_same_answers(
    small_model: Path, splits: dict[str, Dataset]
) -> None:
    recognizer = EmotionRecognizer.load(small_model)
    public = splits["PublicTest"]
    answers = recognizer.recognize_crops(public.faces)
    named = np.array([FER2013_LABELS.index(answer.label) for answer in answers])
    judged = public.majority >= 0
    figures = evaluate(recognizer.model, splits, public_only=True)
    expected = float((named == public.majority)[judged].mean())
    assert figures["coverage_public"]["accuracy_at_100%"] == pytest.approx(expected)
    sure = float(np.mean([not answer.is_uncertain for answer in answers], where=judged))
    assert figures["coverage_public"]["answered"] == pytest.approx(sure)


def test_compact_keeps_numbers_only() -> None:
    figures = {
        "a": {"accuracy": 0.123456, "n": 3, "confusion": [[1]], "recall": {"x": 1.0}, "auc": None},
        "reference": "FER+ majority",
        "warnings": ["of something"],
    }
    figures["peers"] = {"other": figures["a"]}
    figures["photos"] = {"set": figures["a"]}
    assert compact(figures) == {
        "a": {"accuracy": 0.1235, "n": 3},
        "photos": {"set": {"accuracy": 0.1235, "n": 3, "recall": {"x": 1.0}}},
    }
