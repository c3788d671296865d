"""The parts of train.gap on scenes, each with pipelines and a model that are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fer_core.emotions import CONTEMPT, HAPPY, SAD
from fer_core.geometry import cut_square, similarity
from fer_core.preprocessing import to_grey
from tests.train.robustness.faces import half_bright, model_that_sees_sides, strict
from train.data.dataset import Dataset
from train.robustness import on_scenes
from train.robustness.corruptions import CORRUPTIONS, STRENGTHS
from train.robustness.on_scenes import compare, known_faces, match
from train.robustness.pipelines import BOX, HAAR, OURS, WHOLE, FaceCrop
from train.robustness.scenes import KnownFace, PlacedFace, Scene, dataset_face

MODEL = model_that_sees_sides()
FACES = [dataset_face(half_bright(label), label) for label in (HAPPY, SAD) * 4]
FACE = PlacedFace(center=(100.0, 80.0), height=50.0, roll=0.0, label=HAPPY)
NOWHERE = FaceCrop((-200, -200, -100, -100), half_bright(HAPPY))


@pytest.fixture
def last_scene(monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """The scene that the measure made last, smaller and so sooner made than usual."""
    made: list[Scene] = []
    real = on_scenes.make_scene

    def remember(faces: list[KnownFace], rng: np.random.Generator, **options: Any) -> Scene:
        made[:] = [real(faces, rng, **({"sizes": ((640, 480),)} | options))]
        return made[0]

    monkeypatch.setattr(on_scenes, "make_scene", remember)
    return made


def true_cuts(scene: Scene) -> list[FaceCrop]:
    cuts = []
    for face in scene.faces:
        (x, y), half = face.center, face.height / 2
        square = similarity(np.array(face.center), face.height, np.deg2rad(face.roll), 48)
        crop = to_grey(cut_square(scene.image, square, 48)[np.newaxis])[0]
        cuts.append(FaceCrop((x - half, y - half, x + half, y + half), crop))
    return cuts


def mirrored(cut: FaceCrop) -> FaceCrop:
    return FaceCrop(cut.box, np.ascontiguousarray(cut.pixels[:, ::-1]))


def cut_at(x: float, y: float, height: float) -> FaceCrop:
    box = (x - height / 2, y - height / 2, x + height / 2, y + height / 2)
    return FaceCrop(box, np.zeros((48, 48), np.uint8))


@pytest.mark.parametrize(
    ("cuts", "faces", "expected"),
    [
        pytest.param([cut_at(100, 80, 50)], 1, ([0], 0), id="exact"),
        pytest.param([cut_at(100 + 0.34 * 50, 80, 50)], 1, ([0], 0), id="near"),
        pytest.param([cut_at(100, 80 - 0.36 * 50, 50)], 1, ([-1], 1), id="far"),
        pytest.param([cut_at(100 + 15, 80 + 15, 50)], 1, ([-1], 1), id="far in both directions"),
        pytest.param([cut_at(100, 80, 0.42 * 50)], 1, ([0], 0), id="small"),
        pytest.param([cut_at(100, 80, 0.38 * 50)], 1, ([-1], 1), id="too small"),
        pytest.param([cut_at(100, 80, 1.98 * 50)], 1, ([0], 0), id="large"),
        pytest.param([cut_at(100, 80, 2.02 * 50)], 1, ([-1], 1), id="too large"),
        pytest.param([cut_at(108, 80, 50), cut_at(101, 80, 50)], 1, ([1], 1), id="nearer of two"),
        pytest.param([cut_at(105, 80, 50)], 2, ([0, -1], 0), id="one for two faces"),
        pytest.param([], 2, ([-1, -1], 0), id="no cut"),
        pytest.param([NOWHERE, NOWHERE], 0, ([], 2), id="no face"),
    ],
)
def test_a_cut_shows_the_face_whose_center_and_height_are_near(
    cuts: list[FaceCrop], faces: int, expected: tuple[list[int], int]
) -> None:
    assert match(cuts, [FACE] * faces) == expected


def test_a_miss_is_wrong_or_left_out_and_the_loss_is_that_of_the_faces_found() -> None:
    labels = np.array([HAPPY, HAPPY, SAD, SAD, SAD])
    own = np.array([HAPPY, HAPPY, SAD, HAPPY, SAD])
    answers = np.array([HAPPY, SAD, HAPPY, SAD, -1])
    lost = np.array([0, 1, 1, -1])
    assert strict(compare(answers, own, labels)) == {
        "n": 5,
        "found": 0.8,
        "accuracy_misses_wrong": 0.4,
        "accuracy": 0.5,
        "below_ceiling": 0.25,
        "margin": pytest.approx(1.96 * lost.std() / 2),
    }


@pytest.mark.parametrize(("count", "wrong"), [(0, None), (2, 0.0)], ids=["no face", "no find"])
def test_what_cannot_be_said_is_null(count: int, wrong: float | None) -> None:
    labels = np.full(count, HAPPY)
    values = strict(compare(np.full(count, -1), labels, labels))
    assert values["accuracy_misses_wrong"] == wrong
    assert values["accuracy"] is values["below_ceiling"] is values["margin"] is None


@pytest.mark.parametrize(
    ("votes", "expected"),
    [([SAD, CONTEMPT, None], [SAD]), ([], [HAPPY, SAD, SAD])],
    ids=["by majority", "without votes"],
)
def test_known_faces_have_a_majority_for_one_of_the_seven(
    votes: list[int | None], expected: list[int]
) -> None:
    labels = [HAPPY, SAD, SAD]
    table = np.zeros((3, 8), np.int64)
    for row, winner in enumerate(votes):
        table[row] = 2 if winner is None else 8 * np.eye(8)[winner]  # 2: annotators disagree
    faces = np.stack([half_bright(label) for label in labels])
    dataset = Dataset(faces, np.array(labels), table, np.zeros((3, 2), np.int64))
    assert [face.label for face in known_faces(dataset)] == expected


def test_pipelines_are_measured_against_the_truth_of_the_scenes(last_scene: list[Scene]) -> None:
    calls = iter(range(5))
    pipelines: dict[str, Callable[[np.ndarray], list[FaceCrop]]] = {
        WHOLE: lambda _: [NOWHERE],  # the whole picture is happy, and found always
        HAAR: lambda _: [mirrored(cut) for cut in true_cuts(last_scene[0])],
        BOX: lambda _: true_cuts(last_scene[0]) if next(calls) else [],
        OURS: lambda _: [NOWHERE, *true_cuts(last_scene[0])],
        "none": lambda _: [],
    }
    result = strict(on_scenes.measure_scenes(MODEL, pipelines, FACES, 5))
    assert (result["n"], result["ceiling"]) == (5, 1.0)
    whole, haar, box, ours, none = (result["pipelines"][name]["all"] for name in pipelines)
    assert whole["found"] == 1.0
    assert 0 < whole["accuracy"] < 1
    assert (haar["found"], haar["accuracy"], haar["below_ceiling"]) == (1.0, 0.0, 1.0)
    assert (box["found"], box["accuracy_misses_wrong"], box["accuracy"]) == (0.8, 0.8, 1.0)
    assert (ours["found"], ours["accuracy"]) == (1.0, 1.0)
    assert (none["found"], none["accuracy_misses_wrong"], none["accuracy"]) == (0.0, 0.0, None)
    assert result["pipelines"][OURS]["common"]["n"] == 4
    for values in result["pipelines"].values():
        assert sum(band["n"] for band in values["by_height"]) == 5
        assert sum(band["n"] for band in values["by_roll"]) == 5
        assert values["upright_96"]["n"] < 5


def test_each_strength_shows_the_same_faces_at_the_same_places(last_scene: list[Scene]) -> None:
    seen: list[tuple[PlacedFace, ...]] = []

    def ours(_: np.ndarray) -> list[FaceCrop]:
        seen.append(last_scene[0].faces)
        return true_cuts(last_scene[0])

    result = strict(on_scenes.measure_strengths(MODEL, {OURS: ours}, FACES, 2))
    assert seen == seen[:2] * len(result["strengths"])
    assert (result["strengths"][0], result["strengths"][-1], result["n"]) == (0.0, 2.0, 2)
    assert result["accuracy_misses_wrong"] == {OURS: [1.0] * 5}


@pytest.mark.parametrize("count", [3, 8], ids=["fewer than a scene may hold", "many"])
def test_of_several_faces_the_missed_and_the_invented_are_counted(
    count: int, last_scene: list[Scene]
) -> None:
    def ours(_: np.ndarray) -> list[FaceCrop]:
        first, *_others = true_cuts(last_scene[0])
        return [first, first, NOWHERE]

    result = strict(on_scenes.measure_several(ours, FACES[:count], 3, heights=(50.0, 70.0)))
    assert result["pictures"] == 3
    assert 6 <= result["faces"] <= 15
    assert result["found"] == pytest.approx(3 / result["faces"])
    assert result["invented_or_twice"] == 6
    assert 0 < result["faces_from_64"] < result["faces"]
    assert 0 <= result["found_from_64"] <= 1


def test_an_empty_picture_counts_for_the_pipelines_that_find_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(on_scenes, "make_empty_scene", lambda _: None)
    pipelines = {WHOLE: lambda _: [NOWHERE], HAAR: lambda _: [NOWHERE, NOWHERE], OURS: lambda _: []}
    assert on_scenes.measure_empty(pipelines, 2) == {
        "pictures": 2,
        "with_a_face": {HAAR: 2, OURS: 0},
    }


def test_a_corrupted_face_is_judged_against_the_clean_one() -> None:
    """Of six, two have the wrong label; no fault of the ten hides which side is bright."""
    labels = [SAD, HAPPY, HAPPY, SAD, HAPPY, SAD]
    faces = [dataset_face(half_bright((HAPPY, SAD)[row % 2]), n) for row, n in enumerate(labels)]
    result = strict(on_scenes.measure_corruptions(MODEL, faces, 100))
    assert (result["n"], result["clean"]) == (6, pytest.approx(2 / 3))
    assert result["kept"] == {name: [1.0] * len(STRENGTHS) for name in CORRUPTIONS}


def test_corruptions_of_faces_that_are_wrong_when_clean_are_null() -> None:
    result = strict(on_scenes.measure_corruptions(MODEL, [dataset_face(half_bright(SAD), 0)], 2))
    assert result["clean"] == 0
    assert result["kept"]["jpeg"] == [None] * len(STRENGTHS)
