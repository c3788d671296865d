import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.emotions import FERPLUS_LABELS
from train.dataset import DataError, Dataset, load_splits
from train.synthetic import write_synthetic_dataset

SIZES = (21, 14, 7)
HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_synthetic_dataset(tmp_path, SIZES)
    return tmp_path


def dataset(votes: list[list[int]], rejections: list[list[int]]) -> Dataset:
    count = len(votes)
    return Dataset(
        np.zeros((count, 48, 48), np.uint8),
        np.zeros(count, np.int64),
        np.array(votes),
        np.array(rejections),
    )


def by_name(**votes: int) -> list[int]:
    return [votes.get(label, 0) for label in FERPLUS_LABELS]


def test_splits_have_the_rows_of_their_usage(data: Path) -> None:
    splits = load_splits(data)
    assert {name: len(split) for name, split in splits.items()} == {
        "Training": 21,
        "PublicTest": 14,
        "PrivateTest": 7,
    }


def test_pixels_arrive_row_by_row(data: Path) -> None:
    third = (data / "fer2013.csv").read_text().splitlines()[3].split(",")[1]
    expected = np.array(third.split(), np.uint8).reshape(48, 48)
    assert np.array_equal(load_splits(data)["Training"].faces[2], expected)


def test_gz_and_mosaic_give_the_same_as_csv(data: Path, tmp_path: Path) -> None:
    expected = load_splits(data)
    plain = (data / "fer2013.csv").read_bytes()
    (data / "fer2013.csv").unlink()
    with gzip.open(data / "fer2013.csv.gz", "wb") as packed:
        packed.write(plain)
    zipped = load_splits(data)
    (data / "fer2013.csv.gz").unlink()
    faces = np.concatenate([split.faces for split in expected.values()])
    mosaic = np.zeros((1, 190, 48, 48), np.uint8)
    mosaic[0, : len(faces)] = faces
    picture = mosaic.transpose(0, 2, 1, 3).reshape(48, 190 * 48)
    Image.fromarray(picture).save(data / "faces.png")
    rows = [line.split(",") for line in plain.decode().splitlines()[1:]]
    table = "\n".join(["emotion,usage", *(f"{row[0]},{row[2].strip()}" for row in rows)])
    (data / "labels.csv").write_text(table + "\n")
    pieced = load_splits(data)
    for split, wanted in expected.items():
        for other in (zipped[split], pieced[split]):
            assert np.array_equal(other.faces, wanted.faces)
            assert np.array_equal(other.labels, wanted.labels)


def test_votes_are_mapped_by_name_whatever_the_columns_order(data: Path) -> None:
    before = load_splits(data)["Training"].votes
    path = data / "fer2013new.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join([*row[:2], *row[:1:-1]]) for row in rows) + "\n")
    assert np.array_equal(load_splits(data)["Training"].votes, before)


def test_happiness_column_means_happy(data: Path) -> None:
    lines = (data / "fer2013new.csv").read_text().splitlines()
    lines[1] = "Training,x.png,0,10,0,0,0,0,0,0,0,0"
    (data / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    assert load_splits(data)["Training"].votes[0].tolist() == by_name(happy=10)


def test_column_names_with_stray_spaces_are_understood(data: Path) -> None:
    path = data / "fer2013.csv"
    path.write_text(path.read_text().replace("emotion,pixels,Usage", "emotion, pixels, Usage"))
    assert len(load_splits(data)["Training"]) == SIZES[0]


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


def test_subset_keeps_all_columns_in_step(data: Path) -> None:
    training = load_splits(data)["Training"]
    chosen = training.subset(np.array([5, 2]))
    for name in ("faces", "labels", "votes", "rejections"):
        assert np.array_equal(getattr(chosen, name), getattr(training, name)[[5, 2]])


def test_equal_pictures_have_equal_fingerprints(data: Path) -> None:
    training = load_splits(data)["Training"]
    twice = training.subset(np.array([0, 1, 0]))
    marks = twice.fingerprints()
    assert marks[0] == marks[2] != marks[1]


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("file", "line", "text", "said"),
    [
        ("fer2013.csv", 4, "3,1 2 3,Training", "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, f"3,{' '.join(['300'] * 2304)},Training", "fer2013.csv, row 4: pixels"),
        ("fer2013.csv", 4, f"9,{' '.join(['3'] * 2304)},Training", "fer2013.csv, row 4: emotion"),
        ("fer2013.csv", 4, f"3,{' '.join(['3'] * 2304)},Test", "fer2013.csv, row 4: usage"),
        ("fer2013.csv", 4, "3", "fer2013.csv, row 4: 1 values for 3 columns"),
        ("fer2013.csv", 1, "emotion,pixel,Usage", "fer2013.csv lacks the column 'pixels'"),
        ("fer2013new.csv", 1, HEADER.replace("anger", "rage"), "lacks the column 'anger'"),
        ("fer2013new.csv", 3, "Training,x,a,0,0,0,0,0,0,0,0,0", "fer2013new.csv, row 3: votes"),
        (
            "fer2013new.csv",
            3,
            "PublicTest,x,0,0,0,0,0,0,0,0,0,0",
            "fer2013new.csv, row 3: its split",
        ),
    ],
)
def test_a_bad_row_is_named_with_its_file(
    data: Path, file: str, line: int, text: str, said: str
) -> None:
    replace_line(data / file, line, text)
    with pytest.raises(DataError) as caught:
        load_splits(data)
    assert said in str(caught.value)


@pytest.mark.parametrize("file", ["fer2013.csv", "fer2013new.csv"])
def test_a_missing_file_is_told_with_where_to_look(data: Path, file: str) -> None:
    (data / file).unlink()
    with pytest.raises(DataError, match=r"README\.md says where"):
        load_splits(data)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        load_splits(tmp_path / "nowhere")


def test_a_votes_file_that_is_too_short_is_told(data: Path) -> None:
    path = data / "fer2013new.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(DataError, match=r"has 41 rows, FER2013 has 42"):
        load_splits(data)
