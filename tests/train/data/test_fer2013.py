import csv
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.emotions import FERPLUS_LABELS
from train.data.dataset import SPLITS, Dataset
from train.data.fer2013 import load_splits
from train.data.synthetic import write_synthetic_dataset
from train.errors import DataError

SIZES = (21, 14, 7)
HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic_dataset(folder, SIZES)
    return folder


@pytest.fixture(scope="module")
def expected(synthetic: Path) -> dict[str, Dataset]:
    return load_splits(synthetic)


@pytest.fixture
def data(synthetic: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return shutil.copytree(synthetic, tmp_path / "data")


def dataset(votes: list[list[int]], rejections: list[list[int]], label: int = 0) -> Dataset:
    count = len(votes)
    return Dataset(
        np.zeros((count, 48, 48), np.uint8),
        np.full(count, label, np.int64),
        np.array(votes),
        np.array(rejections),
    )


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1 : number] = [text]  # or one more line at the end
    path.write_text("\n".join(lines) + "\n")


def pack(path: Path) -> Path:
    """The file as .gz in its place."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), compresslevel=1))
    path.unlink()
    return packed


def write_icml(folder: Path) -> Path:
    """`fer2013.csv` turned into `icml_face_data.csv`, as Kaggle has it."""
    with (folder / "fer2013.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lines = [f"{row['emotion']}, {row['Usage']}, {row['pixels']}" for row in rows]
    path = folder / "icml_face_data.csv"
    path.write_text("\n".join(["emotion, Usage, pixels", *lines]) + "\n")
    (folder / "fer2013.csv").unlink()
    return path


def assert_equal(splits: dict[str, Dataset], expected: dict[str, Dataset]) -> None:
    assert list(splits) == list(expected) == list(SPLITS)
    for split, wanted in expected.items():
        for name in ("faces", "labels", "votes", "rejections"):
            actual = getattr(splits[split], name)
            assert actual.dtype == getattr(wanted, name).dtype
            assert np.array_equal(actual, getattr(wanted, name)), (split, name)


def by_name(**votes: int) -> list[int]:
    return [votes.get(label, 0) for label in FERPLUS_LABELS]


def test_splits_have_the_rows_of_their_usage(expected: dict[str, Dataset]) -> None:
    assert [len(expected[split]) for split in SPLITS] == list(SIZES)


def test_pixels_arrive_row_by_row(data: Path, expected: dict[str, Dataset]) -> None:
    third = (data / "fer2013.csv").read_text().splitlines()[3].split(",")[1]
    pixels = np.array(third.split(), np.uint8).reshape(48, 48)
    assert np.array_equal(expected["Training"].faces[2], pixels)


@pytest.mark.parametrize("file", ["fer2013.csv", "fer2013new.csv"])
def test_packed_files_give_the_same(data: Path, expected: dict[str, Dataset], file: str) -> None:
    pack(data / file)
    assert_equal(load_splits(data), expected)


def test_a_mosaic_gives_the_same(data: Path, expected: dict[str, Dataset]) -> None:
    faces = np.concatenate([split.faces for split in expected.values()])
    mosaic = np.zeros((1, 190, 48, 48), np.uint8)
    mosaic[0, : len(faces)] = faces
    picture = mosaic.transpose(0, 2, 1, 3).reshape(48, 190 * 48)
    Image.fromarray(picture).save(data / "faces.png")
    rows = [line.split(",") for line in (data / "fer2013.csv").read_text().splitlines()[1:]]
    table = "\n".join(["emotion,usage", *(f"{row[0]},{row[2]}" for row in rows)])
    (data / "labels.csv").write_text(table + "\n")
    (data / "fer2013.csv").unlink()
    assert_equal(load_splits(data), expected)


@pytest.mark.parametrize("packed", [False, True])
def test_icml_face_data_gives_the_same_as_fer2013(
    data: Path, expected: dict[str, Dataset], packed: bool
) -> None:
    path = write_icml(data)
    if packed:
        pack(path)
    assert_equal(load_splits(data), expected)


def test_of_two_forms_the_first_documented_is_read(
    data: Path, expected: dict[str, Dataset]
) -> None:
    plain = (data / "fer2013.csv").read_bytes()
    write_icml(data).write_text("not looked at")
    for name in ("fer2013.csv.gz", "labels.csv", "faces.png"):
        (data / name).write_text("not looked at")
    (data / "train" / "joy").mkdir(parents=True)
    (data / "fer2013.csv").write_bytes(plain)
    assert_equal(load_splits(data), expected)


def test_a_byte_order_mark_and_windows_line_ends_and_blank_lines_do_no_harm(
    data: Path, expected: dict[str, Dataset]
) -> None:
    for name in ("fer2013.csv", "fer2013new.csv"):
        text = (data / name).read_text().replace("\n", "\r\n")
        (data / name).write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n\r\n")
    assert_equal(load_splits(data), expected)


def test_columns_are_mapped_by_name_whatever_their_order_and_spaces(
    data: Path, expected: dict[str, Dataset]
) -> None:
    path = data / "fer2013new.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join([*row[:2], *row[:1:-1]]) for row in rows) + "\n")
    path = data / "fer2013.csv"
    path.write_text(path.read_text().replace("emotion,pixels,Usage", "emotion, pixels, Usage"))
    assert_equal(load_splits(data), expected)


def test_happiness_column_means_happy(data: Path) -> None:
    replace_line(data / "fer2013new.csv", 2, "Training,x.png,0,10,0,0,0,0,0,0,0,0")
    assert load_splits(data)["Training"].votes[0].tolist() == by_name(happy=10)


@pytest.mark.parametrize(
    ("votes", "rejections", "expected"),
    [
        (by_name(happy=6, sad=4), [0, 0], "happy"),
        (by_name(happy=5, sad=5), [0, 0], None),  # half is not more than half
        (by_name(happy=5, sad=4, fear=1), [0, 0], "happy"),  # the single vote counts as none
        (by_name(happy=5), [3, 2], None),  # unknown and not-a-face count among the rest
        (by_name(happy=5), [4, 1], "happy"),  # a single rejection counts as none too
        (by_name(happy=1), [0, 0], None),
        (by_name(contempt=7, neutral=3), [0, 0], "contempt"),
        (by_name(), [10, 0], None),
    ],
)
def test_majority(votes: list[int], rejections: list[int], expected: str | None) -> None:
    index = dataset([votes], [rejections]).majority[0]
    assert index == (-1 if expected is None else FERPLUS_LABELS.index(expected))


def test_vote_shares_drop_single_votes_and_sum_to_one_or_zero() -> None:
    shares = dataset([by_name(happy=6, sad=3, fear=1), by_name(happy=1)], [[0, 0]] * 2).vote_shares
    assert shares[0].tolist() == pytest.approx(by_name(happy=6, sad=3) / np.float32(9))
    assert shares[1].sum() == 0


def test_not_a_face_is_told_by_the_most_votes() -> None:
    faces = dataset([by_name(happy=6), by_name(happy=2)], [[0, 4], [0, 8]])
    assert faces.is_face.tolist() == [True, False]


def test_targets_and_reference_follow_the_votes_where_there_are_any() -> None:
    faces = dataset([by_name(sad=6, fear=3), by_name(), by_name(fear=5, sad=5)], [[0, 0]] * 3)
    assert faces.has_votes
    assert np.array_equal(faces.targets, faces.vote_shares)
    assert faces.reference.tolist() == [FERPLUS_LABELS.index("sad"), -1, -1]
    assert faces.targets[1].tolist() == by_name()  # weighs nothing; not its label


def test_targets_and_reference_are_the_labels_in_a_set_without_votes() -> None:
    faces = dataset([by_name()] * 2, [[0, 0]] * 2, label=6)
    assert not faces.has_votes
    assert faces.targets.tolist() == [by_name(neutral=1)] * 2
    assert faces.reference.tolist() == [6, 6]
    assert faces.targets.dtype == np.float32
    assert faces.reference.dtype == np.int64
    assert faces.is_face.tolist() == [True, True]


def test_votes_against_a_face_are_votes() -> None:
    faces = dataset([by_name()], [[0, 10]])
    assert faces.has_votes
    assert not faces.targets.any()
    assert faces.reference.tolist() == [-1]


def test_without_the_votes_file_the_labels_stand_in(
    data: Path, expected: dict[str, Dataset]
) -> None:
    (data / "fer2013new.csv").unlink()
    for split, faces in load_splits(data).items():
        assert not faces.has_votes
        assert np.array_equal(faces.faces, expected[split].faces)
        assert not faces.votes.any()
        assert faces.votes.shape == (len(faces), 8)
        assert np.array_equal(faces.reference, expected[split].labels)
        assert np.array_equal(faces.targets.argmax(axis=1), expected[split].labels)
        assert faces.is_face.all()


def test_a_face_that_nobody_judged_stays_without_votes_among_others(data: Path) -> None:
    replace_line(data / "fer2013new.csv", 2, "Training,,0,0,0,0,0,0,0,0,0,0")
    training = load_splits(data)["Training"]
    assert training.has_votes
    assert not training.targets[0].any()
    assert training.reference[0] == -1
    assert training.targets[1].sum() == pytest.approx(1)


def test_subset_keeps_all_columns_in_step(expected: dict[str, Dataset]) -> None:
    training = expected["Training"]
    chosen = training.subset(np.array([5, 2]))
    for name in ("faces", "labels", "votes", "rejections"):
        assert np.array_equal(getattr(chosen, name), getattr(training, name)[[5, 2]])


def test_equal_pictures_have_equal_fingerprints(expected: dict[str, Dataset]) -> None:
    marks = expected["Training"].subset(np.array([0, 1, 0])).fingerprints()
    assert marks[0] == marks[2] != marks[1]


def row_of(pixels: str, emotion: str = "3", usage: str = "Training") -> str:
    return f"{emotion},{pixels},{usage}"


FLAT = " ".join(["3"] * 2304)


@pytest.mark.parametrize(
    ("file", "line", "text", "said"),
    [
        ("fer2013.csv", 4, row_of("1 2 3"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(""), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT} 3"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT[:-1]}256"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT[:-1]}-1"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT[:-1]}2.5"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT[:-1]}x"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT[:-1]}\0"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(f"{FLAT[:-1]}{2**64 + 3}"), "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, row_of(FLAT, emotion="9"), "fer2013.csv, row 4: emotion"),
        ("fer2013.csv", 4, row_of(FLAT, emotion="-1"), "fer2013.csv, row 4: emotion"),
        ("fer2013.csv", 4, row_of(FLAT, usage="Test"), "fer2013.csv, row 4: usage"),
        ("fer2013.csv", 4, "3", "fer2013.csv, row 4: 1 values for 3 columns"),
        ("fer2013.csv", 4, '3,"1 2 3\n4 5 6",Training', "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, f"\n\n{row_of('1')}", "fer2013.csv, row 6: pixels"),
        ("fer2013.csv", 4, f'3,"{FLAT},Training', "fer2013.csv, row 4: cannot be read from here"),
        ("fer2013.csv", 1, "emotion,pixel,Usage", "fer2013.csv lacks the column 'pixels'"),
        ("fer2013new.csv", 1, HEADER.replace("anger", "rage"), "lacks the column 'anger'"),
        ("fer2013new.csv", 1, HEADER.replace("NF", ""), "fer2013new.csv lacks the column 'NF'"),
        ("fer2013new.csv", 3, "Training,x,a,0,0,0,0,0,0,0,0,0", "fer2013new.csv, row 3: votes"),
        ("fer2013new.csv", 3, "Training,x,,0,0,0,0,0,0,0,0,0", "fer2013new.csv, row 3: votes"),
        ("fer2013new.csv", 3, "Training,x,-1,0,0,0,0,0,0,0,0,0", "fer2013new.csv, row 3: votes"),
        ("fer2013new.csv", 3, f"Training,x,{10**30}{',0' * 9}", "fer2013new.csv, row 3: votes"),
        ("fer2013new.csv", 3, f"PublicTest,x{',0' * 10}", "fer2013new.csv, row 3: its split"),
        ("fer2013new.csv", 44, f"Training,x{',0' * 10}", "fer2013new.csv, row 44: its split"),
    ],
)
def test_a_bad_row_is_named_with_its_file(
    data: Path, file: str, line: int, text: str, said: str
) -> None:
    replace_line(data / file, line, text)
    with pytest.raises(DataError) as caught:
        load_splits(data)
    assert said in str(caught.value)


def test_rows_are_counted_as_lines_where_a_row_has_two(data: Path) -> None:
    replace_line(data / "fer2013.csv", 4, row_of("1 2 3"))
    replace_line(data / "fer2013.csv", 2, row_of(f'"{FLAT[:8]}\n{FLAT[8:]}"'))
    with pytest.raises(DataError, match=r"fer2013\.csv, row 5: pixels"):
        load_splits(data)


@pytest.mark.parametrize("file", ["fer2013.csv", "fer2013new.csv"])
def test_text_that_is_not_utf8_is_told_with_its_row(data: Path, file: str) -> None:
    lines = (data / file).read_bytes().splitlines()
    lines[4] += "é".encode("latin-1")
    (data / file).write_bytes(b"\n".join(lines))
    with pytest.raises(DataError, match=rf"{file}, row 5: not UTF-8"):
        load_splits(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("packed under a plain name", r"fer2013\.csv, row 1: not UTF-8"),
        ("plain under a packed name", r"fer2013\.csv\.gz, row 1: cannot be read from here"),
        ("cut", r"fer2013\.csv\.gz, row ([6-9]|[123]\d): "),
        ("changed", r"fer2013\.csv\.gz, row ([6-9]|[123]\d): "),
    ],
)
def test_a_damaged_gz_is_told_with_the_row_reached(data: Path, damage: str, message: str) -> None:
    plain, packed = data / "fer2013.csv", data / "fer2013.csv.gz"
    if damage == "plain under a packed name":
        plain.rename(packed)
    elif damage == "packed under a plain name":
        pack(plain).rename(plain)
    else:
        good = pack(plain).read_bytes()
        middle = len(good) // 2
        tail = b"" if damage == "cut" else b"\xff" * 64 + good[middle + 64 :]
        packed.write_bytes(good[:middle] + tail)
    with pytest.raises(DataError, match=f"^{message}"):
        load_splits(data)


def test_a_missing_fer2013_is_told_with_where_to_look(data: Path) -> None:
    (data / "fer2013.csv").unlink()
    with pytest.raises(DataError, match=r"README\.md says where") as caught:
        load_splits(data)
    assert str(data) in str(caught.value)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere is not a folder"):
        load_splits(tmp_path / "nowhere")


def test_a_folder_that_may_not_be_looked_into_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(DataError, match=r"cannot be read .*Permission denied") as caught:
        load_splits(data)
    assert str(data) in str(caught.value)


@pytest.mark.parametrize("split", SPLITS)
def test_an_empty_split_is_told(data: Path, split: str) -> None:
    path = data / "fer2013.csv"
    kept = [line for line in path.read_text().splitlines() if not line.endswith(split)]
    path.write_text("\n".join(kept) + "\n")
    with pytest.raises(DataError, match=rf"fer2013\.csv holds no image of the split {split}"):
        load_splits(data)


def test_a_table_without_rows_is_told(data: Path) -> None:
    (data / "fer2013.csv").write_text("emotion,pixels,Usage\n")
    with pytest.raises(DataError, match=r"fer2013\.csv holds no row"):
        load_splits(data)
    (data / "fer2013.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"fer2013\.csv lacks the column 'emotion'"):
        load_splits(data)


def test_a_votes_file_that_is_too_short_is_told(data: Path) -> None:
    path = data / "fer2013new.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(DataError, match=r"fer2013new\.csv has 41 rows, FER2013 has 42"):
        load_splits(data)


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text(
        "emotion,usage\n" + "".join(f"3,{split}\n" for split in SPLITS)
    )
    Image.fromarray(np.zeros((48, 190 * 48), np.uint8)).save(tmp_path / "faces.png")
    return tmp_path


def test_a_mosaic_needs_no_votes(mosaic: Path) -> None:
    splits = load_splits(mosaic)
    assert [splits[split].reference.tolist() for split in SPLITS] == [[3], [3], [3]]


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_a_mosaic_that_cannot_be_read_is_told(mosaic: Path, keep: int) -> None:
    picture = mosaic / "faces.png"
    picture.write_bytes(picture.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"faces\.png cannot be read as an image"):
        load_splits(mosaic)


def test_a_mosaic_of_another_size_is_told(mosaic: Path) -> None:
    Image.fromarray(np.zeros((96, 190 * 48), np.uint8)).save(mosaic / "faces.png")
    with pytest.raises(DataError, match=r"faces\.png must be 9120x48 .* 3 rows of labels\.csv"):
        load_splits(mosaic)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("emotion,usage\n3,Training\n7,PublicTest\n", "row 3: emotion"),
        ("emotion,usage\n", "holds no row"),
    ],
)
def test_wrong_labels_of_a_mosaic_are_told(mosaic: Path, table: str, message: str) -> None:
    (mosaic / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=rf"labels\.csv,? {message}"):
        load_splits(mosaic)
