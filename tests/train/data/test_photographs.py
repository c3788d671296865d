from pathlib import Path

import numpy as np
import pytest

from fer_core import EmotionRecognizer, load_image
from fer_core.errors import InvalidImageError
from tests.conftest import EXAMPLES
from train.data.photographs import (
    Photograph,
    crop_photographs,
    load_photograph,
    person_keys,
    read_photograph_sets,
    read_photographs,
    read_portraits,
)
from train.errors import DataError


def labels_csv(folder: Path, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "a.jpg").touch()
    return folder


class TestTable:
    def test_it_names_the_photographs(self, tmp_path: Path) -> None:
        (tmp_path / "unnamed.jpg").touch()
        folder = labels_csv(tmp_path, "label,file", "sad,a.jpg")
        assert read_photographs(folder) == [Photograph(tmp_path / "a.jpg", "sad")]

    def test_further_columns_are_kept(self, tmp_path: Path) -> None:
        folder = labels_csv(tmp_path, "file,label,person,age,note", 'a.jpg,sad,p1,34,"a, b"')
        (photograph,) = read_photographs(folder)
        assert photograph.person == "p1"
        assert photograph.details == {"age": "34", "note": "a, b"}

    def test_a_byte_order_mark_spaces_and_empty_lines_do_no_harm(self, tmp_path: Path) -> None:
        folder = labels_csv(tmp_path, "\ufefffile, label , age", "a.jpg, sad, 34", "")
        assert read_photographs(folder) == [
            Photograph(tmp_path / "a.jpg", "sad", details={"age": "34"})
        ]

    def test_a_row_may_end_early(self, tmp_path: Path) -> None:
        folder = labels_csv(tmp_path, "file,label,person,age", "a.jpg,sad")
        assert read_photographs(folder)[0].details == {"age": ""}

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (["file,label", "a.jpg,sad", "b.jpg,sad"], r"labels.csv, row 3: .* no file “b.jpg”"),
            (["file,label", "a.jpg,contempt"], r"labels.csv, row 2: the label “contempt” is not"),
            (["file,label", "a.jpg"], r"labels.csv, row 2: the label “” is not one of angry, "),
            (["file,label", ",sad"], r"labels.csv, row 2: there is no file"),
            (["file,label", "a.jpg,sad,b"], r"labels.csv, row 2: 3 values for 2 columns"),
            (["name,label", "a.jpg,sad"], r"labels.csv lacks the column 'file'"),
            ([""], r"labels.csv lacks the column 'file'"),
            (["file,label"], r"labels.csv names no image"),
        ],
    )
    def test_what_is_wrong_is_told_with_file_and_row(
        self, tmp_path: Path, lines: list[str], said: str
    ) -> None:
        with pytest.raises(DataError, match=said):
            read_photographs(labels_csv(tmp_path, *lines))

    def test_a_missing_table_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"labels.csv cannot be read"):
            read_photographs(tmp_path)


class TestSets:
    def test_they_go_by_the_names_of_their_folders(self, tmp_path: Path) -> None:
        folders = [
            labels_csv(tmp_path / name, "file,label", "a.jpg,sad") for name in ("one", "two")
        ]
        sets = read_photograph_sets([folders[0], tmp_path / "one" / ".." / "two"])
        assert list(sets) == ["one", "two"]
        assert sets["one"] == read_photographs(folders[0])

    def test_two_of_one_name_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        folders = [
            labels_csv(folder / "one", "file,label", "a.jpg,sad")
            for folder in (tmp_path, tmp_path / "other")
        ]
        with pytest.raises(DataError, match="two folders of photographs are named one"):
            read_photograph_sets(folders)


class TestPixels:
    def test_a_photograph_is_cut_as_the_app_cuts_it(self, recognizer: EmotionRecognizer) -> None:
        names = ("sad_f_african_01", "lake_01", "group_happy-surprise-angry_01")
        photographs = [Photograph(EXAMPLES / f"{name}.jpg", "sad") for name in names]
        spec = recognizer.model.info.preprocessing
        crops, found = crop_photographs(recognizer.detector, photographs, spec)
        assert found.tolist() == [True, False, True]
        assert not crops[1].any()
        for row in (0, 2):
            largest = recognizer.recognize(photographs[row].path).faces[0]
            np.testing.assert_array_equal(crops[row], largest.aligned)

    def test_they_are_loaded_as_the_app_loads_them(self) -> None:
        path = EXAMPLES / "sad_f_african_01.jpg"
        loaded = load_photograph(Photograph(path, "sad"))
        np.testing.assert_array_equal(loaded, load_image(path))

    def test_a_file_that_is_no_image_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_text("no image")
        with pytest.raises(DataError, match=r"a\.jpg: ") as told:
            load_photograph(Photograph(tmp_path / "a.jpg", "sad"))
        assert isinstance(told.value.__cause__, InvalidImageError)


def test_photographs_of_one_person_have_one_key_and_unknown_people_one_each() -> None:
    people = ["1", "", "2", "", "1"]
    keys = person_keys([Photograph(Path("a"), "sad", person) for person in people])
    assert keys[0] == keys[4]
    assert len(set(keys.tolist())) == 4


def test_portraits_are_told_by_their_names() -> None:
    read = {item.path.stem: (item.label, item.person) for item in read_portraits(EXAMPLES)}
    assert read["sad_f_african_01"] == ("sad", "f_african")
    assert read["happy_f_african_roll30_01"] == ("happy", "f_african")
    assert not any("group" in name for name in read)


@pytest.mark.parametrize("name", ["smile_anna_01.jpg", "happy_01.jpg", "happy_anna_01.png"])
def test_a_folder_without_portraits_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match="holds no image named"):
        read_portraits(tmp_path)
