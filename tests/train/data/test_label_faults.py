import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.images import load_image
from tests.conftest import EXAMPLES
from train.clean import main
from train.data.dataset import SPLITS, Dataset, data_digest
from train.data.duplicates import NearPairs, connected_groups, near_pairs
from train.data.fer2013 import load_splits
from train.data.label_faults import (
    MODES,
    Faults,
    find_faults,
    load_faults,
    save_faults,
    training_weights,
)
from train.data.synthetic import draw_face, write_synthetic_dataset
from train.eda.faults_report import write_report
from train.errors import DataError


def face(rng: np.random.Generator, emotion: str) -> np.ndarray:
    """A drawn face with features of its own; without them any two of an emotion are alike."""
    features = cv2.resize(rng.normal(0, 25, (12, 12)), (48, 48), interpolation=cv2.INTER_CUBIC)
    return np.clip(draw_face(emotion, rng) + features, 0, 255).astype(np.uint8)


def different_faces(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([face(rng, FER2013_LABELS[index % 7]) for index in range(count)])


def dataset(
    faces: np.ndarray, labels: list[int] | None = None, not_a_face: tuple[int, ...] = ()
) -> Dataset:
    votes = np.zeros((len(faces), len(FERPLUS_LABELS)), np.int64)
    votes[:, 3] = 8
    rejections = np.zeros((len(faces), 2), np.int64)
    for row in not_a_face:
        votes[row, 3], rejections[row] = 1, (2, 7)
    numbers = np.arange(len(faces)) % 7 if labels is None else np.array(labels)
    return Dataset(faces, numbers, votes, rejections)


def enlarged(picture: np.ndarray, border: int) -> np.ndarray:
    return cv2.copyMakeBorder(picture, *[border] * 4, cv2.BORDER_REPLICATE)


def compressed(picture: np.ndarray) -> np.ndarray:
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)


CHANGES = {
    "mirrored": lambda picture: picture[:, ::-1],
    "cut a pixel off": lambda picture: enlarged(picture, 2)[3:51, 1:49],
    "cut three pixels off": lambda picture: enlarged(picture, 3)[:48, :48],
    "cut closer": lambda picture: cv2.resize(picture[2:46, 2:46], (48, 48)),
    "brightened": lambda picture: np.clip(picture * 1.1 + 20, 0, 255).astype(np.uint8),
    "JPEG": compressed,
    "all at once": lambda picture: compressed(
        np.clip(enlarged(picture, 2)[3:51, :48:][:, ::-1] * 0.8, 0, 255).astype(np.uint8)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(change: str) -> None:
    faces = different_faces(40, seed=1)
    copy = CHANGES[change](faces[9])
    pairs = near_pairs(np.concatenate([faces, copy[np.newaxis]]))
    assert pairs.pairs == [(9, 40)]
    assert pairs.mirrored[0] == (change in ("mirrored", "all at once"))


def test_different_faces_of_one_layout_are_not_merged() -> None:
    rng = np.random.default_rng(2)
    assert not near_pairs(np.stack([face(rng, "happy") for _ in range(60)])).pairs


def test_pictures_without_content_are_no_copies_of_each_other() -> None:
    flat = np.stack([np.full((48, 48), level, np.uint8) for level in (0, 7, 255)])
    assert not near_pairs(flat).pairs
    assert not near_pairs(flat[:0]).pairs


def test_groups_are_joined_by_chains() -> None:
    assert connected_groups(6, [(4, 2), (4, 5), (0, 3)]).tolist() == [0, 1, 2, 0, 2, 2]


@pytest.fixture(scope="module")
def splits() -> dict[str, Dataset]:
    """Rows 0, 3 and 5 are equal, 7 is 1 mirrored, 2 is in PublicTest, 4 moved in PrivateTest."""
    faces = different_faces(24, seed=3)
    training, public, private = faces[:10].copy(), faces[10:17].copy(), faces[17:].copy()
    training[3] = training[5] = training[0]
    training[7] = training[1, :, ::-1]
    public[2] = training[2]
    private[1] = enlarged(training[4], 1)[2:, :48]
    private[6] = private[5]
    labels = [0, 1, 2, 0, 4, 6, 6, 1, 1, 2]
    return {
        "Training": dataset(training, labels, not_a_face=(0, 8)),
        "PublicTest": dataset(public),
        "PrivateTest": dataset(private),
    }


@pytest.fixture(scope="module")
def faults(splits: dict[str, Dataset]) -> Faults:
    return find_faults(splits)


def rows(flags: np.ndarray) -> list[int]:
    return np.flatnonzero(flags).tolist()


def test_copies_point_to_the_first_of_their_group(faults: Faults) -> None:
    assert faults.duplicate_of.tolist() == [-1, -1, -1, 0, -1, 0, -1, 1, -1, -1]


def test_what_the_test_splits_have_leaks(faults: Faults) -> None:
    assert rows(faults.leaks) == [2, 4]
    assert (rows(faults.public_leaked), rows(faults.private_leaked)) == ([2], [1])


def test_copies_with_different_labels_are_in_conflict(faults: Faults) -> None:
    assert rows(faults.conflicting) == [0, 3, 5]
    assert faults.summary["training"]["conflicting_labels"] == {"angry, neutral": 1}


def test_votes_tell_what_is_not_a_face(faults: Faults) -> None:
    assert rows(faults.not_a_face) == [0, 8]
    assert faults.doubt[[0, 1]].tolist() == pytest.approx([0.9, 0])


def test_pairs_are_counted_by_split(faults: Faults) -> None:
    equal, same = (faults.summary["pairs"][kind] for kind in ("equal", "same_photograph"))
    nothing = dict.fromkeys(SPLITS, 0)
    assert equal["Training"] == {"Training": 3, "PublicTest": 1, "PrivateTest": 0}
    assert same["Training"] == {"Training": 4, "PublicTest": 1, "PrivateTest": 1}
    assert same["PrivateTest"] == nothing | {"Training": 1, "PrivateTest": 1}
    with_copy = faults.summary["pictures_with_copy"]["same_photograph"]
    assert with_copy["Training"] == {"Training": 5, "PublicTest": 1, "PrivateTest": 1}


def test_nothing_in_the_splits_is_changed(splits: dict[str, Dataset]) -> None:
    before = data_digest(splits)
    training_weights(find_faults(splits), "strict")
    assert data_digest(splits) == before


def test_without_votes_everything_is_a_face(splits: dict[str, Dataset]) -> None:
    bare = {
        name: replace(split, votes=0 * split.votes, rejections=0 * split.rejections)
        for name, split in splits.items()
    }
    faults = find_faults(bare)
    assert not faults.not_a_face.any()
    assert not faults.doubt.any()


class Blind:
    """A detector that overlooks dark pictures and remembers what it was shown."""

    def __init__(self) -> None:
        self.shapes: set[tuple[int, ...]] = set()

    def detect(self, image: np.ndarray) -> list[str]:
        self.shapes.add(image.shape)
        return [] if image.mean() < 40 else ["a face"]


def test_the_detector_sees_training_pictures_only_and_enlarged(splits: dict[str, Dataset]) -> None:
    dark = {name: s.subset(np.arange(len(s))) for name, s in splits.items()}
    dark["Training"].faces[6] //= 8
    dark["PublicTest"].faces[:] //= 8
    detector = Blind()
    faults = find_faults(dark, detector=detector)
    assert rows(faults.undetected) == [6]
    assert detector.shapes == {(96, 96, 3)}
    assert faults.summary["training"]["undetected"] == 1


def test_a_detector_that_was_not_asked_reports_nothing(faults: Faults) -> None:
    assert not faults.undetected.any()
    assert faults.summary["training"]["undetected"] is None


def made(duplicate_of: list[int], **rows_of_flags: tuple[int, ...]) -> Faults:
    """Faults of which the flags named are set in the rows named."""
    count = len(duplicate_of)
    unset = dict.fromkeys(("leaks", "conflicting", "not_a_face", "undetected"), ())
    flags = {
        name: np.isin(np.arange(count), chosen) for name, chosen in (unset | rows_of_flags).items()
    }
    none = np.zeros(0, bool)
    return Faults(
        digest="",
        duplicate_of=np.array(duplicate_of),
        **flags,
        doubt=np.zeros(count, np.float32),
        public_leaked=none,
        private_leaked=none,
        near=NearPairs(none, none, none, none),
        summary={},
    )


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", [1, 1, 1, 1, 1, 1, 1]),
        ("drop", [1, 0, 0, 0, 1, 1, 0]),
        ("weigh", [1 / 3, 1 / 3, 1 / 3, 0, 1, 0.5, 0]),
        ("strict", [1, 0, 0, 0, 0, 1, 0]),
    ],
)
def test_weights(mode: str, expected: list[float]) -> None:
    faults = made([-1, 0, 0, 0, -1, -1, -1], leaks=(4,), not_a_face=(3, 6), undetected=(5,))
    weights = training_weights(faults, mode)
    assert weights.dtype == np.float32
    assert weights.tolist() == pytest.approx(expected)


def test_of_a_group_whose_first_is_not_a_face_the_second_is_kept() -> None:
    faults = made([-1, 0, 0], not_a_face=(0,))
    assert training_weights(faults, "drop").tolist() == [0, 1, 0]
    assert training_weights(faults, "weigh").tolist() == [0, 0.5, 0.5]


def test_after_strict_no_copy_of_a_test_picture_is_left(
    splits: dict[str, Dataset], faults: Faults
) -> None:
    kept = splits["Training"].subset(training_weights(faults, "strict") > 0)
    again = find_faults({**splits, "Training": kept})
    assert not again.leaks.any()
    assert (again.duplicate_of == -1).all()


def test_saved_faults_come_back(splits: dict[str, Dataset], faults: Faults, tmp_path: Path) -> None:
    save_faults(faults, tmp_path / "faults.npz")
    for path in (tmp_path, tmp_path / "faults.npz"):
        loaded = load_faults(path, splits)
        assert loaded.summary == faults.summary
        assert np.array_equal(loaded.near.second, faults.near.second)
        for mode in MODES:
            assert np.array_equal(training_weights(loaded, mode), training_weights(faults, mode))


@pytest.mark.parametrize("column", ["faces", "labels", "votes", "rejections"])
def test_faults_of_other_data_are_refused(
    column: str, splits: dict[str, Dataset], faults: Faults, tmp_path: Path
) -> None:
    save_faults(faults, tmp_path / "faults.npz")
    other = {name: s.subset(np.arange(len(s))) for name, s in splits.items()}
    values = getattr(other["PublicTest"], column)
    values.flat[0] = values.flat[0] + 1
    with pytest.raises(DataError, match="was made from other images, labels or votes"):
        load_faults(tmp_path, other)


NPY = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<i8', 'fortran_order': False, 'shape': (0,)}".ljust(
    118
)


@pytest.mark.parametrize(
    "content", [None, b"", b"row,emotion\n1,happy\n", b"PK\x03\x04damaged", NPY]
)
def test_what_is_no_faults_file_is_told(
    content: bytes | None, splits: dict[str, Dataset], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "faults.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a file of python"):
        load_faults(tmp_path, splits)


def test_the_report_has_tables_sheets_and_the_flagged_rows(
    splits: dict[str, Dataset], faults: Faults, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "folder"
    written = write_report(faults, splits, folder)
    assert all(path.stat().st_size for path in written)
    assert {path.name for path in folder.iterdir()} == {path.name for path in written}
    sheets = ["equal.png", "near.png", "near_weakest.png", "not_a_face.png"]
    assert sorted(path.name for path in folder.glob("*.png")) == sheets
    report = (folder / "report.md").read_text()
    assert "| Training | 3 (5) | 1 (1) | 0 (1) |" in report
    assert "| no face detected | not searched | - | - |" in report
    assert "![Near duplicates, 2 of 2](near.png)" in report
    numbers = json.loads((folder / "faults.json").read_text())
    assert numbers["weights"]["strict"] == {"pictures": 4, "weight": 4.0}
    with (folder / "faults.csv").open(newline="") as stream:
        table = {int(row["row"]): row for row in csv.DictReader(stream)}
    assert sorted(table) == [0, 2, 3, 4, 5, 7, 8]
    assert table[5]["emotion"] == "neutral"
    assert (table[5]["duplicate_of"], table[5]["conflicting"], table[5]["leaks"]) == ("0", "1", "0")


def test_the_detector_of_the_app_finds_a_face_of_48_pixels(splits: dict[str, Dataset]) -> None:
    detector = FaceDetector.load(MODELS_DIR)
    picture = load_image(next(EXAMPLES.glob("happy*")))
    box = detector.detect(picture)[0].box
    cut = picture[box.y_min : box.y_max, box.x_min : box.x_max].mean(axis=2)
    small = cv2.resize(cut, (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)
    faces = np.stack([small, np.full((48, 48), 128, np.uint8)])
    faults = find_faults({**splits, "Training": dataset(faces)}, detector=detector)
    assert rows(faults.undetected) == [1]


def test_the_command_writes_what_training_can_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FaceDetector, "load", lambda folder: Blind())
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    write_synthetic_dataset(data, (7, 7, 7))
    main(["--data", str(data), "--out", str(out)])
    assert "report.md" in capsys.readouterr().out
    assert len(training_weights(load_faults(out, load_splits(data)), "drop")) == 7


def test_a_folder_that_is_missing_or_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: .*nowhere is not a folder"):
        main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    write_synthetic_dataset(tmp_path, (7, 7, 7))
    out = tmp_path / "fer2013.csv"
    with pytest.raises(SystemExit, match=r"error: .*fer2013\.csv is a file; name a folder"):
        main(["--data", str(tmp_path), "--out", str(out)])
