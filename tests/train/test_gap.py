import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_core import EmotionRecognizer, load_image
from fer_core.alignment import face_transform
from fer_core.calibration import Calibration
from fer_core.emotions import CONTEMPT, FER2013_LABELS, HAPPY, SAD
from fer_core.geometry import cut_square, similarity
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec, to_grey
from tests.conftest import EXAMPLES
from train import gap
from train.data.dataset import Dataset
from train.data.photographs import Photograph
from train.data.synthetic import write_synthetic_dataset
from train.evaluation.metrics import mean_recall
from train.robustness import on_photographs, on_scenes
from train.robustness.corruptions import CORRUPTIONS, STRENGTHS
from train.robustness.on_photographs import PORTRAIT_CHANGES, rotate
from train.robustness.on_scenes import match
from train.robustness.pipelines import BOX, HAAR, OUR_BOX, OURS, WHOLE, FaceCrop
from train.robustness.report import SECTIONS, write_report
from train.robustness.scenes import KnownFace, PlacedFace, Scene, dataset_face
from train.robustness.suite import PARTS, measure

QUICK = tuple(part for part in PARTS if part != "empty")
PORTRAITS = ("angry_f_african_02", "happy_f_asian_01", "neutral_m_european_01")
ROLLED = EXAMPLES / "happy_f_african_roll30_01.jpg"
SIDES = {"happy": HAPPY, "sad": SAD}  # bright on the left, bright on the right


# Small stand-ins


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (14, 35, 21))
    return folder


@pytest.fixture
def blank(tmp_path: Path) -> Photograph:
    """A picture in which nobody is."""
    path = tmp_path / "happy_nobody_01.jpg"
    Image.new("RGB", (160, 120), (128, 128, 128)).save(path)
    return Photograph(path, "happy", "nobody")


def half_bright(label: int) -> np.ndarray:
    face = np.full((48, 48), 60, np.uint8)
    face[:, :24] = 200
    return face if label == HAPPY else np.ascontiguousarray(face[:, ::-1])


def model_that_sees_sides() -> EmotionModel:
    """Happy where the left half is brighter, sad where the right one is."""

    def forward(inputs: np.ndarray) -> dict[str, np.ndarray]:
        left_is_brighter = inputs[:, :, :24].sum(axis=(1, 2, 3)) > 0
        answers = np.where(left_is_brighter, HAPPY, SAD)
        return {head: 9 * np.eye(n)[answers] for head, n in (("ferplus", 8), ("fer2013", 7))}

    spec = PreprocessingSpec()
    plain = Calibration.temperature(1.0)
    return EmotionModel(forward, ModelInfo("sides", "0", "none", "", spec, False, plain, 0.5))


def looker() -> Any:
    """As much of a recognizer as the parts need that are handed their pipelines."""
    return SimpleNamespace(model=model_that_sees_sides())


def known_faces() -> list[KnownFace]:
    return [dataset_face(half_bright(label), label) for label in (HAPPY, SAD) * 4]


def dataset(labels: list[int], votes: list[int | None] | None = None) -> Dataset:
    """Half-bright faces; votes name a majority, None stands for annotators that disagree."""
    table = np.zeros((len(labels), 8), np.int64)
    for row, winner in enumerate(votes or []):
        table[row] = 2 if winner is None else 8 * np.eye(8)[winner]
    faces = np.stack([half_bright(label) for label in labels])
    return Dataset(faces, np.array(labels), table, np.zeros((len(labels), 2), np.int64))


@pytest.fixture
def last_scene(monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """The scene that the measure made last, smaller and so sooner made than usual."""
    made: list[Scene] = []
    real = on_scenes.make_scene

    def remember(*arguments: Any, **options: Any) -> Scene:
        made[:] = [real(*arguments, **({"sizes": ((640, 480),)} | options))]
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


NOWHERE = FaceCrop((-200, -200, -100, -100), half_bright(HAPPY))


def strict(result: object) -> Any:
    """Through JSON as other languages read it: without NaN."""
    return json.loads(json.dumps(result, allow_nan=False))


# Which cut shows which face


FACE = PlacedFace(source=0, center=(100.0, 80.0), height=50.0, roll=0.0, label=HAPPY)


def cut_at(x: float, y: float, height: float) -> FaceCrop:
    box = (x - height / 2, y - height / 2, x + height / 2, y + height / 2)
    return FaceCrop(box, np.zeros((48, 48), np.uint8))


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (cut_at(100, 80, 50), ([0], 0)),
        (cut_at(100 + 0.34 * 50, 80, 50), ([0], 0)),
        (cut_at(100, 80 - 0.36 * 50, 50), ([-1], 1)),
        (cut_at(100 + 0.3 * 50, 80 + 0.3 * 50, 50), ([-1], 1)),
        (cut_at(100, 80, 0.42 * 50), ([0], 0)),
        (cut_at(100, 80, 0.38 * 50), ([-1], 1)),
        (cut_at(100, 80, 1.98 * 50), ([0], 0)),
        (cut_at(100, 80, 2.02 * 50), ([-1], 1)),
    ],
)
def test_a_cut_shows_a_face_when_center_and_height_are_near(
    cut: FaceCrop, expected: tuple[list[int], int]
) -> None:
    assert match([cut], [FACE]) == expected


def test_of_two_cuts_of_a_face_the_nearer_counts_and_the_other_is_too_many() -> None:
    assert match([cut_at(108, 80, 50), cut_at(101, 80, 50)], [FACE]) == ([1], 1)


def test_one_cut_does_not_show_two_faces() -> None:
    beside = PlacedFace(1, (110.0, 80.0), 50.0, 0.0, SAD)
    assert match([cut_at(105, 80, 50)], [FACE, beside]) == ([0, -1], 0)


def test_without_cuts_every_face_is_missed_and_none_invented() -> None:
    assert match([], [FACE, FACE]) == ([-1, -1], 0)


def test_without_faces_every_cut_is_invented() -> None:
    assert match([NOWHERE, NOWHERE], []) == ([], 2)


# Figures


def figures(
    found: list[bool], right: list[bool], ceiling: list[bool], chosen: list[bool]
) -> dict[str, Any]:
    rows = on_scenes._Outcome()
    rows.found, rows.right, rows.invented = np.array(found), np.array(right), 2
    return on_scenes._metrics(rows, np.array(ceiling), np.array(chosen))


def test_a_miss_is_wrong_or_left_out_and_the_loss_is_that_of_the_faces_found() -> None:
    found = [True, True, True, True, False]
    right = [True, False, False, True, False]
    ceiling = [True, True, True, False, True]
    lost = np.array([0, 1, 1, -1])
    assert figures(found, right, ceiling, [True] * 5) == {
        "n": 5,
        "found": 0.8,
        "invented": 2,
        "accuracy_misses_wrong": 0.4,
        "accuracy": 0.5,
        "below_ceiling": 0.25,
        "margin": pytest.approx(1.96 * lost.std() / 2),
    }


def test_only_the_chosen_faces_count() -> None:
    found, right = [True, True, False], [True, False, False]
    chosen = figures(found, right, [True, True, True], [False, True, True])
    assert (chosen["n"], chosen["found"], chosen["accuracy"]) == (2, 0.5, 0.0)
    assert chosen["below_ceiling"] == 1.0
    assert chosen["invented"] is None  # not known of which faces


@pytest.mark.parametrize(
    ("chosen", "wrong"), [([False, False], None), ([True, True], 0.0)], ids=["no face", "no find"]
)
def test_what_cannot_be_said_is_null(chosen: list[bool], wrong: float | None) -> None:
    values = strict(figures([False, False], [False, False], [True, True], chosen))
    assert values["accuracy_misses_wrong"] == wrong
    assert values["accuracy"] is values["below_ceiling"] is values["margin"] is None


def test_recall_is_that_of_each_label_and_its_mean_weighs_them_alike() -> None:
    labels = ["happy", "happy", "happy", "happy", "sad", "fear", "fear"]
    answers = ["happy", "happy", "sad", None, "sad", "happy", None]
    assert mean_recall(labels, answers) == {
        "mean_recall": 0.5,
        "recall": {"happy": 0.5, "sad": 1.0, "fear": 0.0},
    }


def test_the_ceiling_judges_by_the_majority_and_leaves_out_what_has_none() -> None:
    faces, rows = on_scenes.ceiling_faces(dataset([HAPPY, SAD, SAD], [SAD, CONTEMPT, None]))
    assert rows.tolist() == [0]
    assert faces[0].label == SAD


def test_without_votes_the_ceiling_judges_by_the_labels() -> None:
    faces, rows = on_scenes.ceiling_faces(dataset([HAPPY, SAD]))
    assert rows.tolist() == [0, 1]
    assert [face.label for face in faces] == [HAPPY, SAD]


def test_no_crops_have_no_answers() -> None:
    assert on_scenes.probabilities(model_that_sees_sides(), []).shape == (0, 7)


# Turning


def test_a_positive_turn_is_clockwise() -> None:
    picture = np.zeros((101, 141), np.uint8)
    picture[46:55, 116:125] = 255  # 50 pixels right of the middle
    turned = rotate(picture, 30).astype(float)
    y, x = (np.indices(turned.shape) * turned).sum(axis=(1, 2)) / turned.sum()
    right, down = x - (turned.shape[1] - 1) / 2, y - (turned.shape[0] - 1) / 2
    assert (right, down) == pytest.approx((50 * np.sqrt(3) / 2, 25), abs=0.2)


@pytest.mark.parametrize("degrees", [-45, -30, 15, 45, 100, 200])
def test_a_turned_picture_is_whole(degrees: int) -> None:
    picture = np.zeros((90, 140), np.uint8)
    for row, column in np.ndindex(2, 2):  # a dot near each corner
        y, x = (4, 83)[row], (4, 133)[column]
        picture[y : y + 3, x : x + 3] = 255
    count, _ = cv2.connectedComponents((rotate(picture, degrees) > 100).astype(np.uint8))
    assert count - 1 == 4


@pytest.mark.parametrize("quarters", [-2, -1, 0, 1, 2, 3, 4])
def test_quarter_turns_are_exact(quarters: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 50, 3)).astype(np.uint8)
    assert np.array_equal(rotate(picture, 90 * quarters), np.rot90(picture, -quarters))


def test_a_turn_just_off_a_quarter_is_near_the_quarter() -> None:
    waves = np.sin(np.mgrid[:80, :120].sum(axis=0) / 9)
    picture = np.rint(128 + 100 * waves).astype(np.uint8)
    exact, near = (rotate(picture, angle).astype(float) for angle in (90, 89.99))
    assert exact.shape == near.shape
    assert np.abs(exact - near).mean() < 1


def test_turning_back_brings_the_picture_back() -> None:
    waves = np.sin(np.mgrid[:81, :121].sum(axis=0) / 9)
    picture = np.rint(128 + 100 * waves).astype(np.uint8)
    back = rotate(rotate(picture, 25), -25)
    top, left = (back.shape[0] - 81) // 2, (back.shape[1] - 121) // 2
    middle = back[top : top + 81, left : left + 121].astype(float)
    assert np.abs(middle - picture)[10:-10, 10:-10].mean() < 6


def labels_csv(folder: Path, *lines: str) -> Path:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "a.jpg").touch()
    return folder


# The parts, each with ways and models that are known


def test_the_wall_is_measured_against_the_truth_of_the_scenes(last_scene: list[Scene]) -> None:
    calls = iter(range(10))
    pipelines: dict[str, Callable[[np.ndarray], list[FaceCrop]]] = {
        WHOLE: lambda _: [NOWHERE],  # the whole picture is happy, and found always
        HAAR: lambda _: [mirrored(cut) for cut in true_cuts(last_scene[0])],
        BOX: lambda _: true_cuts(last_scene[0]) if next(calls) % 5 else [],
        OURS: lambda _: [NOWHERE, *true_cuts(last_scene[0])],
    }
    result = strict(on_scenes.measure_scenes(looker(), pipelines, known_faces(), 10))
    assert (result["n"], result["ceiling"], result["ceiling_upright_96"]) == (10, 1.0, 1.0)
    whole, haar, box, ours = (result["pipelines"][name]["all"] for name in pipelines)
    assert (whole["found"], whole["invented"]) == (1.0, 0)
    assert 0 < whole["accuracy"] < 1
    assert (haar["found"], haar["accuracy"], haar["below_ceiling"]) == (1.0, 0.0, 1.0)
    assert (box["found"], box["accuracy_misses_wrong"], box["accuracy"]) == (0.8, 0.8, 1.0)
    assert (ours["found"], ours["invented"], ours["accuracy"]) == (1.0, 10, 1.0)
    assert result["pipelines"][OURS]["common"]["n"] == 8
    for values in result["pipelines"].values():
        assert sum(band["n"] for band in values["by_height"]) == 10
        assert sum(band["n"] for band in values["by_roll"]) == 10
        assert values["upright_96"]["n"] < 10


def test_ways_that_find_nothing_are_measured_and_reported_too(
    last_scene: list[Scene], tmp_path: Path
) -> None:
    pipelines = {WHOLE: lambda _: [NOWHERE], **dict.fromkeys((HAAR, BOX, OURS), lambda _: [])}
    scenes = on_scenes.measure_scenes(looker(), pipelines, known_faces(), 3)
    strengths = on_scenes.measure_strengths(looker(), pipelines, known_faces(), 2)
    result = strict({"origin": ORIGIN, "split": "x", "scenes": scenes, "strengths": strengths})
    assert result["scenes"]["pipelines"][OURS]["all"]["accuracy"] is None
    assert result["scenes"]["pipelines"][OURS]["common"]["n"] == 0
    assert result["strengths"]["accuracy_misses_wrong"][OURS] == [0.0] * 5
    write_report(result, tmp_path)
    assert "nan" not in (tmp_path / "gap.md").read_text()


def test_each_strength_shows_the_same_faces_at_the_same_places(last_scene: list[Scene]) -> None:
    seen: list[tuple[PlacedFace, ...]] = []

    def ours(_: np.ndarray) -> list[FaceCrop]:
        seen.append(last_scene[0].faces)
        return true_cuts(last_scene[0])

    result = strict(on_scenes.measure_strengths(looker(), {OURS: ours}, known_faces(), 2))
    assert seen == seen[:2] * len(result["strengths"])
    assert (result["strengths"][0], result["strengths"][-1], result["n"]) == (0.0, 2.0, 2)
    assert result["accuracy_misses_wrong"] == {OURS: [1.0] * 5}


def test_of_several_faces_the_missed_and_the_invented_are_counted(
    last_scene: list[Scene],
) -> None:
    def ours(_: np.ndarray) -> list[FaceCrop]:
        first, *_others = true_cuts(last_scene[0])
        return [first, first, NOWHERE]

    result = strict(on_scenes.measure_several(ours, known_faces(), 4, heights=(50.0, 70.0)))
    assert result["pictures"] == 4
    assert 8 <= result["faces"] <= 20
    assert result["found"] == pytest.approx(4 / result["faces"])
    assert result["invented_or_twice"] == 8
    assert sum(band["n"] for band in result["by_height"]) == result["faces"]
    assert [(band["from"], band["to"]) for band in result["by_height"]] == [(48, 64), (64, 96)]
    found = sum(band["n"] * band["found"] for band in result["by_height"])
    assert found == pytest.approx(4)


def test_an_empty_picture_counts_for_the_ways_that_find_something() -> None:
    pipelines = {WHOLE: lambda _: [NOWHERE], HAAR: lambda _: [NOWHERE, NOWHERE], OURS: lambda _: []}
    assert on_scenes.measure_empty(pipelines, 2) == {
        "pictures": 2,
        "with_a_face": {HAAR: 2, OURS: 0},
    }


def test_of_a_photograph_the_largest_cut_is_read(tmp_path: Path) -> None:
    small, large = (
        FaceCrop((0, 0, s, s), half_bright(label)) for s, label in ((9, SAD), (30, HAPPY))
    )
    pipelines = {"first": lambda _: [small, large], "none": lambda _: []}
    photographs = [Photograph(EXAMPLES / f"{PORTRAITS[1]}.jpg", name) for name in SIDES]
    result = strict(on_photographs.measure_photographs(looker(), pipelines, photographs))
    assert result == {
        "n": 2,
        "pipelines": {
            "first": {"found": 1.0, "mean_recall": 0.5, "recall": {"happy": 1.0, "sad": 0.0}},
            "none": {"found": 0.0, "mean_recall": 0.0, "recall": {"happy": 0.0, "sad": 0.0}},
        },
    }


def test_a_corrupted_face_is_judged_against_the_clean_one() -> None:
    """Of six, two have the wrong label; no fault of the ten hides which side is bright."""
    wrong = dataset([HAPPY, SAD] * 3, [SAD, HAPPY, HAPPY, SAD, HAPPY, SAD])
    result = strict(on_scenes.measure_corruptions(model_that_sees_sides(), wrong, 100))
    assert (result["n"], result["clean"]) == (6, pytest.approx(2 / 3))
    assert result["kept"] == {name: [1.0] * len(STRENGTHS) for name in CORRUPTIONS}


def test_a_photograph_is_set_in_by_the_square_and_the_roll_of_our_crop(
    recognizer: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_in: list[KnownFace] = []
    real = on_photographs.make_scene

    def remember(faces: list[KnownFace], *rest: Any, **options: Any) -> Scene:
        set_in.extend(faces)
        return real(faces, *rest, **options)

    monkeypatch.setattr(on_photographs, "make_scene", remember)
    result = strict(
        on_photographs.measure_photographs_in_scenes(recognizer, [Photograph(ROLLED, "happy")])
    )
    (face,) = recognizer.recognize(ROLLED).faces
    spec = recognizer.model.info.preprocessing
    known = set_in[0]
    assert abs(known.roll) > 20
    square = similarity(np.array(known.center), known.side, np.deg2rad(known.roll), spec.crop_size)
    assert np.allclose(square, face_transform(face.detection, spec))
    assert result["alone"]["mean_recall"] == result["set in"]["found"] == 1.0


def test_portraits_are_told_apart_by_expression_and_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ann is read rightly and surely, Bob is taken for angry, half the time he is not found."""
    surest = {"happy_ann_1": 0.9, "happy_bob_1": 0.3, "neutral_ann_1": 0.8, "neutral_bob_1": 0.2}

    def read(_: object, name: str) -> SimpleNamespace | None:
        label, person, _number = name.split("_")
        if name == "happy_bob_1":
            return None
        probabilities = dict.fromkeys(FER2013_LABELS, 0.0) | {label: surest[name], "angry": 0.1}
        emotion = {"ann": label, "bob": "angry"}[person]
        return SimpleNamespace(emotion=SimpleNamespace(label=emotion, probabilities=probabilities))

    changes = {"as it is": lambda name, _: name, "as Ann": lambda *_: "happy_ann_1"}
    monkeypatch.setattr(on_photographs, "load_image", lambda path: path.stem)
    monkeypatch.setattr(on_photographs, "recognize_largest", read)
    monkeypatch.setattr(on_photographs, "PORTRAIT_CHANGES", changes)
    portraits = [
        Photograph(Path(f"{name}.jpg"), name.split("_")[0], name.split("_")[1]) for name in surest
    ]
    result = strict(on_photographs.measure_portraits(looker(), portraits))
    assert result["accuracy"] == {"as it is": 0.5, "as Ann": 0.25}
    assert result["by_expression"] == {"happy": 0.5, "neutral": 0.5}
    assert result["by_person"]["ann"] == {"n": 2, "accuracy": 1.0, "probability": approx(0.85)}
    assert result["by_person"]["bob"] == {"n": 2, "accuracy": 0.0, "probability": approx(0.1)}


def approx(value: float) -> Any:
    return pytest.approx(value)


def test_portraits_are_changed_as_their_names_say(recognizer: EmotionRecognizer) -> None:
    picture = load_image(EXAMPLES / f"{PORTRAITS[1]}.jpg")
    before = picture.copy()
    (face,) = recognizer.recognize(picture).faces
    changed = {name: change(picture, face) for name, change in PORTRAIT_CHANGES.items()}
    assert np.array_equal(picture, before)
    assert np.array_equal(changed["as it is"], before)
    assert np.array_equal(changed["upside down"], before[::-1, ::-1])
    assert np.array_equal(changed["rolled 30° left"], rotate(before, -30))
    assert np.array_equal(changed["rolled 30° right"], rotate(before, 30))
    assert max(changed["128 pixels"].shape) == 128
    assert changed["dark (gamma 2)"].mean() < before.mean() - 20
    assert changed["bright (gamma 0.5)"].mean() > before.mean() + 20
    lit = changed["light from the left"]
    assert np.array_equal(lit[:, 0], before[:, 0])
    assert lit[:, -1].mean() == pytest.approx(before[:, -1].mean() / 4, rel=0.02)
    right_eye, left_eye, nose, mouth = face.detection.keypoints[:4].round().astype(int)
    for name, hidden, shown in (
        ("eyes hidden", (right_eye, left_eye), (nose, mouth)),
        ("mouth hidden", (mouth,), (nose, right_eye, left_eye)),
    ):
        assert all((changed[name][y, x] == 96).all() for x, y in hidden)
        assert all(np.array_equal(changed[name][y, x], before[y, x]) for x, y in shown)


# Where nothing is found, a part still comes out


def test_rolling_without_a_right_answer_is_null(
    recognizer: EmotionRecognizer, blank: Photograph
) -> None:
    assert strict(on_photographs.measure_rolls(recognizer, [blank]))["right_upright"] == 0


def test_setting_in_photographs_without_a_face_is_null(
    recognizer: EmotionRecognizer, blank: Photograph
) -> None:
    result = strict(on_photographs.measure_photographs_in_scenes(recognizer, [blank]))
    assert result["set in"]["found"] == 0


def test_portraits_without_a_face_are_wrong(
    recognizer: EmotionRecognizer, blank: Photograph
) -> None:
    result = strict(on_photographs.measure_portraits(recognizer, [blank]))
    assert set(result["accuracy"].values()) == {0.0}


def test_corruptions_of_faces_that_are_wrong_when_clean_are_null() -> None:
    wrong = dataset([HAPPY, SAD], [SAD, HAPPY])
    assert strict(on_scenes.measure_corruptions(model_that_sees_sides(), wrong, 2))["clean"] == 0


def test_fewer_known_faces_than_a_scene_may_hold_are_enough() -> None:
    result = on_scenes.measure_several(lambda _: [], known_faces()[:3], 4, sizes=((640, 480),))
    assert result["found"] == 0


# The command


ORIGIN = {"model": "m", "version": "1"}


@pytest.fixture(scope="module")
def folders(
    smoke_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EmotionRecognizer, Path, Path]:
    """The smoke run's recognizer, portraits, and photographs named by what it reads in them."""
    recognizer = EmotionRecognizer.load(smoke_run)
    portraits, press = (tmp_path_factory.mktemp(name) for name in ("portraits", "press"))
    lines = ["file,label"]
    for name in PORTRAITS:
        shutil.copy(EXAMPLES / f"{name}.jpg", portraits)
    for name in PORTRAITS[:2]:
        shutil.copy(EXAMPLES / f"{name}.jpg", press)
        (face,) = recognizer.recognize(press / f"{name}.jpg").faces
        lines.append(f"{name}.jpg,{face.emotion.label}")
    (press / "labels.csv").write_text("\n".join(lines) + "\n")
    return recognizer, portraits, press


@pytest.fixture(scope="module")
def report(
    smoke_run: Path,
    data: Path,
    folders: tuple[EmotionRecognizer, Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What the command leaves, with all parts but two that take long."""
    _, portraits, press = folders
    out = tmp_path_factory.mktemp("gap") / "new"
    command = ["--model", smoke_run, "--data", data, "--portraits", portraits, "--press", press]
    command += ["--out", out, "--scenes", 6, "--only", ",".join(QUICK)]
    gap.main([str(word) for word in command])
    return out


def read(folder: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (folder / "gap.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return values


def test_gap_json_holds_the_parts_that_were_asked_for(report: Path, smoke_run: Path) -> None:
    result = read(report)
    assert set(result) == {"origin", "split", *QUICK}
    model = json.loads((smoke_run / "model.json").read_text())
    assert result["origin"]["model"] == model["name"]
    assert result["origin"]["version"] == model["version"]
    assert set(result["origin"]) == {"model", "version", "commit", "date"}
    assert result["split"] == "PublicTest"


def test_every_way_is_measured_on_every_scene(report: Path) -> None:
    scenes = read(report)["scenes"]
    assert scenes["n"] == 6
    assert list(scenes["pipelines"]) == [WHOLE, HAAR, BOX, OUR_BOX, OURS]
    for values in scenes["pipelines"].values():
        assert values["all"]["n"] == 6
        assert set(values) == {"all", "upright_96", "common", "by_height", "by_roll"}


def test_parts_take_their_share_of_the_scenes(report: Path) -> None:
    result = read(report)
    assert result["strengths"]["n"] == 1
    assert result["several"]["pictures"] == result["small"]["pictures"] == 1
    assert {band["from"] for band in result["small"]["by_height"]} == {48}
    assert result["corruptions"]["n"] == 35


def test_photographs_right_upright_are_rolled(report: Path) -> None:
    result = read(report)
    assert result["photographs"]["pipelines"][OURS]["mean_recall"] == 1.0
    assert result["rolls"]["right_upright"] == 2
    assert set(result["rolls"]["changed"]) == {
        *("-45", "-30", "-15", "15", "30", "45"),
        *("90", "180", "270"),
    }
    assert result["settings"]["alone"]["mean_recall"] == 1.0
    assert set(result["portraits"]["by_person"]) == {"f_african", "f_asian", "m_european"}


def test_the_report_is_written_with_its_figures(report: Path) -> None:
    text = (report / "gap.md").read_text(encoding="utf-8")
    assert sum(line.startswith("## ") for line in text.splitlines()) == len(QUICK)
    assert "nan" not in text
    assert "None" not in text
    drawn = {path.name for path in report.glob("*.png")}
    assert drawn == {"accuracy.png"}
    for name in drawn:
        assert f"({name})" in text
        with Image.open(report / name) as figure:
            assert min(figure.size) > 300
            assert len(figure.convert("RGB").getcolors(1 << 24) or ()) > 20


def test_a_part_has_a_section_each() -> None:
    assert set(SECTIONS) == set(PARTS)


def test_a_report_without_scenes_has_no_figures(tmp_path: Path) -> None:
    result = {"origin": ORIGIN, "split": "PublicTest", **canned("empty", 2)}
    assert write_report(result, tmp_path) == [tmp_path / "gap.md"]
    text = (tmp_path / "gap.md").read_text()
    assert "| ours | 2 |" in text
    assert ".png" not in text


def canned(part: str, found: int) -> dict[str, Any]:
    return {part: {"pictures": 3, "with_a_face": {"ours": found}}}


def run_canned(
    monkeypatch: pytest.MonkeyPatch, out: Path, found: int, *words: str, **others: Any
) -> dict[str, Any]:
    result = {"origin": dict(ORIGIN), "split": "PublicTest", **canned("empty", found), **others}
    monkeypatch.setattr(gap, "measure", lambda options, data: result)
    gap.main(["--data", "unread", "--out", str(out), *words])
    return read(out)


def test_merging_keeps_earlier_parts_and_renews_those_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rolls = {"right_upright": 0, "changed_up_to_45": 0.0, "changed": {}, "missed": {}}
    run_canned(monkeypatch, tmp_path, 1, rolls=rolls)
    merged = run_canned(monkeypatch, tmp_path, 2, "--merge")
    assert merged["rolls"] == rolls
    assert merged["empty"]["with_a_face"] == {"ours": 2}
    assert "## Rotated photographs" in (tmp_path / "gap.md").read_text()


def test_without_merging_a_report_begins_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rolls = {"right_upright": 0, "changed_up_to_45": 0.0, "changed": {}, "missed": {}}
    run_canned(monkeypatch, tmp_path, 1, rolls=rolls)
    assert "rolls" not in run_canned(monkeypatch, tmp_path, 2)


def test_merging_into_nothing_is_a_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "empty" in run_canned(monkeypatch, tmp_path / "new", 1, "--merge")


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], ("PublicTest", 35, 35)), (["--private"], ("PrivateTest", 21, 21))],
    ids=["public", "private"],
)
def test_faces_come_from_public_test_unless_the_private_one_is_asked_for(
    words: list[str],
    expected: tuple[str, int, int],
    data: Path,
    smoke_run: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(on_scenes, "measure_several", lambda _, faces, *__: {"n": len(faces)})
    monkeypatch.setattr(on_scenes, "measure_corruptions", lambda _, rows, __: {"n": len(rows)})
    arguments = ["--data", str(data), "--model", str(smoke_run), "--out", "unwritten"]
    arguments += ["--only", "several, corruptions", *words]
    result = measure(*gap._parse(arguments))
    assert (result["split"], result["several"]["n"], result["corruptions"]["n"]) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "empty,sceens"], "unknown part 'sceens'; known are scenes, "),
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
    data: Path, smoke_run: Path, tmp_path: Path
) -> None:
    press = labels_csv(tmp_path, "file,label", "a.jpg,sad")  # an empty file
    words = ["--data", data, "--model", smoke_run, "--press", press, "--out", tmp_path]
    with pytest.raises(SystemExit, match="error: "):
        gap.main([*map(str, words), "--only", "photographs"])
