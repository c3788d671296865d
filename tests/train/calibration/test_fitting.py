from dataclasses import replace

import numpy as np
import pytest

from fer_core.calibration import (
    CALIBRATION_SHAPES,
    FEATURES,
    Calibration,
    log_softmax,
    negative_log_likelihood,
    softmax,
)
from fer_core.emotions import FER2013_LABELS
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec, preprocess
from train.artifacts.temperature import (
    COVERAGE,
    calibrate_on_dataset,
    dataset_logits,
    round_calibration,
)
from train.calibration import fitting as module
from train.calibration.fitting import (
    FOLDS,
    FORMS,
    REPEATS,
    STRENGTHS,
    Candidate,
    Faces,
    LabelledLogits,
    cell_weights,
    choose,
    compare,
    cross_validate,
    fit,
    join_sets,
)
from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError

ANGRY, HAPPY, NEUTRAL = (FER2013_LABELS.index(name) for name in ("angry", "happy", "neutral"))


def numbers(calibration: Calibration) -> np.ndarray:
    names = (*CALIBRATION_SHAPES, FEATURES)
    return np.concatenate([getattr(calibration, name).ravel() for name in names])


def known_layer(form: str) -> Calibration:
    """A layer of a form that departs from temperature scaling by known amounts."""
    rng = np.random.default_rng(7)
    temperature = Calibration.temperature(1.5, 0.4)
    ferplus, fer2013, bias = temperature.ferplus, temperature.fer2013, temperature.bias
    if form != "temperature":
        bias = rng.normal(0, 0.8, 7)
    if form in ("vector", "matrix", "features"):
        ferplus = ferplus * rng.uniform(0.6, 1.4, (7, 1))
        fer2013 = fer2013 * rng.uniform(0.6, 1.4, (7, 1))
    if form in ("matrix", "features"):
        ferplus = ferplus + rng.normal(0, 0.1, (7, 8))
        fer2013 = fer2013 + rng.normal(0, 0.1, (7, 7))
    weights = rng.normal(0, 1.5, (7, 6)) if form == "features" else np.zeros((7, 0))
    return Calibration(form, ferplus, fer2013, bias, weights)


def made_faces(count: int, layer: Calibration, seed: int = 0, per_person: int = 1) -> Faces:
    """Faces whose labels come out as often as a layer on their logits and features says."""
    rng = np.random.default_rng(seed)
    heads = {"ferplus": rng.normal(0, 1.5, (count, 8)), "fer2013": rng.normal(0, 1.5, (count, 7))}
    if layer.features.size:
        heads["features"] = rng.normal(0.5, 0.4, (count, layer.features.shape[1]))
    drawn = rng.random((count, 1))
    labels = (layer.probabilities(heads).cumsum(axis=1) < drawn).sum(axis=1)
    people = (np.arange(count) // per_person).astype(str)
    sets = np.where(np.arange(count) < count // 2, "one", "two")
    return Faces(heads, labels, sets, people, np.ones(count))


def told_by_features(count: int, seed: int = 0) -> Faces:
    """Faces whose labels only the first seven of eight features show; the last is constant."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, count)
    heads = {
        "ferplus": rng.normal(0, 1.5, (count, 8)),
        "fer2013": rng.normal(0, 1.5, (count, 7)),
        "features": np.hstack(
            [np.eye(7)[labels] + rng.normal(0, 0.2, (count, 7)), np.full((count, 1), 0.7)]
        ),
    }
    people = np.arange(count).astype(str)
    return Faces(heads, labels, np.full(count, "one"), people, np.ones(count))


def accuracy(calibration: Calibration, faces: Faces) -> float:
    likeliest = calibration.probabilities(faces.heads).argmax(axis=1)
    return float((likeliest == faces.labels).mean())


class TestJoinSets:
    def labelled(self, count: int, features: int = 0) -> LabelledLogits:
        rng = np.random.default_rng(count)
        widths = {"ferplus": 8, "fer2013": 7} | ({"features": features} if features else {})
        heads = {name: rng.normal(size=(count, width)) for name, width in widths.items()}
        crops = np.zeros((count, 48, 48), np.uint8)
        return LabelledLogits(heads, np.full(count, HAPPY), np.arange(count).astype(str), crops)

    def test_features_are_joined_in_the_order_of_the_faces(self) -> None:
        parts = {"a": self.labelled(2, features=5), "b": self.labelled(3, features=5)}
        expected = np.concatenate([part.heads["features"] for part in parts.values()])
        np.testing.assert_array_equal(join_sets(parts, {}).heads["features"], expected)

    def test_sets_without_features_have_none_together(self) -> None:
        parts = {"a": self.labelled(2), "b": self.labelled(3)}
        assert set(join_sets(parts, {}).heads) == {"ferplus", "fer2013"}

    @pytest.mark.parametrize("empty", ["a", "b"])
    def test_a_set_without_faces_need_not_have_features(self, empty: str) -> None:
        parts = {name: self.labelled(2, features=5) for name in ("a", "b")}
        parts[empty] = self.labelled(0)
        assert join_sets(parts, {}).heads["features"].shape == (2, 5)


class TestCellWeights:
    # Cells of 2, 1, 2 and 1 faces.
    LABELS = np.array([ANGRY, ANGRY, HAPPY, HAPPY, HAPPY, NEUTRAL])
    SETS = np.array(["a", "a", "a", "b", "b", "b"])

    @pytest.mark.parametrize(
        ("special", "expected"),
        [
            ({}, [1 / 2, 1 / 2, 1, 1 / 2, 1 / 2, 1]),
            ({"happy": 3.0}, [1 / 2, 1 / 2, 3, 3 / 2, 3 / 2, 1]),
            ({"b/happy": 3.0}, [1 / 2, 1 / 2, 1, 3 / 2, 3 / 2, 1]),
            ({"happy": 3.0, "b/happy": 0.5}, [1 / 2, 1 / 2, 3, 1 / 4, 1 / 4, 1]),
            ({"b/happy": 0.5, "happy": 3.0}, [1 / 2, 1 / 2, 3, 1 / 4, 1 / 4, 1]),
            ({"neutral": 0.0}, [1 / 2, 1 / 2, 1, 1 / 2, 1 / 2, 0]),
        ],
        ids=str,
    )
    def test_each_cell_weighs_the_same_or_what_was_said(
        self, special: dict[str, float], expected: list[float]
    ) -> None:
        weights = cell_weights(self.LABELS, self.SETS, special)
        np.testing.assert_allclose(weights, np.array(expected) / np.mean(expected))

    def test_the_mean_weight_is_1(self) -> None:
        weights = cell_weights(self.LABELS, self.SETS, {"happy": 7.0})
        assert weights.mean() == pytest.approx(1.0)

    @pytest.mark.parametrize("cell", ["fear", "c/happy", "a/neutral", "a", ""])
    def test_a_cell_without_faces_is_named(self, cell: str) -> None:
        with pytest.raises(DataError, match=f"no photograph belongs to {cell};"):
            cell_weights(self.LABELS, self.SETS, {"happy": 2.0, cell: 2.0})

    def test_weights_that_leave_nothing_are_told(self) -> None:
        nothing = dict.fromkeys(("angry", "happy", "neutral"), 0.0)
        with pytest.raises(DataError, match="all photographs have weight 0"):
            cell_weights(self.LABELS, self.SETS, nothing)


class TestFit:
    @pytest.mark.parametrize("form", FORMS)
    def test_a_known_layer_is_recovered(self, form: str) -> None:
        layer = known_layer(form)
        found = fit(form, 0.0, made_faces(1_000, layer))
        others = made_faces(500, layer, seed=1).heads
        difference = np.abs(found.probabilities(others) - layer.probabilities(others))
        assert difference.mean() < 0.035
        assert found.form == form

    @pytest.mark.parametrize(
        ("form", "free"),
        [("temperature", 2), ("bias", 9), ("vector", 21), ("matrix", 112)],
    )
    def test_a_form_moves_only_its_own_numbers(self, form: str, free: int) -> None:
        found = fit(form, 0.001, made_faces(400, known_layer("matrix")))
        diagonal = np.eye(7, 8, dtype=bool), np.eye(7, dtype=bool)
        off = np.concatenate([found.ferplus[~diagonal[0]], found.fer2013[~diagonal[1]]])
        assert off.any() == (form == "matrix")
        assert found.bias.any() == (form != "temperature")
        heads = (found.ferplus[diagonal[0]], found.fer2013[diagonal[1]])
        differing = sum(len(np.unique(head.round(9))) for head in heads)
        assert differing == (2 if free < 21 else 14)

    @pytest.mark.parametrize("form", ["bias", "vector", "matrix"])
    def test_a_stronger_penalty_stays_nearer_to_temperature_scaling(self, form: str) -> None:
        faces = made_faces(300, known_layer("matrix"))
        start = numbers(fit("temperature", 0.0, faces))
        away = [
            np.linalg.norm(numbers(fit(form, strength, faces)) - start)
            for strength in (STRENGTHS[0], STRENGTHS[-1], 1e6)
        ]
        assert away == sorted(away, reverse=True)
        assert away[0] > 2 * away[1] > 0
        assert away[-1] < 1e-3

    def test_it_does_not_raise_the_loss_of_the_temperature(self) -> None:
        faces = made_faces(200, known_layer("features"))
        losses = [
            negative_log_likelihood(fit(form, 1e-4, faces).probabilities(faces.heads), faces.labels)
            for form in FORMS
        ]
        assert losses == sorted(losses, reverse=True)

    @pytest.mark.parametrize("weight", [0, 2])
    def test_a_face_counts_as_often_as_it_weighs(self, weight: int) -> None:
        faces = made_faces(200, known_layer("bias"))
        times = np.where(np.arange(200) < 50, weight, 1)
        weighted = replace(faces, weights=times.astype(float))
        repeated = faces.subset(np.repeat(np.arange(200), times))
        np.testing.assert_allclose(
            numbers(fit("bias", 0.01, weighted)), numbers(fit("bias", 0.01, repeated)), atol=1e-3
        )


class TestFitOfFeatures:
    STRENGTH = 0.01

    def test_labels_that_only_the_features_show_are_recovered(self) -> None:
        found = fit("features", self.STRENGTH, told_by_features(400))
        assert found.features.shape == (7, 8)
        assert accuracy(found, told_by_features(400, seed=1)) > 0.95

    def test_no_other_form_sees_them(self) -> None:
        found = fit("matrix", self.STRENGTH, told_by_features(400))
        assert found.features.shape == (7, 0)
        assert accuracy(found, told_by_features(400, seed=1)) < 0.25

    def test_a_huge_strength_stays_at_temperature_scaling(self) -> None:
        faces = made_faces(300, known_layer("features"))
        found, start = fit("features", 1e6, faces), fit("temperature", 0.0, faces)
        assert np.abs(found.features).max() < 1e-3
        np.testing.assert_allclose(
            found.probabilities(faces.heads), start.probabilities(faces.heads), atol=1e-3
        )

    def test_a_stronger_penalty_uses_them_less(self) -> None:
        faces = made_faces(300, known_layer("features"))
        used = [np.linalg.norm(fit("features", strength, faces).features) for strength in STRENGTHS]
        assert used == sorted(used, reverse=True)
        assert used[0] > 2 * used[-1] > 0

    def test_their_unit_and_origin_do_not_matter(self) -> None:
        faces = made_faces(300, known_layer("features"))
        other = replace(faces, heads={**faces.heads, "features": 20 * faces.heads["features"] - 7})
        found, expected = (fit("features", self.STRENGTH, one) for one in (other, faces))
        np.testing.assert_allclose(
            found.probabilities(other.heads), expected.probabilities(faces.heads), atol=2e-3
        )

    def test_a_feature_that_never_changes_gets_no_weight(self) -> None:
        found = fit("features", self.STRENGTH, told_by_features(200))
        np.testing.assert_allclose(found.features[:, 7], 0, atol=1e-6)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEATS", 1)
    monkeypatch.setattr(module, "STRENGTHS", (0.01,))


class TestFolds:
    @pytest.fixture
    def faces(self) -> Faces:
        return made_faces(210, known_layer("bias"), per_person=3)

    def test_each_division_holds_out_every_face_once_and_people_together(
        self, faces: Faces
    ) -> None:
        divisions = list(module._divisions(faces))
        for folds in divisions:
            assert len(folds) == FOLDS
            held_out = np.concatenate([rows for _, rows in folds])
            assert sorted(held_out) == list(range(len(faces.labels)))
            for fitted, held_out in folds:
                assert not set(faces.people[fitted]) & set(faces.people[held_out])
        assert len({tuple(folds[0][1]) for folds in divisions}) == REPEATS  # all differ

    def test_a_prediction_comes_from_fits_without_its_person(
        self, faces: Faces, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A fit that is sure of "angry" where its faces hold the person, of "happy" elsewhere."""
        person = faces.people[100]

        def tells_the_person(form: str, strength: float, given: Faces) -> Calibration:
            likely = np.zeros(7)
            likely[ANGRY if person in given.people else HAPPY] = 50.0
            return Calibration(form, np.zeros((7, 8)), np.zeros((7, 7)), likely)

        monkeypatch.setattr(module, "fit", tells_the_person)
        answers = cross_validate("bias", 0.1, faces)
        assert (answers[faces.people == person].argmax(axis=1) == HAPPY).all()
        assert (answers.argmax(axis=1) == ANGRY).any()

    def test_too_few_people_are_told(self, faces: Faces) -> None:
        four = replace(faces, people=(np.arange(210) % 4).astype(str))
        with pytest.raises(DataError, match="too few photographs to cross-validate"):
            cross_validate("temperature", 0.0, four)

    def test_cells_that_are_all_rarer_than_folds_are_told(self, faces: Faces) -> None:
        rows = [np.flatnonzero(faces.labels == label)[:4] for label in range(7)]
        few = faces.subset(np.concatenate(rows))
        with pytest.raises(DataError, match="5 photographs of one label and 5 people"):
            compare(replace(few, sets=np.full(len(few.labels), "one")))

    @pytest.mark.usefixtures("quick")
    def test_a_cell_that_is_rarer_than_folds_is_held_out_too(self, faces: Faces) -> None:
        """Warnings are errors here: scikit-learn's about such a cell is for nobody to see."""
        alone = replace(faces, sets=np.where(np.arange(210) == 0, "rare", "one"))
        assert cross_validate("temperature", 0.0, alone)[0].sum() == pytest.approx(1.0)

    @pytest.mark.usefixtures("quick")
    def test_the_same_faces_give_the_same_distributions(self, faces: Faces) -> None:
        first, second = (cross_validate("temperature", 0.0, faces) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(first.sum(axis=1), np.ones(210))


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    # Form, strength, loss and standard error of its distance from the best loss, .5.
    [
        pytest.param(
            [
                ("temperature", 0.0, 0.60, 0.05),
                ("bias", 0.1, 0.54, 0.05),
                ("vector", 0.1, 0.51, 0.05),
                ("matrix", 0.1, 0.50, 0.0),
            ],
            1,
            id="the simplest form within one standard error",
        ),
        pytest.param(
            [("temperature", 0.0, 0.75, 0.25), ("matrix", 0.1, 0.5, 0.0)],
            0,
            id="just one standard error is within",
        ),
        pytest.param(
            [("temperature", 0.0, 0.6, 0.01), ("matrix", 0.1, 0.5, 0.0)],
            1,
            id="the best one where no simpler form comes near",
        ),
        pytest.param(
            [
                ("bias", 0.001, 0.60, 0.05),
                ("bias", 0.01, 0.52, 0.05),
                ("bias", 0.1, 0.70, 0.05),
                ("matrix", 0.1, 0.50, 0.0),
            ],
            1,
            id="a form competes with its best strength",
        ),
        pytest.param(
            [
                ("bias", 0.1, 0.80, 0.05),
                ("matrix", 0.001, 0.50, 0.0),
                ("matrix", 0.01, 0.55, 0.03),
                ("matrix", 0.1, 0.57, 0.03),
            ],
            2,
            id="of a form the strongest penalty within two standard errors",
        ),
    ],
)
def test_choice(candidates: list[tuple[str, float, float, float]], chosen: int) -> None:
    given = [
        Candidate(form, strength, loss, loss - 0.5, error, np.zeros((0, 7)))
        for form, strength, loss, error in candidates
    ]
    assert choose(given) is given[chosen]


@pytest.fixture(scope="module")
def pairs() -> Faces:
    """300 faces of 150 people."""
    return made_faces(300, known_layer("bias"), per_person=2)


@pytest.fixture(scope="module")
def candidates(pairs: Faces) -> list[Candidate]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FORMS", ("temperature", "bias"))
        patch.setattr(module, "REPEATS", 1)
        return compare(pairs)


@pytest.mark.usefixtures("quick")
class TestCompare:
    def test_each_form_is_tried_with_each_strength_the_simplest_first(
        self, candidates: list[Candidate]
    ) -> None:
        tried = [(one.form, one.strength) for one in candidates]
        assert tried == [("temperature", 0.0), *(("bias", strength) for strength in STRENGTHS)]

    def test_features_take_part_where_the_network_gives_them(
        self, pairs: Faces, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FORMS", ("temperature", "features"))
        tried = compare(told_by_features(210))
        assert [one.form for one in tried] == ["temperature", "features"]
        assert choose(tried).form == "features"
        assert [one.form for one in compare(pairs)] == ["temperature"]

    def test_the_loss_is_that_of_faces_held_out(
        self, pairs: Faces, candidates: list[Candidate]
    ) -> None:
        held_out = cross_validate("temperature", 0.0, pairs)
        expected = negative_log_likelihood(held_out, pairs.labels)
        assert candidates[0].loss == pytest.approx(expected)
        np.testing.assert_array_equal(candidates[0].held_out, held_out)

    def test_losses_are_compared_with_the_least(self, candidates: list[Candidate]) -> None:
        least = min(one.loss for one in candidates)
        assert [one.behind for one in candidates] == pytest.approx(
            [one.loss - least for one in candidates]
        )
        best = min(candidates, key=lambda one: one.loss)
        assert (best.behind, best.error) == (0.0, 0.0)

    def test_the_form_of_made_data_is_found(self, candidates: list[Candidate]) -> None:
        assert choose(candidates).form == "bias"

    def test_faces_are_judged_by_their_weights(
        self, pairs: Faces, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FORMS", ("temperature",))
        weights = np.where(np.arange(300) % 3, 0.0, 3.0)
        (one,) = compare(replace(pairs, weights=weights))
        counted = weights > 0
        expected = negative_log_likelihood(one.held_out[counted], pairs.labels[counted])
        assert one.loss == pytest.approx(expected)

    def test_the_standard_error_is_over_people(self) -> None:
        values = np.array([1.0, 3.0, 5.0, 7.0])
        for people, expected in (("aabb", np.sqrt(32) / 4), ("abcd", np.sqrt(20) / 4)):
            assert module._error_of_mean(values, np.array(list(people))) == pytest.approx(expected)


class TestRounded:
    def test_numbers_are_those_that_model_json_will_say(self) -> None:
        calibration = fit("matrix", 0.01, made_faces(200, known_layer("matrix")))
        served = Calibration.from_dict(calibration.to_dict())
        np.testing.assert_array_equal(numbers(round_calibration(calibration)), numbers(served))
        assert (numbers(round_calibration(calibration)) != numbers(calibration)).any()


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (7, 140, 7))
    return load_splits(folder)["PublicTest"]


@pytest.fixture(scope="module")
def model(public: Dataset) -> EmotionModel:
    """Logits for the faces of PublicTest, looked up; the likeliest is often right."""
    rng = np.random.default_rng(0)
    spec = PreprocessingSpec()
    logits = rng.normal(0, 1, (len(public), 15)).astype(np.float32)
    logits[np.arange(len(public)), public.reference] += 2
    inputs = preprocess(public.faces, spec)
    known = {face.tobytes(): row for face, row in zip(inputs, logits, strict=True)}

    def forward(faces: np.ndarray) -> dict[str, np.ndarray]:
        rows = np.stack([known[face.tobytes()] for face in faces])
        return {"ferplus": rows[:, :8], "fer2013": rows[:, 8:]}

    plain = Calibration.temperature(1.0)
    figures = {"answer": {"n": 1}}
    info = ModelInfo("made", "0", "none", "", spec, False, plain, 0.5, figures)
    return EmotionModel(forward, info)


class TestOnDataset:
    def test_it_is_a_temperature_of_the_ferplus_head(
        self, model: EmotionModel, public: Dataset
    ) -> None:
        info = calibrate_on_dataset(model, public)
        calibration, judged = info.calibration, public.reference >= 0
        assert calibration.form == "temperature"
        assert calibration.fitted_on == {"PublicTest": judged.sum()}
        assert info.figures == {}  # those of other answers are dropped
        assert not calibration.fer2013.any()
        np.testing.assert_array_equal(calibration.ferplus, calibration.ferplus[0, 0] * np.eye(7, 8))
        confidence = calibration.probabilities(dataset_logits(model, public.subset(judged)))
        answered = (confidence.max(axis=1) >= info.abstention_threshold).mean()
        assert COVERAGE <= answered < COVERAGE + 0.02
        again = calibrate_on_dataset(model, public)
        assert again.version.split("+")[1] == info.version.split("+")[1]

    def test_no_other_temperature_is_likelier(self, model: EmotionModel, public: Dataset) -> None:
        judged = public.reference >= 0
        seven = dataset_logits(model, public.subset(judged))["ferplus"][:, :7]
        warmth = calibrate_on_dataset(model, public).calibration.ferplus[0, 0]
        losses = [
            negative_log_likelihood(softmax(seven * warmth * factor), public.reference[judged])
            for factor in (0.9, 1.0, 1.1)
        ]
        assert losses[1] == min(losses)

    def test_votes_without_a_majority_are_told(self, model: EmotionModel, public: Dataset) -> None:
        torn = replace(public, votes=np.full_like(public.votes, 2))
        with pytest.raises(DataError, match="PublicTest"):
            calibrate_on_dataset(model, torn)


def test_inputs_of_a_fit_are_log_probabilities_so_that_a_constant_does_not_count() -> None:
    faces = made_faces(200, known_layer("bias"))
    heads = {name: logits + 30 for name, logits in faces.heads.items()}
    np.testing.assert_allclose(log_softmax(heads["ferplus"]), log_softmax(faces.heads["ferplus"]))
    shifted = numbers(fit("bias", 0.01, replace(faces, heads=heads)))
    np.testing.assert_allclose(shifted, numbers(fit("bias", 0.01, faces)), atol=1e-4)
