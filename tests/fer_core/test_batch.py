"""The class that the command line and engines for large data read files with."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_core import EmotionRecognizer, inference
from fer_core.batch import BROKEN, EMPTY_FOLDER, NO_NAME, FaceReader, is_video
from fer_core.images import NO_FILE, UNREADABLE
from fer_core.table import FIELDS
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES

HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
LAKE = EXAMPLES / "lake_01.jpg"
CALM = "neutral_m_european_01"


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader(every=0.5)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second and a half: a face, nobody, a face."""
    images = [scene(Part(CALM))] * 15 + [scene()] * 15 + [scene(Part(CALM))] * 15
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", images)


def test_each_face_is_a_row_with_what_recognize_says(
    reader: FaceReader, recognizer: EmotionRecognizer
) -> None:
    table = reader({"path": [str(GROUP)]})
    faces = recognizer.recognize(GROUP).faces
    assert table["face"].tolist() == [1, 2, 3]
    assert table["label"].tolist() == [face.emotion.label for face in faces]
    assert table["x_min"].tolist() == [face.detection.box.x_min for face in faces]
    assert table["file"].tolist() == [str(GROUP)] * 3
    assert table["error"].tolist() == [None] * 3


def test_the_columns_are_those_of_tables_and_of_equal_length(reader: FaceReader) -> None:
    table = reader({"path": [str(GROUP), str(LAKE), "missing.jpg"]})
    assert tuple(table) == FIELDS
    assert {len(column) for column in table.values()} == {5}


def test_a_picture_without_a_face_keeps_its_row_and_has_no_error(reader: FaceReader) -> None:
    table = reader({"path": [str(LAKE)]})
    assert table["file"].tolist() == [str(LAKE)]
    assert table["label"].tolist() == table["error"].tolist() == table["face"].tolist() == [None]
    assert np.isnan(table["confidence"]).all()


def test_what_cannot_be_read_is_told_in_its_row_and_the_others_are_read(
    reader: FaceReader, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    paths = ["missing.jpg", str(text), str(tmp_path / "folder"), "a\0b.jpg", str(HAPPY)]
    (tmp_path / "folder").mkdir()
    table = reader({"path": paths})
    assert table["error"].tolist() == [NO_FILE, UNREADABLE, EMPTY_FOLDER, NO_FILE, None]
    assert table["label"].tolist() == [None] * 4 + ["happy"]


def test_content_is_read_in_place_of_the_file_that_the_path_names(reader: FaceReader) -> None:
    table = reader({"path": ["s3://bucket/a.jpg"], "bytes": [HAPPY.read_bytes()]})
    assert table["file"].tolist() == ["s3://bucket/a.jpg"]
    assert table["label"].tolist() == ["happy"]


def test_content_alone_has_no_name(reader: FaceReader) -> None:
    table = reader({"bytes": [HAPPY.read_bytes(), None]})
    assert table["file"].tolist() == [None, None]
    assert table["label"].tolist() == ["happy", None]
    assert table["error"].tolist() == [None, NO_NAME]


@pytest.mark.parametrize("kind", ["list", "array"])
def test_columns_may_be_lists_or_arrays_and_further_ones_come_back(
    reader: FaceReader, kind: str
) -> None:
    batch: dict[str, Any] = {"path": [str(GROUP), str(HAPPY)], "id": [7, 8]}
    if kind == "array":
        batch = {name: np.array(column) for name, column in batch.items()}
    assert reader(batch)["id"].tolist() == [7, 7, 7, 8]


def test_an_empty_batch_gives_empty_columns(reader: FaceReader) -> None:
    table = reader({"path": []})
    assert {len(column) for column in table.values()} == {0}


def test_a_batch_without_files_is_refused(reader: FaceReader) -> None:
    with pytest.raises(ValueError, match="needs a column 'path' or 'bytes'"):
        reader({"picture": ["a.jpg"]})


def test_a_column_with_the_name_of_an_answer_is_refused(reader: FaceReader) -> None:
    with pytest.raises(ValueError, match="has the name of an answer's column: label"):
        reader({"path": [str(HAPPY)], "label": ["mine"]})


def test_a_fault_of_the_program_is_told_in_the_row_and_in_the_log(
    reader: FaceReader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(reader, "recognizer", fail)
    monkeypatch.setattr("fer_core.batch.load_image", fail)
    with caplog.at_level(logging.ERROR):
        table = reader({"path": [str(HAPPY)]})
    assert table["error"].tolist() == [BROKEN.format("MemoryError")]
    assert str(HAPPY) in caplog.text


def test_answers_has_a_row_for_a_row(reader: FaceReader) -> None:
    answers = reader.answers({"path": [str(GROUP), "missing.jpg"]})
    assert '"label": "happy"' in answers["answer"][0]
    assert answers["answer"][1] is None
    assert answers["error"].tolist() == [None, NO_FILE]


@pytest.mark.parametrize("given", ["path", "content"])
def test_a_video_has_rows_with_times_and_tracks(reader: FaceReader, clip: Path, given: str) -> None:
    batch = {"path": [str(clip)]}
    table = reader(batch if given == "path" else {**batch, "bytes": [clip.read_bytes()]})
    assert table["time"].tolist() == [0.0, 0.5, 1.0]
    assert [label is None for label in table["label"]] == [False, True, False]
    assert table["track"][0] == 1


def test_a_truncated_video_is_read_to_where_it_breaks_and_then_told(
    reader: FaceReader, clip: Path, tmp_path: Path
) -> None:
    whole = write_clip(
        tmp_path / "whole.mp4",
        [scene(Part(CALM))] * 60,
        container={"movflags": "faststart"},
        g="10",
    )
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    table = reader({"path": [str(broken)]})
    assert len(table["time"]) > 1
    assert "damaged or incomplete" in table["error"][-1]
    assert table["error"][:-1].tolist() == [None] * (len(table["error"]) - 1)


@pytest.mark.parametrize(
    "content", [b"", b"text", HAPPY.read_bytes()], ids=["empty", "text", "picture"]
)
def test_what_is_only_called_a_video_is_told_in_one_sentence(
    reader: FaceReader, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    (error,) = reader({"path": [str(path)]})["error"]
    assert error.endswith(".")
    assert "video" in error


def test_a_gif_is_a_video_when_it_moves(tmp_path: Path) -> None:
    moving = write_clip(tmp_path / "moving.gif", [scene(Part(CALM)), scene()], codec="gif")
    still = write_clip(tmp_path / "still.gif", [scene(Part(CALM))], codec="gif")
    assert is_video(str(moving))
    assert not is_video(str(still))
    assert is_video("s3://bucket/a.gif", moving.read_bytes())
    assert not is_video("missing.gif")


@pytest.mark.parametrize("every", [-1.0, float("nan"), float("inf")])
def test_a_wrong_interval_is_refused(every: float) -> None:
    with pytest.raises(ValueError, match="every must be a number of seconds"):
        FaceReader(every=every)


def test_threads_of_networks_can_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_limit", None)
    limited = FaceReader(threads=1)
    assert limited.recognizer.detector._landmarker._network._threads == 1
    with pytest.raises(ValueError, match="at least one thread"):
        inference.limit_threads(0)
