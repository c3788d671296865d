"""Photographs and videos in folders named after emotions, made a dataset."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_core import EmotionRecognizer
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.images import load_image
from fer_core.preprocessing import PreprocessingSpec
from fer_core.results import BoundingBox, FaceDetection
from tests.conftest import EXAMPLES, PORTRAITS
from tests.train.data.test_label_faults import CHANGES, different_faces
from train.data.class_folders import find_images, name_hash
from train.data.dataset import SPLITS
from train.data.fer2013 import load_splits
from train.errors import DataError
from train.ingest import main
from train.ingestion.collect import ingest
from train.ingestion.faces import (
    BLURRED,
    NO_FACE,
    SMALL,
    UNREADABLE,
    Face,
    Options,
    Source,
    find_sources,
    read_images,
)
from train.ingestion.splits import CONFLICT, EQUAL, NEAR, draw_groups, find_copies, hold_out

PATCHES = different_faces(60, seed=5)
GROUP, LAKE = EXAMPLES / "group_happy-surprise-angry_01.jpg", EXAMPLES / "lake_01.jpg"


class Seer:
    """A detector that takes every bright spot on black for a face, cut as a dataset's are."""

    def detect(self, image: np.ndarray) -> list[FaceDetection]:
        bright = (image.max(axis=2) > 50).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        places = np.array(PreprocessingSpec().keypoints)
        return [
            FaceDetection(BoundingBox(x, y, x + w, y + h), places * (w, h) + (x, y), 0.9)
            for x, y, w, h, _ in sorted(stats[1:].tolist(), key=lambda row: -row[2] * row[3])
        ]


def spot(index: int, side: int = 48) -> np.ndarray:
    """A face that `Seer` sees, each index another."""
    light = (100 + 0.6 * PATCHES[index]).astype(np.uint8)
    return cv2.resize(light, (side, side), interpolation=cv2.INTER_LINEAR)


def scene(*spots: np.ndarray) -> np.ndarray:
    """Faces side by side on black, (H, W, 3)."""
    height = max((face.shape[0] for face in spots), default=40) + 20
    columns = [np.zeros((height, 20), np.uint8)]
    for face in spots:
        column = np.zeros((height, face.shape[1] + 20), np.uint8)
        column[10 : 10 + face.shape[0], : face.shape[1]] = face
        columns.append(column)
    return np.repeat(np.concatenate(columns, axis=1)[..., np.newaxis], 3, axis=2)


def put(root: Path, name: str, *spots: np.ndarray) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(*spots)).save(path)
    return path


def film(path: Path, frames: list[np.ndarray], rate: float, code: str = "MJPG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def run(root: Path, out: Path, **options: Any) -> dict[str, Any]:
    return ingest(root, out, Options(**options), Seer(), "a command")


def sources_of(numbers: Mapping[str, Any], reason: str) -> list[str]:
    return [item["source"] for item in numbers["left_out"][reason]]


def kept(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Folder of the split, by source; the frames of a video count as one."""
    return {face["source"]: face["file"].split("/")[0] for face in numbers["faces"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def several(root: Path, count: int = 6, emotions: tuple[str, ...] = ("happy", "sad")) -> Path:
    for number, emotion in enumerate(emotions):
        for index in range(count):
            put(root, f"{emotion}/{emotion}{index}.png", spot(number * count + index))
    return root


# The whole way, with the app's own detector


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portraits by emotion, a group of three, a lake, and a video of three seconds."""
    root = tmp_path_factory.mktemp("photos")
    for portrait in PORTRAITS:
        emotion = portrait.name.split("_")[0]
        (root / emotion).mkdir(exist_ok=True)
        if emotion != "sad":
            shutil.copy(portrait, root / emotion)
    for picture in (GROUP, LAKE):
        shutil.copy(picture, root / "happy")
    sad = cv2.resize(load_image(next(EXAMPLES.glob("sad*"))), (320, 320))
    lake = cv2.resize(load_image(LAKE), (320, 320))
    seconds = [sad, np.roll(sad, 9, axis=1), lake]
    film(root / "sad/film.mp4", [picture for picture in seconds for _ in range(5)], 5, "mp4v")
    return root


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of them."""
    out = tmp_path_factory.mktemp("made") / "out"
    main([str(photos), "--out", str(out)])
    return out


def numbers_of(out: Path) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads((out / "report.json").read_text())
    return numbers


def test_training_reads_what_came_out(made: Path) -> None:
    splits = load_splits(made)
    pictures = find_images(made)
    assert all(len(splits[split]) for split in SPLITS)
    assert len(pictures) == len(numbers_of(made)["faces"]) == len(PORTRAITS) + 1
    of_training = Counter(FER2013_LABELS[label] for label in splits["Training"].labels)
    assert set(of_training) == set(FER2013_LABELS)


def test_a_face_is_what_the_app_sees(made: Path, recognizer: EmotionRecognizer) -> None:
    by_source = {face["source"]: face for face in numbers_of(made)["faces"]}
    for name in ("happy/happy_f_african_roll30_01.jpg", f"happy/{GROUP.name}"):
        seen = recognizer.recognize(EXAMPLES / Path(name).name).faces[0]
        with Image.open(made / by_source[name]["file"]) as picture:
            assert (picture.format, picture.mode) == ("PNG", "L")
            assert np.array_equal(np.asarray(picture), seen.aligned)
        assert by_source[name]["box"] == seen.detection.box.to_dict()


def test_frames_of_a_video_are_looked_at_once_a_second(made: Path) -> None:
    numbers = numbers_of(made)
    assert numbers["looked_at"]["frames"] == 3
    assert [face["seconds"] for face in numbers["faces"] if "film" in face["source"]] == [0.0]
    assert sources_of(numbers, NEAR) == ["sad/film.mp4 at 1.0 s"]
    assert sources_of(numbers, NO_FACE) == [f"happy/{LAKE.name}", "sad/film.mp4 at 2.0 s"]


def test_the_report_counts_and_names(made: Path) -> None:
    report = (made / "report.md").read_text()
    counts = numbers_of(made)["kept"]
    row = " | ".join(str(counts[folder]["happy"]) for folder in ("train", "validation", "test"))
    assert f"| happy | {row} |" in report
    assert sum(counts[folder]["happy"] for folder in counts) == 3
    assert f"| {NO_FACE} | 2 |" in report
    assert "- `sad/film.mp4 at 1.0 s` (as sad/film.mp4 at 0.0 s)" in report
    assert "2 of them are not the largest of their image" in report
    with Image.open(made / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert min(sheet.size) > 1000  # seven emotions, two reasons


def test_every_face_of_a_picture_is_taken_on_demand(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    (tmp_path / "photos/happy").mkdir(parents=True)
    shutil.copy(GROUP, tmp_path / "photos/happy")
    main([str(tmp_path / "photos"), "--out", str(tmp_path / "out"), "--all-faces"])
    faces = numbers_of(tmp_path / "out")["faces"]
    seen = recognizer.recognize(GROUP).faces
    assert [face["box"] for face in faces] == [face.detection.box.to_dict() for face in seen]
    assert len({face["file"].split("/")[0] for face in faces}) == 1


# Which files are looked at


def test_files_are_found_by_emotion_split_and_person(tmp_path: Path) -> None:
    names = {
        "Happiness/B.HEIC": ("happy", "Training", "b"),
        "sad/Anna/2/x.jpg": ("sad", "Training", "anna/"),
        "VAL/anger/clip.MOV": ("angry", "PublicTest", "clip"),
        "test/surprised/anna/y.tif": ("surprise", "PrivateTest", "anna/"),
    }
    others = ("notes.jpg", "test/loose.png", "sad/Thumbs.db")
    for name in (*names, *others, "sad/.hidden.jpg", ".cache/x.png", "sad/.trash/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    sources, passed_over = find_sources(tmp_path)
    assert {
        source.name: (FER2013_LABELS[source.label], source.split, source.group)
        for source in sources
    } == names
    assert [source.name for source in sources if source.is_video] == ["VAL/anger/clip.MOV"]
    assert passed_over == sorted(others)


@pytest.mark.parametrize("name", ["joy", "train/joy"])
def test_an_unknown_folder_is_named_with_those_that_are_known(tmp_path: Path, name: str) -> None:
    put(several(tmp_path), f"{name}/x.png", spot(0))
    with pytest.raises(DataError, match=rf"{name} is not named .* anger, .*, neutral.*\.$"):
        find_sources(tmp_path)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    with pytest.raises(DataError, match="holds no image or video"):
        find_sources(tmp_path)
    with pytest.raises(DataError, match="nowhere is not a folder"):
        find_sources(tmp_path / "nowhere")


def test_a_name_that_is_no_text_comes_through(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos")
    try:
        (photos / "sad/sad0.png").rename(photos / "sad" / "m\udcfcde.png")
    except OSError:
        pytest.skip("this file system takes text only")
    numbers = run(photos, tmp_path / "out")
    assert "sad/m\ufffdde.png" in kept(numbers)


# What is left out of the faces


def test_each_face_that_is_not_good_enough_has_its_reason(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos")
    put(photos, "sad/small.png", spot(50, 31))
    put(photos, "sad/just.png", spot(51, 32))
    put(photos, "sad/flat.png", np.full((60, 60), 180, np.uint8))
    put(photos, "sad/empty.png")
    (photos / "sad/damaged.png").write_bytes((photos / "sad/small.png").read_bytes()[:90])
    (photos / "sad/damaged.mp4").write_bytes(b"no video")
    numbers = run(photos, tmp_path / "out")
    assert sources_of(numbers, SMALL) == ["sad/small.png"]
    assert sources_of(numbers, BLURRED) == ["sad/flat.png"]
    assert sources_of(numbers, NO_FACE) == ["sad/empty.png"]
    assert sources_of(numbers, UNREADABLE) == ["sad/damaged.mp4", "sad/damaged.png"]
    assert "sad/just.png" in kept(numbers)
    assert numbers["left_out"][SMALL][0]["detail"] == "31 pixels high"


def test_the_limits_can_be_set(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos")
    put(photos, "sad/small.png", spot(50, 31))
    faces = run(photos, tmp_path / "usual", min_face=31)["faces"]
    sharpness = {face["source"]: face["sharpness"] for face in faces}
    limit = sorted(sharpness.values())[4]
    numbers = run(photos, tmp_path / "stern", min_face=31, min_sharpness=limit)
    assert "sad/small.png" in sharpness
    assert len(sources_of(numbers, BLURRED)) in (4, 5)  # the report's numbers are rounded
    assert {sharpness[name] <= limit for name in sources_of(numbers, BLURRED)} == {True}


def test_of_a_picture_the_largest_face_is_taken(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos")
    put(photos, "sad/two.png", spot(50, 40), spot(51, 60))
    one, two = run(photos, tmp_path / "one"), run(photos, tmp_path / "two", all_faces=True)
    heights = [
        [
            face["box"]["y_max"] - face["box"]["y_min"]
            for face in numbers["faces"]
            if face["source"] == "sad/two.png"
        ]
        for numbers in (one, two)
    ]
    assert heights == [[60], [60, 40]]
    assert one["looked_at"]["faces_not_asked_for"] == 1
    assert two["looked_at"]["faces_not_asked_for"] == 0


# Copies


def reasons(crops: Sequence[np.ndarray], labels: list[int]) -> dict[int, str]:
    left_out, _ = find_copies(crops, labels)
    return {row: reason for row, (reason, _) in left_out.items()}


def test_of_copies_the_first_is_kept() -> None:
    crops = [*PATCHES[:20], PATCHES[3], CHANGES["all at once"](PATCHES[7])]
    left_out, pairs = find_copies(crops, [0] * len(crops))
    assert pairs == [(3, 20), (7, 21)]
    assert left_out == {20: (EQUAL, 3), 21: (NEAR, 7)}


def test_a_photograph_under_two_emotions_is_left_out_whole() -> None:
    crops = [*PATCHES[:20], PATCHES[3], PATCHES[3], CHANGES["JPEG"](PATCHES[7])]
    labels = [index % 2 for index in range(20)] + [1, 0, 0]
    assert reasons(crops, labels) == dict.fromkeys((3, 7, 20, 21, 22), CONFLICT)


def test_a_group_larger_than_the_search_lists_is_left_out_whole() -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(PATCHES[4] + rng.normal(0, 2, (25, 48, 48)), 0, 255).astype(np.uint8)
    assert reasons([*PATCHES[5:20], *noisy], [0] * 40) == dict.fromkeys(range(16, 40), NEAR)


def test_nothing_at_all_has_no_copies() -> None:
    assert find_copies([], []) == ({}, [])


def test_a_held_out_split_keeps_its_picture_and_training_loses_the_copy(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos")
    for index, folder in enumerate(("test", "validation")):
        put(photos, f"{folder}/sad/again.png", np.ascontiguousarray(spot(7 + index)[:, ::-1]))
    numbers = run(photos, tmp_path / "out")
    for folder in ("test", "validation"):
        assert kept(numbers)[f"{folder}/sad/again.png"] == folder
    assert sources_of(numbers, NEAR) == ["sad/sad1.png", "sad/sad2.png"]


# Splits


def singles(**counts: int) -> dict[str, Counter[int]]:
    return {
        f"{emotion}{index}": Counter({FER2013_LABELS.index(emotion): 1})
        for emotion, count in counts.items()
        for index in range(count)
    }


def drawn_faces(
    groups: Mapping[str, Counter[int]], drawn: Mapping[str, str]
) -> dict[str, Counter[int]]:
    """Faces by label, by split."""
    totals: dict[str, Counter[int]] = {split: Counter() for split in SPLITS}
    for name, counts in groups.items():
        totals[drawn.get(name, "Training")].update(counts)
    return totals


SHARES = {"PublicTest": 0.1, "PrivateTest": 0.2}


def test_of_each_emotion_the_same_share_is_held_out() -> None:
    groups = singles(happy=50, sad=20, fear=10)
    totals = drawn_faces(groups, draw_groups(groups, SHARES))
    fear, happy, sad = (FER2013_LABELS.index(name) for name in ("fear", "happy", "sad"))
    assert totals["PublicTest"] == {happy: 5, sad: 2, fear: 1}
    assert totals["PrivateTest"] == {happy: 10, sad: 4, fear: 2}


def test_the_draw_depends_on_the_names_alone() -> None:
    groups = singles(happy=30)
    drawn = draw_groups(groups, SHARES)
    assert drawn == draw_groups(dict(reversed(groups.items())), SHARES)
    # Written down, so that no change of the code can silently draw others.
    assert sorted(name for name, split in drawn.items() if split == "PublicTest") == [
        "happy15",
        "happy22",
        "happy29",
    ]


def test_few_groups_are_shared_out_so_that_no_split_is_empty() -> None:
    groups = singles(angry=2, disgust=2, fear=1, happy=3)
    totals = drawn_faces(groups, draw_groups(groups, SHARES))
    for label, count in enumerate((2, 2, 1, 3)):
        assert totals["Training"][label] == max(1, count - 2)
    assert all(totals[split] for split in SPLITS)
    assert {totals[split][FER2013_LABELS.index("happy")] for split in SPLITS} == {1}


def test_of_groups_too_large_for_a_share_the_smallest_is_held_out() -> None:
    groups = {f"film{size}": Counter({0: size}) for size in (50, 30, 40, 60)}
    drawn = draw_groups(groups, {"PrivateTest": 0.1})
    assert drawn == {"film30": "PrivateTest"}


def test_a_person_of_many_emotions_exceeds_no_share() -> None:
    groups = singles(happy=40, sad=40)
    anna = min((f"anna{index}/" for index in range(50)), key=name_hash)  # would be drawn early
    groups[anna] = Counter({3: 1, 4: 20})
    totals = drawn_faces(groups, draw_groups(groups, SHARES))
    assert totals["PublicTest"] == {3: 4, 4: 6}
    assert totals["PrivateTest"] == {3: 8, 4: 12}


def made_up(name: str, group: str, split: str = "Training", label: int = 3) -> Face:
    source = Source(Path(name), name, label, split, group)
    return Face(source, None, 1, BoundingBox(0, 0, 9, 9), PATCHES[0], 99.0)


def test_what_a_copy_joins_stays_together() -> None:
    faces = [made_up(f"happy/{index}.png", str(index)) for index in range(40)]
    faces += [made_up("test/happy/0.png", "0", "PrivateTest")]
    chain = [(index, index + 1) for index in range(10)]
    splits = hold_out(faces, {5}, [*chain, (0, 40)], {"PublicTest": 0.5})
    assert 5 not in splits
    assert len({splits[row] for row in range(11) if row != 5}) == 1
    assert splits[40] == "PrivateTest"
    assert Counter(splits.values())["PublicTest"] in range(15, 21)


def test_frames_persons_and_names_stay_in_one_split(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos", 4)
    for index in range(6):
        put(photos, f"{'happy' if index % 2 else 'sad'}/anna/{index}.png", spot(20 + index))
    for emotion, first in (("happy", 30), ("sad", 36)):
        film(photos / emotion / "clip.avi", [scene(spot(first + i)) for i in range(6)], 1)
    numbers = run(photos, tmp_path / "out", validation=0.3, test=0.3)
    seen = {"anna": set(), "clip.avi": set()}
    for face in numbers["faces"]:
        for name, folders in seen.items():
            if name in face["source"]:
                folders.add(face["file"].split("/")[0])
    assert all(len(folders) == 1 for folders in seen.values())
    assert sum("clip" in face["source"] for face in numbers["faces"]) == 12
    assert all(load_splits(tmp_path / "out").values())


def test_only_splits_that_have_no_folder_are_held_out(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos", 10)
    for index in range(3):
        put(photos, f"test/sad/{index}.png", spot(40 + index))
    folders = kept(run(photos, tmp_path / "out"))
    assert {name for name, folder in folders.items() if folder == "test"} == {
        f"test/sad/{index}.png" for index in range(3)
    }
    assert Counter(folders.values()) == {"train": 18, "validation": 2, "test": 3}


def test_a_name_that_looks_like_a_split_of_fer2013_tells_none(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for index in range(10):
        put(photos, f"sad/PrivateTest_{index}.png", spot(index))
    run(photos, tmp_path / "out")
    assert [len(faces) for faces in load_splits(tmp_path / "out").values()] == [8, 1, 1]


def test_what_training_would_suffer_from_is_a_warning(tmp_path: Path) -> None:
    photos = several(tmp_path / "photos")
    put(photos, "happy/anna/1.png", spot(40))
    put(photos, "test/happy/Anna/2.png", spot(41))
    put(photos, "test/happy/sad0.png", spot(42))  # a number is no person
    numbers = run(photos, tmp_path / "out", validation=0.0)
    assert [sentence.split(",")[0].split(";")[0] for sentence in numbers["warnings"]] == [
        "No face is left for validation",
        "The person anna is in test and train",
    ]
    (tmp_path / "one/sad").mkdir(parents=True)
    shutil.copy(photos / "sad/sad0.png", tmp_path / "one/sad")
    numbers = run(tmp_path / "one", tmp_path / "other")
    assert "No face is left for test" in numbers["warnings"][0]
    assert "> **Warning.** No face is left for test" in (tmp_path / "other/report.md").read_text()


# Videos


@pytest.mark.parametrize(
    ("name", "code", "every", "expected"),
    [
        ("a.mp4", "mp4v", 1.0, [0.0, 1.0, 2.0]),
        ("a.avi", "MJPG", 1.0, [0.0, 1.0, 2.0]),
        ("a.MOV", "mp4v", 0.5, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]),
        ("a.mkv", "MJPG", 1.0, [0.0, 1.0, 2.0]),
        ("a.webm", "VP80", 0.5, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]),
    ],
)
def test_every_nth_second_of_a_video_is_looked_at(
    tmp_path: Path, name: str, code: str, every: float, expected: list[float]
) -> None:
    photos = tmp_path / "photos"
    film(photos / "sad" / name, [scene(spot(index)) for index in range(12)], 4, code)
    numbers = run(photos, tmp_path / "out", every=every)
    assert [face["seconds"] for face in numbers["faces"]] == expected
    assert numbers["looked_at"]["frames"] == len(expected)


def test_a_frame_is_the_one_of_its_second_in_right_colours(tmp_path: Path) -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    frames = [np.full((64, 64, 3), colour, np.uint8) for colour in colours for _ in range(4)]
    film(tmp_path / "sad/a.avi", frames, 4)
    sources, _ = find_sources(tmp_path)
    looked = list(read_images(sources[0], 1.0))
    assert [seconds for seconds, _ in looked] == [0.0, 1.0, 2.0]
    for (_, picture), colour in zip(looked, colours, strict=True):
        assert np.abs(picture.mean(axis=(0, 1)) - colour).max() < 12


# The folder


def test_what_is_gone_from_the_photographs_goes_from_the_dataset(tmp_path: Path) -> None:
    photos, out = several(tmp_path / "photos"), tmp_path / "out"
    put(photos, "fear/only.png", spot(50))
    run(photos, out)
    shutil.rmtree(photos / "fear")
    run(photos, out)
    assert not (out / "train/fear").exists()
    assert sum(map(len, load_splits(out).values())) == 12


def test_the_same_command_makes_the_same_anew_even_after_a_killed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = several(tmp_path / "photos"), tmp_path / "out"
    run(photos, tmp_path / "elsewhere")
    expected = contents(tmp_path / "elsewhere")
    run(photos, out)
    assert contents(out) == expected
    real, count = Image.Image.save, 0

    def save(self: Image.Image, path: Path) -> None:
        nonlocal count
        count += 1
        if count > 5:
            raise KeyboardInterrupt
        real(self, path)

    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "save", save)
        with pytest.raises(KeyboardInterrupt):
            run(photos, out)
    assert len(contents(out)) == 6
    run(photos, out)
    assert contents(out) == expected


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    photos, out = several(tmp_path / "photos"), tmp_path / "out"
    put(out, "train/happy/mine.png", spot(0))
    before = contents(out)
    with pytest.raises(DataError, match="out is not empty and was not made by the same command"):
        run(photos, out)
    (out / "report.json").write_text("[]")
    with pytest.raises(DataError, match="was not made by the same command"):
        run(photos, out)
    (out / "report.json").unlink()
    assert contents(out) == before
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file is not a folder"):
        run(photos, tmp_path / "file")


def test_a_dataset_of_another_command_or_with_more_in_it_is_refused(tmp_path: Path) -> None:
    photos, out = several(tmp_path / "photos"), tmp_path / "out"
    run(photos, out)
    (out / ".DS_Store").touch()
    with pytest.raises(DataError, match="was not made by the same command"):
        ingest(photos, out, Options(), Seer(), "another")
    put(out, "train/happy/mine.png", spot(0))
    before = contents(out)
    with pytest.raises(DataError, match=r"also holds train.happy.mine\.png"):
        run(photos, out)
    assert contents(out) == before


def test_a_dataset_among_the_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is inside"):
        run(several(tmp_path), tmp_path / "sad" / "out")


# The command


def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    monkeypatch.setattr(FaceDetector, "load", lambda folder: Seer())
    main(list(arguments))
    return capsys.readouterr().out


def test_the_command_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = several(tmp_path / "photos"), tmp_path / "out"
    put(photos, "sad/small.png", spot(50, 35))
    asked = (str(photos), "--out", str(out), "--min-face", "36", "--test", "0")
    said = command(monkeypatch, capsys, *asked)
    assert "13 faces found in 13 files\n" in said
    assert "train: 10 faces\nvalidation: 2 faces\ntest: 0 faces\n" in said
    assert f"left out, {SMALL}: 1\n" in said
    assert "WARNING: No face is left for test" in said
    assert numbers_of(out)["command"] == (
        f"python -m train.ingest {photos} --out DIR --min-face 36 --test 0.0"
    )
    command(monkeypatch, capsys, *asked)
    with pytest.raises(SystemExit, match=r"error: .* was not made by the same command"):
        command(monkeypatch, capsys, str(photos), "--out", str(out), "--all-faces")


def test_errors_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^error: .*nowhere is not a folder\.$"):
        command(monkeypatch, capsys, str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"))
    photos = several(tmp_path / "photos")
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"^error: .*out cannot be written to"):
        command(monkeypatch, capsys, str(photos), "--out", str(tmp_path / "file" / "out"))


@pytest.mark.parametrize(
    "wrong",
    [("--every", "0"), ("--every", "nan"), ("--test", "-0.1"), ("--test", "0.5", "--valid", "0.5")],
)
def test_numbers_out_of_range_are_refused(
    wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["photos", "--out", "out", *wrong])
    assert caught.value.code == 2
    assert "must be" in capsys.readouterr().err
