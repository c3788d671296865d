import base64
import csv
import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

from fer_core import EmotionRecognizer
from fer_core.results import FaceResult
from fer_core.table import FIELDS
from page.handlers import BROKEN, EXAMPLES, SEARCH_EVERY, Handlers, Live
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES as EXAMPLES_DIR
from tests.conftest import PORTRAITS

GROUP = EXAMPLES_DIR / "group_happy-surprise-angry_01.jpg"
HAPPY = EXAMPLES_DIR / "happy_f_asian_01.jpg"


@pytest.fixture(scope="module")
def handlers(recognizer: EmotionRecognizer) -> Handlers:
    return Handlers(recognizer)


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of uploads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return Path(get_upload_folder())


def uploaded(uploads: Path, file: Path, name: str | None = None) -> str:
    return str(shutil.copy(file, uploads / (name or file.name)))


def as_url(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def table(lines: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(lines), FIELDS))


def sentences(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["error"]["en"], answer["error"]["fr"]


def test_the_gallery_shows_files_that_exist() -> None:
    assert all((EXAMPLES_DIR / name).is_file() for name in EXAMPLES)


def test_the_hard_example_is_one_where_the_model_is_not_sure(handlers: Handlers) -> None:
    (name,) = [name for name, key in EXAMPLES.items() if key == "example.hard"]
    (face,) = handlers.read(str(EXAMPLES_DIR / name)).result.faces
    assert face.emotion.is_uncertain


@pytest.mark.parametrize(
    "label", ["happy", "surprise", "angry", "sad", "fear", "disgust", "neutral"]
)
def test_every_other_example_is_read_as_it_was_made(handlers: Handlers, label: str) -> None:
    (name,) = [name for name, key in EXAMPLES.items() if key == f"example.{label}"]
    (face,) = handlers.examples[name]["result"]["faces"]
    assert face["emotion"]["label"] == label


def test_a_group_and_a_lake_are_among_the_examples(handlers: Handlers) -> None:
    assert len(handlers.examples[GROUP.name]["result"]["faces"]) == 3
    assert handlers.examples["lake_01.jpg"]["result"]["faces"] == []


def test_a_picture_is_answered_as_programs_are_and_as_lines_of_a_table(
    handlers: Handlers, uploads: Path
) -> None:
    answer = handlers.read_picture(uploaded(uploads, GROUP), "=party.jpg")
    assert answer["result"] == handlers.read(str(GROUP)).result.to_dict()
    rows = table(answer["csv"])
    assert [row["file"] for row in rows] == ["'=party.jpg"] * 3
    labels = [face["emotion"]["label"] for face in answer["result"]["faces"]]
    assert [row["label"] for row in rows] == labels


def test_a_picture_that_cannot_be_read_is_told_in_each_language_and_in_the_table(
    handlers: Handlers, uploads: Path
) -> None:
    letter = uploads / "letter.jpg"
    letter.write_text("Dear Sir")
    answer = handlers.read_picture(str(letter), "letter.jpg")
    english, french = sentences(answer)
    assert "not a picture" in english
    assert "pas une image" in french
    (row,) = table(answer["csv"])
    assert (row["file"], row["error"]) == ("letter.jpg", english)


@pytest.mark.parametrize("path", ["/etc/passwd", str(GROUP), "lake_01.jpg", "", None, 7])
def test_no_event_reads_a_file_that_nobody_uploaded(
    handlers: Handlers, uploads: Path, path: Any
) -> None:
    answers = [
        handlers.read_picture(path, "a"),
        handlers.preview(path),
        *handlers.read_video(path, "a"),
        *list(handlers.pack([{"path": path, "name": "a"}], "en"))[1:],
    ]
    if path != "lake_01.jpg":  # explain takes the names of examples
        answers.append(handlers.explain(path, 0))
    assert all("Please give a" in answer["error"]["en"] for answer in answers)


@pytest.mark.parametrize("suffix", [".heic", ".tiff"])
def test_a_file_that_browsers_do_not_show_gets_a_preview(
    handlers: Handlers, uploads: Path, suffix: str
) -> None:
    path = uploads / f"picture{suffix}"
    with Image.open(GROUP) as picture:
        picture.resize((3072, 1752)).save(path)
    data = base64.b64decode(handlers.preview(str(path))["url"].partition(",")[2])
    with Image.open(io.BytesIO(data)) as preview:
        assert preview.size == (2048, 1168)
    path.write_bytes(path.read_bytes()[:500])
    assert "error" in handlers.preview(str(path))


def test_why_is_told_of_the_chosen_face(handlers: Handlers, uploads: Path) -> None:
    path = uploaded(uploads, GROUP)
    told = {handlers.explain(path, number)["views"]["seen"] for number in range(3)}
    assert len(told) == 3
    assert handlers.explain(GROUP.name, 0)["views"]["seen"] in told  # as an example
    for number in (-1, 3):
        assert "no such face" in handlers.explain(path, number)["error"]["en"]


def test_annotated_pictures_are_packed_under_their_names(handlers: Handlers, uploads: Path) -> None:
    files = [
        {"path": uploaded(uploads, GROUP, "a.jpg"), "name": "../party.png"},
        {"path": uploaded(uploads, HAPPY, "b.jpg"), "name": "party.jpg"},
    ]
    *progress, last = handlers.pack(files, "fr")
    assert [step["progress"] for step in progress] == [0, 0.5]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(last["zip"]))) as archive:
        assert archive.namelist() == ["party.jpg", "party (2).jpg"]
        pixels = np.frombuffer(archive.read("party.jpg"), np.uint8)
    picture = cv2.cvtColor(cv2.imdecode(pixels, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    drawn = handlers.read(str(GROUP)).view("fr")
    assert np.abs(picture.astype(int) - drawn).mean() < 4


def test_a_video_is_told_frame_by_frame_and_summed_up(handlers: Handlers, uploads: Path) -> None:
    clip = write_clip(uploads / "clip.mp4", [scene(Part(HAPPY.stem))] * 25)
    *frames, last = handlers.read_video(str(clip), "clip.mp4")
    assert [frame["time"] for frame in frames] == sorted(frame["time"] for frame in frames)
    assert all(frame["faces"][0]["track"] == 1 for frame in frames)
    assert all(frame["image"]["width"] > 0 for frame in frames)
    assert 0 < frames[0]["progress"] <= frames[-1]["progress"] <= 1
    assert last["summary"]["emotions"]["happy"] > 0.9
    assert len(table(last["csv"])) == len(frames)
    assert last["truncated"] is False


def test_a_file_that_is_no_video_is_told_in_each_language(
    handlers: Handlers, uploads: Path
) -> None:
    (answer,) = handlers.read_video(uploaded(uploads, HAPPY, "clip.mp4"), "clip.mp4")
    english, french = sentences(answer)
    assert "video" in english
    assert "vidéo" in french


def test_a_video_that_is_left_is_closed(
    handlers: Handlers, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from page import videos

    opened: list[Any] = []
    open_video = videos.open_video
    monkeypatch.setattr(
        videos, "open_video", lambda *given: opened.append(open_video(*given)) or opened[-1]
    )
    clip = write_clip(uploads / "clip.mp4", [scene(Part(HAPPY.stem))] * 25)
    reading: Iterator[Any] = handlers.read_video(str(clip), "clip.mp4")
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert list(opened[0]) == []  # nothing more is read


def test_frames_are_answered_one_after_the_other(handlers: Handlers) -> None:
    frame = as_url(GROUP.read_bytes())
    first, live = handlers.read_frame({"frame": frame, "first": True}, None)
    then, live = handlers.read_frame({"frame": frame}, live)
    assert then["image"] == {"width": 768, "height": 438}
    for answer in (first, then):
        assert sorted(face["track"] for face in answer["faces"]) == [1, 2, 3]
    assert isinstance(live, Live)
    assert live.frames == 2
    damaged, after = handlers.read_frame({"frame": as_url(GROUP.read_bytes()[:5000])}, live)
    assert (damaged, after) == ({}, live)
    for nothing in ({}, {"frame": "/etc/passwd"}, {"frame": None}):
        assert handlers.read_frame(nothing, live) == ({}, live)


def test_a_camera_that_was_opened_anew_is_another(handlers: Handlers) -> None:
    frame = as_url(HAPPY.read_bytes())
    _, live = handlers.read_frame({"frame": frame, "first": True}, None)
    answer, other = handlers.read_frame({"frame": frame, "first": True}, live)
    assert other is not live
    assert answer["faces"][0]["track"] == 1


def test_nothing_that_is_kept_of_a_live_camera_shows_a_face(handlers: Handlers) -> None:
    _, live = handlers.read_frame({"frame": as_url(GROUP.read_bytes()), "first": True}, None)
    assert live is not None
    kept = [track.face for track in live.tracker._tracks]
    assert len(kept) == 3
    assert all(isinstance(face, FaceResult) and face.aligned.size == 1 for face in kept)


def test_live_a_single_odd_frame_does_not_change_the_answer_and_a_lasting_one_does(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two portraits whose faces lie at the same place, ten frames a second."""
    happy = as_url(HAPPY.read_bytes())
    surprise = as_url((EXAMPLES_DIR / "surprise_m_african_01.jpg").read_bytes())
    clock = iter(step / 10 for step in range(100))
    monkeypatch.setattr("page.handlers.monotonic", lambda: next(clock))
    live, labels = None, []
    for frame in [happy] * 3 + [surprise] + [happy] * 3 + [surprise] * 4:
        answer, live = handlers.read_frame({"frame": frame}, live)
        labels.append(answer["faces"][0]["emotion"]["label"])
    assert labels == ["happy"] * 8 + ["surprise"] * 3


def test_live_a_small_face_is_followed_between_the_frames_that_are_searched(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, searched = handlers.recognizer.detector, []
    detect = detector.detect

    def noted(*given: Any, **named: Any) -> Any:
        searched.append(named["small_faces"])
        return detect(*given, **named)

    monkeypatch.setattr(detector, "detect", noted)
    frame = Image.new("RGB", (640, 480), (150, 140, 130))
    with Image.open(HAPPY) as portrait:
        frame.paste(portrait.resize((64, 64)), (400, 200))
    jpeg = io.BytesIO()
    frame.save(jpeg, "JPEG", quality=92)
    live, found = None, []
    for _ in range(SEARCH_EVERY + 2):
        answer, live = handlers.read_frame({"frame": as_url(jpeg.getvalue())}, live)
        found.append(len(answer["faces"]))
    assert found == [1] * (SEARCH_EVERY + 2)
    assert searched == [True, *[False] * (SEARCH_EVERY - 1), True, False]


def test_whatever_breaks_inside_is_one_sentence_and_the_next_picture_is_read(
    handlers: Handlers,
    uploads: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a network of 7 tensors fell over")

    path = uploaded(uploads, GROUP)
    clip = write_clip(uploads / "clip.mp4", [scene(Part(PORTRAITS[0].stem))] * 3)
    with monkeypatch.context() as patch:
        patch.setattr(handlers.recognizer.detector, "detect", broken)
        answer = handlers.read_picture(path, "party.jpg")
        assert handlers.read_frame({"frame": as_url(GROUP.read_bytes())}, None)[0] == {}
        (video,) = handlers.read_video(str(clip), "clip.mp4")
    assert sentences(answer)[0] == sentences(video)[0] == BROKEN
    assert "tensors" in caplog.text  # for who runs the app
    assert len(handlers.read_picture(path, "party.jpg")["result"]["faces"]) == 3
