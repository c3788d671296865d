"""Reading of videos with known truth: times, labels and who is who."""

import math
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from fer_core import (
    EmotionRecognizer,
    InvalidVideoError,
    TruncatedVideoWarning,
    VideoFrame,
    annotate,
    read_video,
)
from fer_core.video_writer import VideoWriter
from tests.clips import HEIGHT, WIDTH, Part, scene, write_clip

RATE = 10  # frames a second of the clips, all of which are read
CALM = 0.35  # seconds after a change in which the smoothed answer may still be the one before
HAPPY, SAD, SURPRISE = "happy_f_asian_01", "sad_f_african_01", "surprise_m_african_01"
SEVEN = (
    HAPPY, "angry_f_african_02", SURPRISE, "disgust_m_european_01", SAD, "fear_m_asian_01",
    "neutral_m_european_01",
)  # fmt: skip

Script = Callable[[float], list[Part]]


def film(path: Path, script: Script, seconds: float, rate: float = RATE, **options: str) -> Path:
    """What a script shows at each time."""
    times = [number / rate for number in range(round(seconds * rate))]
    images = (scene(*script(moment)) for moment in times)
    return write_clip(path, images, times, **options)


def named(frame: VideoFrame, parts: Iterable[Part]) -> dict[str, tuple[int, str]]:
    """Track and label of the face at each portrait's place."""
    found = {}
    for part in parts:
        for track, face in zip(frame.tracks, frame.result.faces, strict=True):
            box = face.detection.box
            x, y = (box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2
            if math.hypot(x - part.x, y - part.y) < part.side / 4:
                found[part.name] = (track, face.emotion.label)
    return found


def one_after_the_other(pause: float) -> Script:
    """Each portrait for 1.2 seconds, left and right in turn."""

    def script(moment: float) -> list[Part]:
        number, since = divmod(moment + 1e-6, 1.2 + pause)
        x = WIDTH / 2 + (150 if int(number) % 2 else -150)
        return [Part(SEVEN[int(number)], x)] if since < 1.2 else []

    return script


@pytest.mark.parametrize("pause", [0.6, pytest.param(0.0, marks=pytest.mark.slow)])
def test_portraits_one_after_the_other(
    recognizer: EmotionRecognizer, tmp_path: Path, pause: float
) -> None:
    every = 0.2
    script, shown = one_after_the_other(pause), 1.2 + pause
    path = film(tmp_path / "clip.mp4", script, 7 * shown)
    right, tracks, empty = [], {}, 0
    for number, frame in enumerate(read_video(path, every, recognizer)):
        assert frame.time == pytest.approx(number * every, abs=1e-3)
        parts = script(frame.time)
        if not parts:
            assert frame.tracks == ()
            empty += 1
            continue
        ((name, (track, label)),) = named(frame, parts).items()
        tracks.setdefault(name, set()).add(track)
        if frame.time % shown > CALM:
            right.append(label == name.split("_")[0])
    assert np.mean(right) >= 0.95
    assert len(right) > 20
    assert [tracks[name] for name in SEVEN] == [{number} for number in range(1, 8)]
    assert (empty > 10) == (pause > 0)


def moved(moment: float) -> list[Part]:
    """Back and forth by up to 500 pixels a second, up and down, nearer and farther."""
    x = WIDTH / 2 + 200 * math.sin(2.5 * moment)
    y = HEIGHT / 2 + 60 * math.sin(4 * moment)
    return [Part(SURPRISE, x, y, round(190 + 50 * math.sin(1.5 * moment)))]


def crossed(moment: float) -> list[Part]:
    """Two who pass each other, one before the other."""
    going, coming = 90 + 200 * moment, WIDTH - 90 - 200 * moment
    return [Part(HAPPY, going, 250, 200), Part(SAD, coming, 225, 180)]


def crossed_slowly(moment: float) -> list[Part]:
    going, coming = 150 + 100 * moment, WIDTH - 150 - 100 * moment
    return [Part(SAD, coming, 240, 200), Part(HAPPY, going, 240, 200)]


def faded(moment: float) -> list[Part]:
    """In and out within a second each."""
    return [Part(HAPPY, shown=min(1.0, moment, 4 - moment))]


def blinded(moment: float) -> list[Part]:
    """Gone for three frames, twice."""
    frame = round(moment * RATE)
    return [] if frame in {8, 9, 10, 20, 21, 22} else [Part(SAD, 200 + 60 * moment)]


@pytest.mark.parametrize(
    ("script", "seconds", "names"),
    [
        pytest.param(moved, 5.0, {SURPRISE}, marks=pytest.mark.slow),
        (crossed, 2.3, {HAPPY, SAD}),
        pytest.param(crossed_slowly, 3.4, {HAPPY, SAD}, marks=pytest.mark.slow),
        (faded, 4.0, {HAPPY}),
        (blinded, 3.0, {SAD}),
    ],
)
def test_a_face_keeps_its_number_and_its_label(
    recognizer: EmotionRecognizer,
    tmp_path: Path,
    script: Script,
    seconds: float,
    names: set[str],
) -> None:
    path = film(tmp_path / "clip.mp4", script, seconds)
    tracks: dict[str, set[int]] = {name: set() for name in names}
    right, read = [], 0
    for frame in read_video(path, 0.1, recognizer):
        read += 1
        found = named(frame, script(frame.time))
        # While one hides the other, the place does not tell who is seen.
        if len(frame.tracks) == len(script(frame.time)):
            for name, (track, label) in found.items():
                tracks[name].add(track)
                right.append(label == name.split("_")[0])
    assert read == seconds * RATE
    assert np.mean(right) >= 0.95
    assert len(right) > 0.5 * read
    assert sorted(tracks.values(), key=min) == [{number + 1} for number in range(len(names))]


def test_a_turned_phone_video_is_read_upright(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    upright = scene(Part(SAD, 240, 260))
    path = write_clip(
        tmp_path / "phone.mov",
        [np.rot90(upright, -1)] * 12,
        codec="libx265",
        rotation=90,
    )
    (expected,) = recognizer.recognize(upright).faces
    for frame in read_video(path, 0.1, recognizer):
        assert frame.result.image_size == (WIDTH, HEIGHT)
        (face,) = frame.result.faces
        assert face.emotion.label == "sad"
        assert face.detection.box.x_min == pytest.approx(expected.detection.box.x_min, abs=4)
        assert face.detection.box.y_min == pytest.approx(expected.detection.box.y_min, abs=4)


def test_an_uneven_clip_has_its_own_times(recognizer: EmotionRecognizer, tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.3, 0.31, 1.5, 1.7, 1.75, 4.0]
    images = [scene(Part(HAPPY, 250 + 10 * number)) for number in range(len(times))]
    path = write_clip(tmp_path / "browser.webm", images, times, codec="libvpx")
    frames = list(read_video(path, 0, recognizer))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)
    assert {frame.tracks for frame in frames} == {(1,)}


def test_without_a_recognizer_the_published_one_reads(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.gif", [scene(Part(HAPPY))] * 2, codec="gif")
    (frame,) = read_video(path)
    assert [face.emotion.label for face in frame.result.faces] == ["happy"]
    assert "VideoFrame(time=0.0, tracks=(1,)" in repr(frame)


def test_the_image_of_a_frame_is_there_until_the_next_is_read(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    path = film(tmp_path / "clip.mp4", moved, 0.4)
    with read_video(path, 0.1, recognizer) as reader:
        first = next(reader)
        assert annotate(first.image, first.result).shape == (HEIGHT, WIDTH, 3)
        second = next(reader)
        with pytest.raises(RuntimeError, match="until the next frame"):
            _ = first.image
        assert second.image.shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(RuntimeError, match="until the next frame"):
        _ = second.image
    assert first.result.faces  # everything else stays
    assert list(reader) == []


def test_a_truncated_video_is_told_by_one_warning_at_its_end(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    path = film(tmp_path / "clip.webm", moved, 3.0, codec="libvpx")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reader = read_video(path, 0.2, recognizer)
    next(reader)
    with pytest.warns(
        TruncatedVideoWarning, match=r"incomplete; it was read up to \d\.\d seconds"
    ) as told:
        frames = list(reader)
    assert frames[-1].tracks == (1,)
    assert reader.truncated
    assert (len(told), told[0].filename) == (1, __file__)
    with warnings.catch_warnings(action="error"):
        assert list(reader) == []


def test_a_whole_video_is_told_by_no_warning(recognizer: EmotionRecognizer, tmp_path: Path) -> None:
    reader = read_video(film(tmp_path / "clip.mp4", moved, 0.5), 0.2, recognizer)
    assert reader.duration == pytest.approx(0.5, abs=0.1)
    with warnings.catch_warnings(action="error"):
        assert len(list(reader)) == 3
    assert not reader.truncated
    assert reader.end == pytest.approx(0.45, abs=0.06)


def test_what_is_no_video_is_refused_at_the_call(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    (tmp_path / "letter.mp4").write_text("Dear Sir")
    with pytest.raises(InvalidVideoError, match=r"^This file is not a video that can be read;"):
        read_video(tmp_path / "letter.mp4", recognizer=recognizer)


def test_frames_that_are_written_are_read_again(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    source = film(tmp_path / "clip.mp4", moved, 1.0)
    with read_video(source, 0.1, recognizer) as reader, VideoWriter(tmp_path / "out.mp4") as writer:
        given = []
        for frame in reader:
            writer.write(frame.image[:-1], frame.time)  # of odd height
            given.append((frame.time, frame.result.faces[0].emotion.label))
    again = list(read_video(tmp_path / "out.mp4", 0, recognizer))
    assert [frame.time for frame in again] == pytest.approx([moment for moment, _ in given])
    assert [frame.result.faces[0].emotion.label for frame in again] == [name for _, name in given]
    assert again[0].result.image_size == (WIDTH, HEIGHT - 2)


def test_a_writer_refuses_what_is_no_frame_of_its_video(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        with pytest.raises(ValueError, match="at least 2x2"):
            writer.write(np.zeros((1, 5, 3), np.uint8), 0.0)
        writer.write(np.zeros((10, 10, 3), np.uint8), 0.0)
        with pytest.raises(ValueError, match="frames of"):
            writer.write(np.zeros((10, 12, 3), np.uint8), 0.1)
    with pytest.raises(OSError, match="No such file"):
        VideoWriter(tmp_path / "missing" / "out.mp4")
