from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.calibration import CALIBRATION_SHAPES, Calibration
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.model import ModelInfo
from fer_core.preprocessing import PreprocessingSpec
from fer_core.recognizer import EmotionRecognizer
from tests.conftest import EXAMPLES
from train.artifacts.temperature import round_calibration
from train.calibration import fitting as calibration
from train.calibration.fitting import Candidate, LabelledLogits, choose, fit
from train.calibration.photographs import (
    DATASET,
    DATASET_WEIGHT,
    NEUTRAL_WEIGHT,
    calibrate_on_photographs,
    choose_threshold,
    dataset_faces,
    default_weights,
    faces_of,
    held_out_predictions,
    join_copies,
    majority_figures,
    sets_fitted_on,
    trade_off,
)
from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.photographs import Photograph, crop_photographs
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError
from train.evaluation.photograph_metrics import photograph_figures
from train.evaluation.predictions import PhotographPredictions

PLAIN = ModelInfo(
    "made",
    "0",
    "none",
    "",
    PreprocessingSpec(),
    False,
    Calibration.temperature(1.0),
    0.5,
    {"answer": {"n": 1}, "ferplus_public": {"accuracy": 0.9}},
)
SPECIAL = {"neutral": 2.0}
HAPPY, NEUTRAL = (FER2013_LABELS.index(name) for name in ("happy", "neutral"))
Sets = dict[str, PhotographPredictions]
Fitted = tuple[ModelInfo, list[Candidate]]
FIVE = ("angry", "happy", "sad", "surprise", "neutral")


def said(
    folder: Path,
    labels: Sequence[str],
    *,
    seed: int = 0,
    missing: Sequence[int] = (),
    unreliable: Sequence[int] = (),
    people: Sequence[str] = (),
) -> PhotographPredictions:
    """Answers to made photographs, right more often than not; files hold their number."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    count = len(labels)
    photographs = []
    for index, label in enumerate(labels):
        path = folder / f"{index}.jpg"
        path.write_text(str(index))
        photographs.append(Photograph(path, label, people[index] if people else ""))
    found = ~np.isin(np.arange(count), missing)
    logits = {
        head: rng.normal(0, 1, (count, classes)).astype(np.float32)
        for head, classes in (("ferplus", 8), ("fer2013", 7))
    }
    rows = [FER2013_LABELS.index(label) for label in labels]
    for head in logits.values():
        head[np.arange(count), rows] += 1.5
        head[~found] = 0
    probabilities = PLAIN.calibration.probabilities(logits)
    probabilities[~found] = np.nan
    crops = rng.integers(0, 256, (count, 48, 48), dtype=np.uint8)
    return PhotographPredictions(
        photographs,
        probabilities,
        np.zeros(count, bool),
        np.zeros((count, 4), np.int64),
        ~np.isin(np.arange(count), unreliable),
        crops,
        logits,
    )


def with_features(one: PhotographPredictions) -> PhotographPredictions:
    """The same of a network with seven features, which show the labels."""
    features = np.eye(7, dtype=np.float32)[one.labels]
    features[~one.found] = 0
    return replace(one, logits={**one.logits, "features": features})


def with_confidence(folder: Path, labels: Sequence[str], confidence: Sequence[float]) -> tuple:
    """A set with (N, 7) probabilities whose highest are given."""
    one = said(folder, labels)
    probabilities = np.tile((1 - np.array(confidence)[:, np.newaxis]) / 6, (1, 7))
    probabilities[:, 0] = confidence
    return one, probabilities


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Cross-validation with the least work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "REPEATS", 1)
        patch.setattr(calibration, "STRENGTHS", (0.01, 0.1))
        patch.setattr(calibration, "FORMS", ("temperature", "bias"))
        yield


def of_forms(forms: Sequence[str], *arguments: Any) -> Fitted:
    """What `calibrate_on_photographs` finds where only these forms compete."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "FORMS", forms)
        return calibrate_on_photographs(PLAIN, *arguments)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """63 photographs of all emotions, two without a face, and 20 of calm people."""
    folder = tmp_path_factory.mktemp("photos")
    return {
        "posed": said(folder / "posed", FER2013_LABELS * 9, missing=(3, 20), unreliable=(5, 8)),
        "calm": said(folder / "calm", ("neutral", "happy") * 10, seed=1),
    }


@pytest.fixture(scope="module")
def fitted(sets: Sets) -> Fitted:
    return calibrate_on_photographs(PLAIN, sets, SPECIAL)


class TestJoinCopies:
    @pytest.fixture(scope="class")
    @classmethod
    def portraits(cls) -> np.ndarray:
        names = ("happy_f_asian_01", "neutral_m_european_01", "sad_f_african_01")
        photographs = [Photograph(EXAMPLES / f"{name}.jpg", "happy") for name in names]
        detector = FaceDetector.load(MODELS_DIR)
        crops, found = crop_photographs(detector, photographs, PreprocessingSpec())
        assert found.all()
        return crops

    def test_faces_of_one_person_stay_together(self, portraits: np.ndarray) -> None:
        keys = join_copies(np.array(["a", "b", "a"]), portraits)
        assert keys[0] == keys[2] != keys[1]

    @pytest.mark.parametrize("kind", ["equal", "darker", "mirrored", "cut otherwise"])
    def test_copies_of_a_photograph_get_one_key(self, portraits: np.ndarray, kind: str) -> None:
        face = portraits[0]
        closer = cv2.getRotationMatrix2D((23.5, 23.5), 2, 1.06)
        copy = {
            "equal": face,
            "darker": (0.6 * face + 10).astype(np.uint8),
            "mirrored": np.ascontiguousarray(face[:, ::-1]),
            "cut otherwise": cv2.warpAffine(face, closer, (48, 48), borderMode=cv2.BORDER_REFLECT),
        }[kind]
        crops = np.concatenate([portraits, copy[np.newaxis]])
        keys = join_copies(np.array(["a", "b", "c", "d"]), crops)
        assert keys[3] == keys[0]
        assert len(set(keys.tolist())) == 3

    def test_different_people_keep_different_keys(self, portraits: np.ndarray) -> None:
        keys = join_copies(np.array(["a", "b", "c"]), portraits)
        assert len(set(keys.tolist())) == 3

    def test_people_are_joined_by_way_of_copies(self, portraits: np.ndarray) -> None:
        """A photograph of one person is a copy of a photograph that is said to show another."""
        darker = (0.6 * portraits[0] + 10).astype(np.uint8)
        crops = np.stack([portraits[1], portraits[0], darker, portraits[2]])
        assert len(set(join_copies(np.array(["a", "a", "b", "b"]), crops).tolist())) == 1

    def test_crops_of_another_size_are_compared_too(self, portraits: np.ndarray) -> None:
        large = np.stack([cv2.resize(face, (96, 96)) for face in portraits[[0, 1, 0]]])
        keys = join_copies(np.array(["a", "b", "c"]), large)
        assert keys[0] == keys[2] != keys[1]


class TestFaces:
    def test_photographs_without_a_face_are_left_out(self, sets: Sets) -> None:
        faces = faces_of(sets, {})
        assert len(faces.labels) == 61 + 20
        assert (faces.sets == "posed").sum() == 61
        expected = np.concatenate([one.logits["ferplus"][one.found] for one in sets.values()])
        np.testing.assert_array_equal(faces.heads["ferplus"], expected)
        labels = np.concatenate([one.labels[one.found] for one in sets.values()])
        np.testing.assert_array_equal(faces.labels, labels)

    def test_features_are_of_the_faces_found(self, sets: Sets) -> None:
        given = {name: with_features(one) for name, one in sets.items()}
        faces = faces_of(given, {})
        np.testing.assert_array_equal(faces.heads["features"], np.eye(7)[faces.labels])

    def test_a_set_without_any_face_may_lack_features(self, sets: Sets, tmp_path: Path) -> None:
        nobody = said(tmp_path / "empty", ("sad", "sad"), missing=(0, 1))
        faces = faces_of({"empty": nobody, "calm": with_features(sets["calm"])}, {})
        assert faces.heads["features"].shape == (20, 7)

    def test_people_of_one_name_in_two_sets_are_two(self, tmp_path: Path) -> None:
        two = {
            name: said(tmp_path / name, ("happy", "sad"), seed=seed, people=("1", "1"))
            for seed, name in enumerate(("a", "b"))
        }
        keys = faces_of(two, {}).people
        assert keys[0] == keys[1] != keys[2] == keys[3]

    def test_weights_are_those_of_cells(self, sets: Sets) -> None:
        faces = faces_of(sets, {"neutral": 2.0, "calm/happy": 0.5})
        shares = {
            (name, label): faces.weights[(faces.sets == name) & (faces.labels == index)].sum()
            for name in sets
            for index, label in enumerate(FER2013_LABELS)
        }
        unit = shares["posed", "happy"]
        assert shares["posed", "sad"] == pytest.approx(unit)
        assert shares["posed", "neutral"] == pytest.approx(2 * unit)
        assert shares["calm", "neutral"] == pytest.approx(2 * unit)
        assert shares["calm", "happy"] == pytest.approx(unit / 2)

    def test_photographs_without_any_face_are_told(self, tmp_path: Path) -> None:
        nobody = {"empty": said(tmp_path / "empty", ("sad", "sad"), missing=(0, 1))}
        with pytest.raises(DataError, match="no face was found"):
            faces_of(nobody, {})


class TestThreshold:
    CONFIDENCE = (0.95, 0.4, 0.8, 0.9, 0.3, 0.7, 0.6, 0.5)
    LABELS = (*FIVE, "fear", "sad", "sad")

    def test_it_leaves_three_of_four_answered(self, tmp_path: Path) -> None:
        one, probabilities = with_confidence(tmp_path / "one", self.LABELS, self.CONFIDENCE)
        assert choose_threshold({"one": one}, probabilities) == pytest.approx(0.5)

    def test_unreliable_faces_are_among_those_that_are_not_answered(self, tmp_path: Path) -> None:
        one, probabilities = with_confidence(tmp_path / "one", self.LABELS, self.CONFIDENCE)
        unsure = replace(one, reliable=~np.isin(np.arange(8), (0, 3)))
        assert choose_threshold({"one": unsure}, probabilities) == pytest.approx(0.3)

    def test_sets_of_few_emotions_do_not_count(self, tmp_path: Path) -> None:
        one, of_one = with_confidence(tmp_path / "one", self.LABELS, self.CONFIDENCE)
        calm, of_calm = with_confidence(tmp_path / "calm", ("neutral", "happy") * 8, [0.99] * 16)
        both = choose_threshold({"calm": calm, "one": one}, np.concatenate([of_calm, of_one]))
        assert both == choose_threshold({"one": one}, of_one)

    def test_it_is_0_where_no_set_has_many_emotions(self, tmp_path: Path) -> None:
        calm, of_calm = with_confidence(tmp_path / "calm", ("neutral", "happy"), [0.9, 0.8])
        assert choose_threshold({"calm": calm}, of_calm) == 0.0

    def test_it_is_0_where_too_few_faces_are_reliable(self, tmp_path: Path) -> None:
        one, probabilities = with_confidence(tmp_path / "one", self.LABELS, self.CONFIDENCE)
        unsure = replace(one, reliable=np.arange(8) < 4)
        assert choose_threshold({"one": unsure}, probabilities) == 0.0


class TestCalibration:
    def test_it_is_the_chosen_candidate_fitted_on_all_and_rounded(
        self, fitted: Fitted, sets: Sets
    ) -> None:
        info, candidates = fitted
        assert info.calibration.fitted_on == {"posed": 61, "calm": 20}
        best = choose(candidates)
        expected = round_calibration(fit(best.form, best.strength, faces_of(sets, SPECIAL)))
        assert info.calibration.form == best.form
        for name in CALIBRATION_SHAPES:
            found = getattr(info.calibration, name)
            np.testing.assert_array_equal(found, getattr(expected, name))

    def test_its_figures_are_of_faces_held_out(self, fitted: Fitted, sets: Sets) -> None:
        info, candidates = fitted
        best, figures = choose(candidates), info.calibration.figures
        assert figures["loss"] == pytest.approx(best.loss, abs=1e-4)
        assert (figures["strength"], figures["weights"]) == (best.strength, SPECIAL)
        calm, labels = best.held_out[61:], sets["calm"].labels
        right = calm.argmax(axis=1) == labels
        recalls = [right[labels == label].mean() for label in (HAPPY, NEUTRAL)]
        told = figures["cross_validated"]["calm"]
        assert list(told["recall"].values()) == pytest.approx(recalls, abs=1e-4)
        assert told["mean_recall"] == pytest.approx(np.mean(recalls), abs=1e-4)
        answered = (calm.max(axis=1) >= info.abstention_threshold).mean()
        assert told["answered"] == pytest.approx(answered, abs=1e-4)
        assert 0.75 <= figures["cross_validated"]["posed"]["answered"] < 0.75 + 1 / 61

    def test_figures_of_other_answers_are_dropped_and_those_of_the_heads_stay(
        self, fitted: Fitted
    ) -> None:
        assert set(PLAIN.figures) == {"answer", "ferplus_public"}
        assert fitted[0].figures == {"ferplus_public": {"accuracy": 0.9}}

    def test_other_answers_have_another_version(self, fitted: Fitted, sets: Sets) -> None:
        other, _ = of_forms(("temperature",), sets, {})
        assert len({PLAIN.version, fitted[0].version, other.version}) == 3

    def test_its_sets_are_known_again(self, fitted: Fitted, sets: Sets, tmp_path: Path) -> None:
        assert sets_fitted_on(fitted[0], sets) == ["posed", "calm"]
        assert sets_fitted_on(PLAIN, sets) == []
        # Nor are other photographs under the same name taken for them.
        others = {**sets, "calm": said(tmp_path / "calm", ("happy", "neutral") * 10, seed=1)}
        assert sets_fitted_on(fitted[0], others) == ["posed"]

    def test_held_out_answers_are_those_that_the_figures_are_of(
        self, fitted: Fitted, sets: Sets
    ) -> None:
        for name, answers in held_out_predictions(fitted[0], sets).items():
            figures = photograph_figures(answers)
            told = fitted[0].calibration.figures["cross_validated"][name]
            for key in ("mean_recall", "ece", "answered"):
                assert figures[key] == pytest.approx(told[key], abs=1e-4)
            np.testing.assert_array_equal(answers.found, sets[name].found)

    def test_held_out_answers_about_unreliable_faces_are_uncertain(
        self, fitted: Fitted, sets: Sets
    ) -> None:
        sure = replace(fitted[0], abstention_threshold=0.0)
        uncertain = held_out_predictions(sure, sets)["posed"].uncertain
        assert np.flatnonzero(uncertain).tolist() == [5, 8]

    def test_features_that_show_the_labels_get_weights(self, sets: Sets) -> None:
        given = {name: with_features(one) for name, one in sets.items()}
        info, candidates = of_forms(("bias", "features"), given, SPECIAL)
        assert min(candidates, key=lambda one: one.loss).form == info.calibration.form == "features"
        # Each feature shows one emotion.
        assert info.calibration.features.argmax(axis=0).tolist() == list(range(7))

    def test_too_few_photographs_are_told(self, tmp_path: Path) -> None:
        few = {"few": said(tmp_path / "few", FIVE)}
        with pytest.raises(DataError, match="too few photographs"):
            calibrate_on_photographs(PLAIN, few, {})


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (7, 70, 7))
    return load_splits(folder)["PublicTest"]


@pytest.fixture(scope="module")
def majority(public: Dataset) -> LabelledLogits:
    """Faces of PublicTest, of which three neutral ones are taken for angry."""
    judged = public.subset(public.reference < len(FER2013_LABELS))
    told = judged.reference.copy()
    told[np.flatnonzero(told == NEUTRAL)[:3]] = 0
    heads = {"ferplus": 9.0 * np.eye(8)[told], "fer2013": np.zeros((len(told), 7))}
    people = np.arange(len(told)).astype(str)
    return LabelledLogits(heads, judged.reference, people, judged.faces)


class TestDatasetFaces:
    def test_faces_without_a_majority_of_the_seven_are_left_out(
        self, recognizer: EmotionRecognizer, public: Dataset
    ) -> None:
        votes = public.votes.copy()
        votes[0], votes[1] = np.eye(8, dtype=int)[7] * 10, 1  # contempt; no majority
        changed = replace(public, votes=votes)
        faces = dataset_faces(recognizer.model, changed)
        assert len(faces.crops) == len(faces.labels) == len(public) - 2
        assert faces.heads["ferplus"].shape == (len(public) - 2, 8)
        np.testing.assert_array_equal(faces.crops, public.faces[2:])

    def test_they_stand_behind_those_of_the_photographs(
        self, sets: Sets, majority: LabelledLogits
    ) -> None:
        alone, joined = (faces_of(sets, SPECIAL, dataset) for dataset in (None, majority))
        count = len(alone.labels)
        np.testing.assert_array_equal(joined.labels[:count], alone.labels)
        np.testing.assert_array_equal(joined.labels[count:], majority.labels)
        assert set(joined.sets[count:]) == {DATASET}

    def test_each_of_their_cells_weighs_half_by_default(
        self, sets: Sets, majority: LabelledLogits
    ) -> None:
        weights = default_weights(sets, majority)
        assert weights["neutral"] == NEUTRAL_WEIGHT
        assert weights[f"{DATASET}/neutral"] == weights[f"{DATASET}/fear"] == DATASET_WEIGHT
        faces = faces_of(sets, weights, majority)
        angry = faces.labels == 0
        of_set = [faces.weights[angry & (faces.sets == name)].sum() for name in ("posed", DATASET)]
        assert of_set[1] == pytest.approx(DATASET_WEIGHT * of_set[0])

    def test_without_them_only_neutral_has_another_weight(self, sets: Sets) -> None:
        assert default_weights(sets, None) == {"neutral": NEUTRAL_WEIGHT}

    def test_the_calibration_says_that_it_was_fitted_on_them(
        self, biased: Fitted, majority: LabelledLogits
    ) -> None:
        fitted, count = biased[0].calibration, len(majority.crops)
        assert fitted.fitted_on == {"posed": 61, "calm": 20, DATASET: count}
        assert fitted.figures["cross_validated"][DATASET]["n"] == count
        assert set(fitted.figures["digests"]) == {"posed", "calm"}

    def test_held_out_photographs_are_predicted_by_fits_that_include_them(
        self, biased: Fitted, sets: Sets, majority: LabelledLogits
    ) -> None:
        told = biased[0].calibration.figures["cross_validated"]
        for name, predictions in held_out_predictions(biased[0], sets, majority).items():
            mean_recall = photograph_figures(predictions)["mean_recall"]
            assert mean_recall == pytest.approx(told[name]["mean_recall"], abs=1e-4)

    def test_predictions_are_compared_with_the_majority(self, majority: LabelledLogits) -> None:
        probabilities = PLAIN.calibration.probabilities(majority.heads)
        figures = majority_figures(majority.labels, probabilities)
        neutral = (majority.labels == NEUTRAL).sum()
        recall = 1 - 3 / neutral
        assert figures["n"] == len(majority.crops)
        assert figures["accuracy"] == pytest.approx(1 - 3 / figures["n"], abs=1e-4)
        assert figures["recall"]["neutral"] == pytest.approx(recall, abs=1e-4)
        assert figures["mean_recall"] == pytest.approx((6 + recall) / 7, abs=1e-4)


@pytest.fixture(scope="module")
def biased(sets: Sets, majority: LabelledLogits) -> Fitted:
    """Biases, which the weight of a label moves."""
    return of_forms(("bias",), sets, SPECIAL, majority)


WEIGHTS = (0.5, SPECIAL["neutral"], 4.0)


@pytest.fixture(scope="module")
def rows(biased: Fitted, sets: Sets, majority: LabelledLogits) -> list[dict[str, float]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.calibration.photographs.TRADE_OFF", WEIGHTS)
        return trade_off(biased[0], sets, SPECIAL, majority)


class TestTradeOff:
    def test_there_is_a_row_for_each_weight(self, rows: list[dict[str, float]]) -> None:
        assert [row["weight of neutral"] for row in rows] == list(WEIGHTS)

    def test_neutral_is_called_more_often_with_more_weight(
        self, rows: list[dict[str, float]]
    ) -> None:
        recalls = [row["calm: neutral"] for row in rows]
        assert recalls == sorted(recalls)
        assert recalls[-1] > recalls[0]

    def test_each_set_tells_what_it_has_labels_for(self, rows: list[dict[str, float]]) -> None:
        assert set(rows[0]) == {
            "weight of neutral",
            "posed: mean recall",
            "posed: disgust, fear, sad",
            "posed: neutral",
            "calm: neutral",
            "PublicTest: accuracy",
            "PublicTest: mean recall",
            "PublicTest: neutral",
        }

    def test_the_row_of_the_chosen_weight_has_the_figures_of_the_calibration(
        self, biased: Fitted, rows: list[dict[str, float]]
    ) -> None:
        (row,) = [row for row in rows if row["weight of neutral"] == SPECIAL["neutral"]]
        told = biased[0].calibration.figures["cross_validated"]["posed"]
        recall = told["recall"]
        rare = np.mean([recall[name] for name in ("disgust", "fear", "sad")])
        assert row["posed: mean recall"] == pytest.approx(told["mean_recall"], abs=1e-4)
        assert row["posed: neutral"] == pytest.approx(recall["neutral"], abs=1e-4)
        assert row["posed: disgust, fear, sad"] == pytest.approx(rare, abs=1e-4)
