"""FER2013 in class folders."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from tests.train.data.test_fer2013 import HEADER
from train.data.class_folders import CLASS_FOLDERS
from train.data.dataset import SPLITS, Dataset
from train.data.fer2013 import load_splits
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError

ALL_SPLITS = {"train": 3, "validation": 2, "test": 2}


def grey_of(name: str) -> int:
    """A level 1..255 that tells a picture by its name."""
    return hashlib.sha256(name.encode()).digest()[0] or 1


def put(root: Path, name: str, pixels: np.ndarray | int | None = None) -> None:
    """A lossless picture; flat, in the name's grey, if nothing else is said."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels is None or isinstance(pixels, int):
        pixels = np.full((48, 48), grey_of(name) if pixels is None else pixels, np.uint8)
    Image.fromarray(pixels).save(path)


def tree(root: Path, counts: Mapping[str, int], classes: tuple[str, ...] = FER2013_LABELS) -> Path:
    for split, count in counts.items():
        for emotion in classes:
            for index in range(count):
                put(root, f"{split}/{emotion}/im{index}.png")
    return root


def greys(faces: Dataset) -> list[int]:
    return [int(face[0, 0]) for face in faces.faces]


def contents(faces: Dataset) -> list[tuple[bytes, int]]:
    """Pictures with labels, whatever their order."""
    return sorted(zip(faces.fingerprints(), faces.labels.tolist(), strict=True))


def said(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_splits(root)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def write_votes(root: Path, rows: Mapping[str, tuple[int, ...]]) -> None:
    lines = [f"Training,{name},{','.join(map(str, votes))}" for name, votes in rows.items()]
    (root / "fer2013new.csv").write_text("\n".join([HEADER, *lines]) + "\n")


# Classes


def test_labels_go_by_name_not_by_alphabet(tmp_path: Path) -> None:
    for index, emotion in enumerate(FER2013_LABELS):
        for split in ALL_SPLITS:
            put(tmp_path, f"{split}/{emotion}/x.png", 10 + index)
    listed = sorted(FER2013_LABELS)
    assert listed.index("neutral") < listed.index("sad")  # where position would err
    for faces in load_splits(tmp_path).values():
        assert {
            grey - 10: label for grey, label in zip(greys(faces), faces.labels, strict=True)
        } == {index: index for index in range(7)}


def test_common_spellings_of_classes(tmp_path: Path) -> None:
    spellings = {
        "anger": "angry",
        "Angry": "angry",
        "disgusted": "disgust",
        "disgust": "disgust",
        "FEAR": "fear",
        "fearful": "fear",
        "Happiness": "happy",
        "happy": "happy",
        "sad": "sad",
        "sadness": "sad",
        "surprise": "surprise",
        "surprised": "surprise",
        "Neutral": "neutral",
    }
    assert {name.lower() for name in spellings} == set(CLASS_FOLDERS)
    tree(tmp_path, ALL_SPLITS, tuple(spellings))
    labels = load_splits(tmp_path)["Training"].labels[:: ALL_SPLITS["train"]]
    assert [FER2013_LABELS[label] for label in labels] == [
        spellings[name] for name in sorted(spellings)
    ]


def test_a_class_may_be_missing_from_a_split(tmp_path: Path) -> None:
    tree(tmp_path, {"train": 2, "test": 1})
    tree(tmp_path, {"validation": 1}, ("sad", "happy"))
    labels = load_splits(tmp_path)["PublicTest"].labels.tolist()
    assert labels == [FER2013_LABELS.index("happy"), FER2013_LABELS.index("sad")]


# Splits


@pytest.mark.parametrize(
    "names",
    [
        ("train", "validation", "test"),
        ("Train", "Val", "TEST"),
        ("TRAIN", "valid", "Test"),
        ("FER2013Train", "FER2013Valid", "FER2013Test"),
        ("Training", "PublicTest", "PrivateTest"),
    ],
)
def test_split_folders_are_known_by_their_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name, level in zip(names, (10, 20, 30), strict=True):
        put(tmp_path, f"{name}/happy/x.png", level)
    put(tmp_path, "pictures/happy/x.png")
    splits = load_splits(tmp_path)
    assert [greys(splits[split]) for split in SPLITS] == [[10], [20], [30]]


def test_kaggle_tree_gives_the_same_splits_as_the_csv(tmp_path: Path) -> None:
    table, folders = tmp_path / "table", tmp_path / "folders"
    table.mkdir()
    write_synthetic_dataset(table, (28, 14, 7))
    (table / "fer2013new.csv").unlink()
    expected = load_splits(table)
    for split, faces in expected.items():
        top = "train" if split == "Training" else "test"
        for index, (face, label) in enumerate(zip(faces.faces, faces.labels, strict=True)):
            put(folders, f"{top}/{FER2013_LABELS[label]}/{split}_{index * 7919}.png", face)
    splits = load_splits(folders)
    for split, wanted in expected.items():
        assert contents(splits[split]) == contents(wanted)
        assert not splits[split].has_votes


def test_the_name_outweighs_the_folder_where_it_carries_the_split(tmp_path: Path) -> None:
    put(tmp_path, "validation/sad/Training_5.png", 10)
    put(tmp_path, "validation/sad/other.png", 20)
    put(tmp_path, "validation/sad/Training_day.png", 21)  # a name, but no number
    put(tmp_path, "test/sad/publictest_7.png", 22)
    put(tmp_path, "train/sad/PrivateTest_88305.png", 30)
    splits = load_splits(tmp_path)
    assert [sorted(greys(splits[split])) for split in SPLITS] == [[10], [20, 21, 22], [30]]


def held_out_names(root: Path, names: list[str]) -> set[str]:
    by_grey = dict(enumerate(names))
    for grey, name in by_grey.items():
        put(root, name, grey)
    put(root, "test/happy/x.png", 255)
    splits = load_splits(root)
    kept, held = set(greys(splits["Training"])), set(greys(splits["PublicTest"]))
    assert kept.isdisjoint(held)
    assert kept | held == set(by_grey)
    assert greys(splits["PrivateTest"]) == [255]
    return {by_grey[grey] for grey in held}


def test_without_validation_a_tenth_of_each_class_is_held_out(tmp_path: Path) -> None:
    names = [f"train/happy/{index}.png" for index in range(50)]
    names += [f"train/sad/{index}.png" for index in range(21)]
    names += [f"train/fear/{index}.png" for index in range(2)]
    names += ["train/disgust/0.png"]
    held = held_out_names(tmp_path, names)
    by_class = {
        name: sum(f"/{name}/" in held_name for held_name in held) for name in FER2013_LABELS
    }
    assert by_class == dict.fromkeys(FER2013_LABELS, 0) | {"happy": 5, "sad": 2, "fear": 1}


def test_what_is_held_out_depends_on_the_names_alone(tmp_path: Path) -> None:
    names = [f"train/happy/{index}.png" for index in range(30)]
    first = held_out_names(tmp_path / "first", names)
    backwards = held_out_names(tmp_path / "backwards", names[::-1])
    more = held_out_names(
        tmp_path / "more", [f"train/sad/{index}.png" for index in range(9)] + names
    )
    capital = held_out_names(tmp_path / "capital", [f"T{name[1:]}" for name in names])
    assert first == backwards == {name for name in more if "happy" in name}
    assert first == {name.replace("Train", "train") for name in capital}
    # Written down, so that no change of the code can silently draw another tenth.
    assert first == {"train/happy/9.png", "train/happy/11.png", "train/happy/21.png"}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (("val/sad/a.png", "test/sad/a.png"), [20, 1, 1]),
        (("test/sad/PublicTest_1.png", "test/sad/PrivateTest_1.png"), [20, 1, 1]),
        (("test/sad/PrivateTest_1.png",), [18, 2, 1]),
    ],
)
def test_a_tenth_is_held_out_only_where_publictest_is_empty(
    tmp_path: Path, others: tuple[str, ...], expected: list[int]
) -> None:
    for name in (*(f"train/sad/Training_{index}.png" for index in range(20)), *others):
        put(tmp_path, name)
    splits = load_splits(tmp_path)
    assert [len(splits[split]) for split in SPLITS] == expected


# Pictures


def test_every_grey_level_arrives_as_it_is(tmp_path: Path) -> None:
    tree(tmp_path, ALL_SPLITS)
    levels = np.resize(np.arange(256, dtype=np.uint8), (48, 48))
    put(tmp_path, "train/angry/a.png", levels)
    put(tmp_path, "train/angry/b.png", np.repeat(levels[..., np.newaxis], 3, axis=2))
    training = load_splits(tmp_path)["Training"]
    assert training.faces.dtype == np.uint8
    assert np.array_equal(training.faces[0], levels)
    assert np.array_equal(training.faces[1], levels)


def only_face(root: Path, pixels: np.ndarray) -> np.ndarray:
    tree(root, {"validation": 1, "test": 1}, ("sad",))
    put(root, "train/sad/x.png", pixels)
    return load_splits(root)["Training"].faces[0]


def test_color_becomes_luma(tmp_path: Path) -> None:
    colors = np.repeat(np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255)]], np.uint8), 16, axis=1)
    face = only_face(tmp_path, np.tile(colors, (48, 1, 1)))
    assert np.array_equal(face, np.tile(np.repeat([76, 150, 29], 16), (48, 1)))


def test_a_larger_picture_shrinks_by_area(tmp_path: Path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (144, 144), dtype=np.uint8)
    means = large.reshape(48, 3, 48, 3).mean(axis=(1, 3))
    assert np.abs(only_face(tmp_path, large) - means).max() <= 0.51


def test_a_smaller_picture_grows_linearly(tmp_path: Path) -> None:
    small = np.random.default_rng(0).integers(0, 256, (24, 24), dtype=np.uint8)
    expected = cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(only_face(tmp_path, small), expected)


def test_each_axis_is_resampled_its_own_way(tmp_path: Path) -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (24, 48))  # 96 wide, 24 high
    assert np.abs(only_face(tmp_path, stripes) - 127.5).max() <= 0.5  # point sampling keeps stripes
    ramp = np.repeat(np.array([[0], [100]], np.uint8), 48, axis=1)
    face = only_face(tmp_path, ramp)
    assert len(np.unique(face)) > 10  # area would repeat the two rows


def test_pictures_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    tree(tmp_path, {"validation": 1, "test": 1})
    names = ["Surprise/1", "angry/10", "angry/9", "sad/2"]
    for level in (2, 0, 3, 1):
        put(tmp_path, f"train/{names[level]}.png", level)
    assert greys(load_splits(tmp_path)["Training"]) == [0, 1, 2, 3]


def test_hidden_files_and_other_files_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, ALL_SPLITS)
    expected = load_splits(tmp_path)
    for folder in (tmp_path, tmp_path / "train", tmp_path / "train" / "happy"):
        for name in (".DS_Store", "Thumbs.db", "notes.txt", "._im0.png"):
            (folder / name).write_bytes(b"\x00\x01")
        (folder / ".ipynb_checkpoints").mkdir()
    splits = load_splits(tmp_path)
    for split in SPLITS:
        assert np.array_equal(splits[split].faces, expected[split].faces)
    told = "train/happy: ignored Thumbs.db, notes.txt: no image suffix\n"
    assert capsys.readouterr().out == told


def test_pictures_of_all_formats_are_read(tmp_path: Path) -> None:
    tree(tmp_path, {"validation": 1, "test": 1})
    suffixes = (".JPG", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".heic")
    for suffix in suffixes:
        put(tmp_path, f"train/sad/x{suffix}", 128)
    faces = load_splits(tmp_path)["Training"].faces.astype(int)
    assert len(faces) == len(suffixes)
    assert np.abs(faces - 128).max() <= 1


@pytest.mark.parametrize("keep", [0, 10, 90])
def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path, keep: int) -> None:
    tree(tmp_path, ALL_SPLITS)
    noise = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    put(tmp_path, "train/sad/bad.png", noise)
    path = tmp_path / "train/sad/bad.png"
    path.write_bytes(path.read_bytes()[:keep])
    assert "train/sad/bad.png" in said(tmp_path)


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    tree(tmp_path, ALL_SPLITS)
    (tmp_path / "test/sad/gone.png").symlink_to(tmp_path / "nowhere.png")
    assert "test/sad/gone.png" in said(tmp_path)


# Folders that are not as they should be


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("validation/Contempt/x.png", "validation/Contempt is no class"),
        ("test/anger/notes.txt", "test/anger holds no image"),
        ("train/fer0000001.png", "train/fer0000001.png lies in no class folder"),
        ("train/sad/happy/x.png", "train/sad/happy lies in a class folder"),
        ("Val/sad/x.png", "Val and validation, which both mean PublicTest"),
    ],
)
def test_what_lies_in_the_wrong_place_is_named(tmp_path: Path, added: str, message: str) -> None:
    path = tree(tmp_path, ALL_SPLITS) / added
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert message in said(tmp_path)


def test_an_empty_split_folder_is_named(tmp_path: Path) -> None:
    (tree(tmp_path, {"train": 1, "test": 1}) / "Val").mkdir()
    assert "Val holds no class folder" in said(tmp_path)


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ({"test": 2}, "Training"),
        ({"validation": 2}, "Training"),
        ({"train": 2}, "PrivateTest"),
        ({"train": 1, "test": 1}, "PublicTest"),  # too few to hold any out
    ],
)
def test_a_missing_split_is_named(tmp_path: Path, there: dict[str, int], missing: str) -> None:
    message = said(tree(tmp_path, there, ("sad",)))
    assert str(tmp_path) in message
    assert f"no image of the split {missing}" in message


def test_a_folder_without_split_folders_is_no_data(tmp_path: Path) -> None:
    put(tmp_path, "happy/x.png")
    (tmp_path / "test").write_text("a file, not a folder")
    assert "README.md says where" in said(tmp_path)


# Votes


def votes_of(**votes: int) -> list[int]:
    return [votes.get(label, 0) for label in FERPLUS_LABELS]


def test_votes_are_found_by_the_pictures_names(tmp_path: Path) -> None:
    names = ("FER2013Train/anger/fer0000007.png", "FER2013Train/fear/FER0000003.PNG")
    for name in (*names, "FER2013Valid/sad/fer0000005.png", "FER2013Test/sad/fer0000001.jpg"):
        put(tmp_path, name)
    write_votes(
        tmp_path,
        {
            "fer0000001.png": (10, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            "": (0, 0, 0, 0, 0, 0, 0, 0, 0, 10),
            "fer0000003.png": (0, 0, 0, 0, 0, 0, 7, 2, 1, 0),
            "fer0000005.png": (0, 0, 0, 9, 0, 0, 0, 0, 0, 1),
            "fer0000007.png": (0, 0, 0, 0, 8, 2, 0, 0, 0, 0),
            "fer0000009.png": (0, 9, 0, 0, 0, 0, 0, 0, 0, 1),
        },
    )
    splits = load_splits(tmp_path)
    assert splits["Training"].votes.tolist() == [
        votes_of(angry=8, disgust=2),
        votes_of(fear=7, contempt=2),
    ]
    assert splits["Training"].rejections.tolist() == [[0, 0], [1, 0]]
    assert splits["PublicTest"].votes.tolist() == [votes_of(sad=9)]
    assert splits["PublicTest"].rejections.tolist() == [[0, 1]]
    assert splits["PrivateTest"].votes.tolist() == [votes_of(neutral=10)]


def test_names_of_another_kind_have_no_votes(tmp_path: Path) -> None:
    tree(tmp_path, ALL_SPLITS)
    write_votes(tmp_path, {"fer0000000.png": (10, 0, 0, 0, 0, 0, 0, 0, 0, 0)})
    for faces in load_splits(tmp_path).values():
        assert not faces.has_votes
        assert np.array_equal(faces.reference, faces.labels)


def test_a_picture_without_votes_among_others_weighs_nothing(tmp_path: Path) -> None:
    tree(tmp_path, ALL_SPLITS, ("sad",))
    put(tmp_path, "train/sad/fer0000000.png")
    write_votes(tmp_path, {"fer0000000.png": (0, 0, 0, 10, 0, 0, 0, 0, 0, 0)})
    training = load_splits(tmp_path)["Training"]
    assert training.has_votes
    assert training.targets.sum(axis=1).tolist() == [1, 0, 0, 0]
    assert training.reference.tolist() == [FERPLUS_LABELS.index("sad"), -1, -1, -1]


def test_of_a_name_that_comes_twice_the_last_row_counts(tmp_path: Path) -> None:
    tree(tmp_path, ALL_SPLITS, ("sad",))
    put(tmp_path, "train/sad/fer0000000.png")
    write_votes(tmp_path, {"fer0000000.png": (9, 1, 0, 0, 0, 0, 0, 0, 0, 0)})
    with (tmp_path / "fer2013new.csv").open("a") as stream:
        stream.write("Training,fer0000000.png,0,0,0,8,0,0,0,0,2,0\n")
    assert load_splits(tmp_path)["Training"].votes[0].tolist() == votes_of(sad=8)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            f"{HEADER}\nTraining,fer0000000.png{',1' * 10}\n",
            "no row for the image train/sad/fer000",
        ),
        (HEADER.replace("Image name", "Picture"), "lacks the column 'Image name'"),
        (f"{HEADER}\nTraining,a.png{',1' * 9}\n", "row 2: 11 values for 12 columns"),
    ],
)
def test_a_wrong_votes_file_is_told(tmp_path: Path, table: str, message: str) -> None:
    put(tree(tmp_path, ALL_SPLITS, ("sad",)), "train/sad/fer0000017.png")
    (tmp_path / "fer2013new.csv").write_text(table)
    said_of_it = said(tmp_path)
    assert "fer2013new.csv" in said_of_it
    assert message in said_of_it
