"""Videos of programs: the answer, the limits, and that nothing is left behind."""

import csv
import io
import os
import time
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from fer_core import EmotionRecognizer, TruncatedVideoWarning
from fer_core.frames import TOO_SLOW, UNREADABLE
from fer_core.table import FIELDS
from page import videos
from page.endpoints import Endpoints, VideoAnswer
from page.handlers import BROKEN, Handlers
from page.pictures import NO_VIDEO
from tests.clips import Part, scene, write_clip
from tests.fer_core.test_frames import open_videos

HAPPY, SAD = "happy_f_asian_01", "sad_f_african_01"


@pytest.fixture(scope="module")
def endpoints(recognizer: EmotionRecognizer) -> Endpoints:
    return Endpoints(Handlers(recognizer))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds: one face, then another one elsewhere beside it, then nobody."""
    first, both = scene(Part(HAPPY, 180)), scene(Part(HAPPY, 180), Part(SAD, 480, side=180))
    images = [first] * 8 + [both] * 8 + [scene()] * 4
    times = [number / 10 for number in range(20)]
    return write_clip(tmp_path_factory.mktemp("clips") / "=clip.mp4", images, times)


def blank(path: Path, times: list[float]) -> Path:
    return write_clip(path, [np.zeros((48, 64, 3), np.uint8)] * len(times), times)


def answer(endpoints: Endpoints, path: Path) -> VideoAnswer:
    *steps, last = endpoints.predict_video(str(path))
    assert steps
    assert all(step == (gr.skip(), gr.skip(), gr.skip()) for step in steps)
    return last


def refusal(endpoints: Endpoints, path: Path) -> str:
    with pytest.raises(gr.Error) as caught:
        list(endpoints.predict_video(str(path)))
    assert not caught.value.print_exception
    return str(caught.value.message)


def test_summary_timeline_and_table_tell_the_same(endpoints: Endpoints, clip: Path) -> None:
    summary, timeline, table = answer(endpoints, clip)
    assert summary["frames"] == 10
    assert summary["duration"] == pytest.approx(2, abs=0.1)
    assert summary["truncated"] is False
    happy, sad = summary["tracks"]
    assert (happy["track"], happy["first"], happy["last"]) == (1, 0.0, 1.4)
    assert (sad["track"], sad["first"], sad["last"]) == (2, 0.8, 1.4)
    assert happy["emotions"]["happy"] == sad["emotions"]["sad"] == 1.0
    assert summary["emotions"]["happy"] == pytest.approx(1.6 / 2.4, abs=1e-3)
    assert [(row["time"], row["track"]) for row in timeline] == [
        (0.0, 1), (0.2, 1), (0.4, 1), (0.6, 1), (0.8, 1), (0.8, 2), (1.0, 1), (1.0, 2), (1.2, 1),
        (1.2, 2), (1.4, 1), (1.4, 2),
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(table)))
    assert tuple(lines[0]) == FIELDS
    assert {line["file"] for line in lines} == {"'=clip.mp4"}
    for line, row in zip(lines, timeline, strict=True):
        assert (float(line["time"]), int(line["track"])) == (row["time"], row["track"])
        assert line["label"] == row["emotion"]["label"]
        assert int(line["y_max"]) == row["box"]["y_max"]


def test_progress_is_told(
    endpoints: Endpoints, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    list(endpoints.predict_video(str(clip), told.append))  # type: ignore[arg-type]
    assert told == sorted(told)
    assert 0 < told[0] < 0.2
    assert 0.8 < told[-1] <= 1


def test_whoever_leaves_ends_it_and_the_file_is_freed(endpoints: Endpoints, clip: Path) -> None:
    reading = endpoints.predict_video(str(clip))
    next(reading)
    assert open_videos() == [str(clip)]
    reading.close()
    assert open_videos() == []


def test_a_longer_video_is_refused_by_its_header_before_it_is_read(
    endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recognized(*_: Any, **__: Any) -> None:
        raise AssertionError("a frame was read")

    monkeypatch.setattr(EmotionRecognizer, "recognize", recognized)
    path = blank(tmp_path / "long.mp4", [0.0, 60.6])
    assert refusal(endpoints, path) == videos.TOO_LONG


def test_a_longer_video_whose_header_tells_nothing_is_refused_once_it_is_read_so_far(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    """As browsers record it."""
    times = [0.0, 30.0, 61.0]
    images = [np.zeros((48, 64, 3), np.uint8)] * 3
    path = write_clip(
        tmp_path / "live.webm", images, times, codec="libvpx", container={"live": "1"}
    )
    assert refusal(endpoints, path) == videos.TOO_LONG


def test_a_minute_is_read(endpoints: Endpoints, tmp_path: Path) -> None:
    summary, timeline, _ = answer(endpoints, blank(tmp_path / "minute.mp4", [0.0, 30.0, 60.0]))
    assert (summary["frames"], timeline) == (3, [])


def test_a_file_of_more_than_100_mb_is_refused(endpoints: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.truncate(videos.MAX_BYTES + 1)
    assert refusal(endpoints, path) == videos.TOO_MANY_BYTES
    with path.open("wb") as file:
        file.truncate(videos.MAX_BYTES)
    assert refusal(endpoints, path) == UNREADABLE


def test_a_copy_that_was_swept_while_it_waited_is_told(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    assert refusal(endpoints, tmp_path / "gone.mp4") == videos.GONE


def test_a_copy_that_is_swept_while_it_is_read_is_read_to_its_end(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    path = blank(tmp_path / "clip.mp4", [number / 10 for number in range(10)])
    reading = endpoints.predict_video(str(path))
    next(reading)
    path.unlink()
    *_, (summary, _, _) = reading
    assert summary["frames"] == 5


def test_no_copy_is_used_for_more_than_five_minutes(endpoints: Endpoints, tmp_path: Path) -> None:
    path = blank(tmp_path / "clip.mp4", [0.0, 0.2])
    uploaded = time.time() - videos.MAX_AGE - 1
    os.utime(path, (uploaded, uploaded))
    assert refusal(endpoints, path) == TOO_SLOW
    assert videos.MAX_AGE < 300


def test_a_truncated_video_is_answered_and_told(endpoints: Endpoints, tmp_path: Path) -> None:
    grain = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8)
    path = write_clip(tmp_path / "clip.webm", grain, codec="libvpx")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.warns(TruncatedVideoWarning):  # which app.py turns off
        summary, _, _ = answer(endpoints, path)
    assert summary["truncated"] is True
    assert summary["duration"] < 0.7


def test_no_video_is_refused_in_a_sentence(endpoints: Endpoints, tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear Sir")
    assert refusal(endpoints, tmp_path / "letter.mp4") == UNREADABLE
    with pytest.raises(gr.Error, match=NO_VIDEO):
        list(endpoints.predict_video(None))


def test_whatever_breaks_inside_is_one_sentence(
    endpoints: Endpoints,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a network of 7 tensors fell over")

    monkeypatch.setattr(EmotionRecognizer, "recognize", broken)
    assert refusal(endpoints, clip) == BROKEN
    assert "tensors" in caplog.text  # for who runs the app
    assert open_videos() == []
