"""Decoding of video files: times, orientation, what is cut off, and what is no video."""

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fer_core import InvalidVideoError, VideoTooLargeError
from fer_core.frames import (
    NO_FILE,
    NO_FRAME,
    NO_VIDEO,
    TOO_MANY_PIXELS,
    TOO_SLOW,
    UNREADABLE,
    VideoFrames,
)
from tests.clips import write_clip
from tests.conftest import EXAMPLES, ROOT

Picture = NDArray[np.uint8]
SIZE = (96, 128)  # height, width
FRAME = 1 / 30  # seconds
CONTAINERS = {
    "clip.mp4": "libx264",
    "phone.mov": "libx265",
    "browser.webm": "libvpx",
    "new.webm": "libvpx-vp9",
    "av1.mp4": "libsvtav1",
    "clip.mkv": "libx264",
    "clip.gif": "gif",
    "old.avi": "mpeg4",
    "camera.avi": "mjpeg",
    "stream.ts": "libx264",
    "clip.flv": "flv",
}
CONSTANT = {"old.avi", "camera.avi"}  # AVI has one frame rate, and no times


def numbered(number: int) -> Picture:
    """A frame that tells its number in light and dark squares, most significant first."""
    image = np.full((*SIZE, 3), 128, np.uint8)
    for bit in range(8):
        row, column = divmod(bit, 4)
        light = 230 if number >> (7 - bit) & 1 else 25
        image[row * 48 : row * 48 + 48, column * 32 : column * 32 + 32] = light
    # Grain, so that the frames take more of a file than its index.
    return np.clip(image + np.random.default_rng(number).normal(0, 8, image.shape), 0, 255).astype(
        np.uint8
    )


def number_of(image: Picture) -> int:
    squares = image.reshape(2, 48, 4, 32, 3)[:, 12:36, :, 8:24].mean(axis=(1, 3, 4))
    return int("".join("1" if light > 128 else "0" for light in squares.ravel()), 2)


def clip(path: Path, times: list[float] | int, **options: Any) -> Path:
    """Numbered frames at times, or so many 30 a second."""
    count = times if isinstance(times, int) else len(times)
    images = [numbered(number) for number in range(count)]
    return write_clip(path, images, None if isinstance(times, int) else times, **options)


def read(path: Path, every: float = 0.0) -> list[tuple[float, int]]:
    return [(time, number_of(image)) for time, image in VideoFrames(path, every)]


def uneven(count: int = 50) -> list[float]:
    """Times of a variable frame rate, 8 to 60 frames a second, with a pause of two seconds."""
    steps = np.random.default_rng(0).uniform(1 / 60, 1 / 8, count)
    steps[0], steps[count // 2] = 0, 2.0
    return [float(moment) for moment in np.round(np.cumsum(steps), 2)]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_comes_with_its_own_time(tmp_path: Path, name: str) -> None:
    times = [FRAME * number for number in range(50)] if name in CONSTANT else uneven()
    given = len(times) if name in CONSTANT else times
    found = read(clip(tmp_path / name, given, codec=CONTAINERS[name]))
    assert [number for _, number in found] == list(range(50))
    assert [moment for moment, _ in found] == pytest.approx(times, abs=0.011)  # GIF: 1/100


@pytest.mark.parametrize("name", ["clip.mp4", "browser.webm", "clip.gif"])
@pytest.mark.parametrize("every", [0.1, 0.2, 0.5, 1.0])
def test_the_first_frame_at_or_after_each_multiple_is_given(
    tmp_path: Path, name: str, every: float
) -> None:
    times = uneven()
    found = read(clip(tmp_path / name, times, codec=CONTAINERS[name]), every)
    wanted: list[int] = []
    for number, moment in enumerate(times):
        earlier = times[number - 1] if number else -1.0
        if int(moment / every + 1e-6) > int(earlier / every + 1e-6) or not number:
            wanted.append(number)
    assert [number for _, number in found] == wanted


def test_at_thirty_frames_a_second_every_sixth_is_given(tmp_path: Path) -> None:
    found = read(clip(tmp_path / "clip.mp4", 61), 0.2)
    assert [number for _, number in found] == list(range(0, 61, 6))


@pytest.mark.parametrize("every", [-0.1, float("nan"), float("inf")])
def test_a_time_between_frames_that_is_none_is_refused(tmp_path: Path, every: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        VideoFrames(clip(tmp_path / "clip.mp4", 2), every)


def test_a_file_that_begins_late_begins_at_zero(tmp_path: Path) -> None:
    late = clip(tmp_path / "late.mp4", [3.0, 3.1, 3.3], container={"use_editlist": "0"})
    assert [moment for moment, _ in read(late)] == pytest.approx([0, 0.1, 0.3])


def test_a_clock_that_is_set_back_goes_on(tmp_path: Path) -> None:
    """Two recordings one after the other, as television and dashcams write them."""
    first = clip(tmp_path / "one.ts", 20).read_bytes()
    (tmp_path / "two.ts").write_bytes(first + first)
    times = [moment for moment, _ in read(tmp_path / "two.ts")]
    assert len(times) >= 39  # the last of the first may break off
    assert times == sorted(times)
    assert times[-1] == pytest.approx(39 * FRAME, abs=2 * FRAME)


@pytest.mark.parametrize("name", ["clip.mp4", "phone.mov"])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_by_metadata_is_applied(tmp_path: Path, name: str, rotation: int) -> None:
    """As a phone writes it: lying pictures, and how they are to be turned counter-clockwise."""
    upright = numbered(0b10110010)
    lying = np.rot90(upright, -rotation // 90)
    path = write_clip(tmp_path / name, [lying] * 3, codec=CONTAINERS[name], rotation=rotation)
    for _, image in VideoFrames(path):
        assert image.shape == upright.shape
        assert number_of(image) == 0b10110010
        assert image.flags.c_contiguous


def test_a_mirrored_rotation_is_applied(tmp_path: Path) -> None:
    image = numbered(0b10110010)
    with av.open(str(tmp_path / "mirror.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.height, stream.width = SIZE
        stream.set_display_rotation(90, hflip=True)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    ((_, found),) = VideoFrames(tmp_path / "mirror.mp4")
    expected = np.rot90(image)[:, ::-1].astype(float)
    assert np.abs(found - expected).mean() < 8


def test_oblong_pixels_are_made_square(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "wide.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.height, stream.width = SIZE
        stream.codec_context.sample_aspect_ratio = 2
        output.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(5), format="rgb24")))
        output.mux(stream.encode())
    ((_, image),) = VideoFrames(tmp_path / "wide.mp4")
    assert image.shape == (SIZE[0], 2 * SIZE[1], 3)


def test_transparency_is_laid_over_white_as_in_a_picture(tmp_path: Path) -> None:
    shapes = [Image.new("RGBA", (64, 48), (0, 0, 0, 0)) for _ in range(3)]
    for number, shape in enumerate(shapes):
        shape.paste((200, 0, 0, 255), (8 * number, 8, 8 * number + 16, 24))
    shapes[0].save(
        tmp_path / "sticker.gif", save_all=True, append_images=shapes[1:], duration=100, disposal=2
    )
    frames = list(VideoFrames(tmp_path / "sticker.gif"))
    assert len(frames) == 3
    for number, (_, image) in enumerate(frames):
        assert image[40, 60].tolist() == [255, 255, 255]
        assert image[16, 8 * number + 8].tolist() == pytest.approx([200, 0, 0], abs=10)


CUT = {
    "clip.mp4": {"container": {"movflags": "faststart"}},
    "phone.mov": {"container": {"movflags": "faststart"}},
    "browser.webm": {},
    "clip.mkv": {},
    "clip.gif": {},
    "old.avi": {},
    "camera.avi": {},
    "clip.flv": {},
}


@pytest.mark.parametrize("name", CUT)
def test_a_truncated_file_is_read_to_where_it_breaks(tmp_path: Path, name: str) -> None:
    path = clip(tmp_path / name, 120, codec=CONTAINERS[name], g="10", **CUT[name])
    whole = VideoFrames(path)
    assert len(list(whole)) == 120
    assert not whole.truncated
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    frames = VideoFrames(path)
    numbers = [number_of(image) for _, image in frames]
    assert frames.truncated
    assert 20 < len(numbers) < 110
    # The last may lack one that a B-frame waits for, or, in a GIF, show the one before it.
    assert numbers[:-2] == list(range(len(numbers) - 2))
    assert frames.end == pytest.approx(len(numbers) * FRAME, abs=3 * FRAME)


def test_a_damaged_frame_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    path = clip(tmp_path / "camera.avi", 60, codec="mjpeg")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(data)
    frames = VideoFrames(path)
    assert 50 <= len(list(frames)) <= 60
    assert frames.truncated


def sound(path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=48000, layout="mono")
        for number in range(50):
            silence = np.zeros((1, 960), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48000, 960 * number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def test_sound_that_goes_on_longer_is_no_damage(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as output:
        video = output.add_stream("libx264", rate=30)
        video.height, video.width = SIZE
        audio = output.add_stream("aac", rate=48000, layout="mono")
        for number in range(15):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            output.mux(video.encode(frame))
        for number in range(200):
            silence = np.zeros((1, 1024), np.float32)
            piece = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            piece.sample_rate, piece.pts = 48000, 1024 * number
            output.mux(audio.encode(piece))
        output.mux(video.encode())
        output.mux(audio.encode())
    frames = VideoFrames(tmp_path / "song.mp4")
    assert len(list(frames)) == 15
    assert not frames.truncated
    assert frames.end == pytest.approx(0.5)


def picture(path: Path, kind: str) -> None:
    with Image.open(EXAMPLES / "happy_f_asian_01.jpg") as opened:
        opened.save(path, format=kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF"])
def test_a_picture_by_the_name_of_a_video_is_refused(tmp_path: Path, kind: str) -> None:
    import fer_core.images  # noqa: F401  brings HEIF to Pillow

    picture(tmp_path / "clip.mp4", kind)
    with pytest.raises(InvalidVideoError) as caught:
        VideoFrames(tmp_path / "clip.mp4")
    assert str(caught.value) in {UNREADABLE, NO_VIDEO}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("letter.mp4", b"Dear Sir,\n" * 500),
        ("page.webm", b"<html><script>alert(1)</script></html>"),
        ("noise.avi", np.random.default_rng(0).bytes(50_000)),
        ("zeros.mp4", bytes(50_000)),
        ("drawing.mp4", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidVideoError) as caught:
        VideoFrames(tmp_path / name)
    assert str(caught.value) == UNREADABLE


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.m4a", "aac"), ("a.mkv", "aac"), ("a.ogg", "libopus")]
)
def test_sound_alone_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    with pytest.raises(InvalidVideoError) as caught:
        VideoFrames(sound(tmp_path / name, codec))
    assert str(caught.value) == NO_VIDEO


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("missing.mp4", "folder.mp4", "pipe.mp4", "nul\0l.mp4"):
        with pytest.raises(InvalidVideoError) as caught:
            VideoFrames(tmp_path / name)
        assert str(caught.value) == NO_FILE


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Without the powers of root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)  # nobody
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission_is_refused() -> None:
    with TemporaryDirectory() as folder:  # pytest's own folders are shut to other users
        Path(folder).chmod(0o755)
        path = clip(Path(folder) / "clip.mp4", 2)
        path.chmod(0o644)
        with ordinary_user(), closing(VideoFrames(path)) as frames:
            assert len(list(frames)) == 2
        path.chmod(0)
        with ordinary_user(), pytest.raises(InvalidVideoError) as caught:
            VideoFrames(path)
    assert str(caught.value) == NO_FILE


def test_a_file_whose_index_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 60)  # the index comes last
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidVideoError) as caught:
        VideoFrames(path)
    assert str(caught.value) == UNREADABLE


def test_a_file_of_which_no_frame_is_whole_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 5, container={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    data[begin:] = np.random.default_rng(0).bytes(len(data) - begin)
    path.write_bytes(data)
    with pytest.raises(InvalidVideoError) as caught:
        list(VideoFrames(path))
    assert str(caught.value) == NO_FRAME


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    """Bytes changed anywhere, two thirds of them in the header."""
    random = np.random.default_rng(7)
    whole = clip(tmp_path / name, 12, codec=CONTAINERS[name]).read_bytes()
    path, ends = tmp_path / f"damaged{Path(name).suffix}", []
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(random.choice([1, 5, 50])):
            reach = min(len(data), random.choice([200, 2000, len(data)]))
            data[random.integers(reach)] = random.integers(256)
        path.write_bytes(data[: random.choice([len(data), random.integers(len(data))])])
        try:
            times = [moment for moment, _ in VideoFrames(path)]
        except InvalidVideoError:
            ends.append("refused")
        else:
            assert times == sorted(times)
            ends.append("read")
    assert set(ends) == {"read", "refused"}


def test_frames_of_more_than_64_megapixels_are_refused_before_they_are_decoded(
    tmp_path: Path,
) -> None:
    data = bytearray(clip(tmp_path / "clip.gif", 3, codec="gif").read_bytes())
    data[6:10] = b"\xff\xff\xff\xff"
    (tmp_path / "claims.gif").write_bytes(data)
    blank = np.zeros((8192, 8192, 3), np.uint8)
    write_clip(tmp_path / "large.avi", [blank], codec="mjpeg")
    del blank
    for name in ("claims.gif", "large.avi"):
        with pytest.raises(VideoTooLargeError) as caught:
            VideoFrames(tmp_path / name)
        assert str(caught.value) == TOO_MANY_PIXELS


def test_a_gif_that_claims_ten_hours_is_read_in_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "long.gif"
    pictures = [Image.fromarray(numbered(number)) for number in range(56)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=655_340)
    frames = VideoFrames(path, every=0.2)
    assert frames.duration == pytest.approx(36_699, abs=1)
    assert [number_of(image) for _, image in frames] == list(range(56))


@pytest.fixture
def web() -> Iterator[tuple[str, list[str]]]:
    """An address, and what was asked there."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_a_file_that_names_others_opens_none_of_them(
    tmp_path: Path, web: tuple[str, list[str]], suffix: str
) -> None:
    address, asked = web
    other = clip(tmp_path / "other.mp4", 3)
    manifest = (
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period>"
        f"<AdaptationSet><Representation id='1'><BaseURL>{address}/a.mp4</BaseURL>"
        "</Representation></AdaptationSet></Period></MPD>"
    )
    scripts = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}/a.ts\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {other.name}\n",
        f"ffconcat version 1.0\nfile {address}/a.mp4\n",
        manifest,
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
    ]
    for number, script in enumerate(scripts):
        path = tmp_path / f"script{number}{suffix}"
        path.write_text(script)
        with pytest.raises(InvalidVideoError) as caught:
            VideoFrames(path)
        assert str(caught.value) == UNREADABLE
    for name in (f"{address}/a.mp4", f"concat:{other}", f"file:{other}", str(tmp_path / "%d.mp4")):
        with pytest.raises(InvalidVideoError):
            VideoFrames(name)
    assert asked == []


def open_videos() -> list[str]:
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder's own, gone by now
            opened.append(str(link.readlink()))
    return [name for name in opened if name.endswith(".mp4")]


def test_the_file_is_freed_at_the_end_by_closing_and_when_it_is_refused(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 10)
    read(path)
    started = VideoFrames(path)
    next(started)
    assert open_videos() == [str(path)]
    started.close()
    started.close()
    assert list(started) == []
    VideoFrames(path).close()  # never begun
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(InvalidVideoError):
        VideoFrames(path)
    assert open_videos() == []


def test_a_file_that_is_deleted_meanwhile_is_read_to_its_end(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 30)
    frames = VideoFrames(path)
    next(frames)
    path.unlink()
    assert len(list(frames)) == 29


def test_reading_ends_at_a_deadline(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 30)
    assert len(list(VideoFrames(path, deadline=time.monotonic() + 600))) == 30
    with pytest.raises(InvalidVideoError) as caught:
        list(VideoFrames(path, deadline=time.monotonic() - 1))
    assert str(caught.value) == TOO_SLOW


@pytest.mark.slow
def test_no_decoded_frame_is_kept(tmp_path: Path) -> None:
    """In a process of its own, whose memory at most stays under a few of its 20 frames."""
    image = cv2.resize(numbered(37), (4096, 3072), interpolation=cv2.INTER_NEAREST)
    path = write_clip(tmp_path / "large.avi", (image for _ in range(20)), codec="mjpeg")
    code = (
        "import gc, sys; gc.disable()\n"
        "from fer_core.frames import VideoFrames\n"
        "from tests.serving import memory_mb\n"
        "for _ in VideoFrames(sys.argv[1]): pass\n"
        "print(memory_mb('VmHWM'))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, check=True, capture_output=True
    ).stdout
    assert float(said) < 200 + 12 * image.nbytes / 2**20  # Python and FFmpeg, and a few frames


@pytest.mark.skipif(sys.platform != "linux", reason="asks the scheduler of Linux")
def test_making_av1_leaves_the_process_its_usual_priority(tmp_path: Path) -> None:
    clip(tmp_path / "av1.mp4", 3, codec=CONTAINERS["av1.mp4"])
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
