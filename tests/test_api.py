"""Programs: the generated API over a real server with the real model, through gradio_client."""

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from gradio_client.utils import Status
from jsonschema import Draft202012Validator
from PIL import Image

from fer_core import EmotionRecognizer, frames, read_video
from fer_core.images import (
    MAX_BYTES,
    TOO_LONG,
    TOO_MANY_BYTES,
    TOO_MANY_PIXELS,
    TRUNCATED,
    UNREADABLE,
)
from fer_core.results import QUALITY_REASONS, FaceQuality
from page import videos
from tests.clips import Part, scene, write_clip
from tests.conftest import EXAMPLES, ROOT

HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
SAD = EXAMPLES / "sad_f_african_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"


@pytest.fixture(scope="module")
def client(served_app: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(served_app, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


def predict(client: Client, path: Path) -> dict[str, Any]:
    answer: dict[str, Any] = client.predict(image=handle_file(str(path)), api_name="/predict")
    return answer


def readme_code(heading: str, language: str = "python") -> str:
    """The first block of a language under a heading of README.md."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1]
    block = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return block[1]


def test_the_calls_of_the_readme_work_as_written(
    served_app: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = readme_code("Use it from a program")
    assert "/predict" in code
    assert "/annotate" in code
    assert "/predict_batch" in code
    monkeypatch.chdir(ROOT)
    exec(code.replace("http://127.0.0.1:7860", served_app), {})  # noqa: S102 - our own README
    printed = capsys.readouterr().out
    assert "happy" in printed
    assert "group_happy-surprise-angry_01.jpg,3," in printed


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of a happy face and, for a while, a sad one."""
    alone, both = scene(Part(HAPPY.stem, 180)), scene(Part(HAPPY.stem, 180), Part(SAD.stem, 480))
    images = [alone] * 20 + [both] * 10 + [alone] * 20
    times = [number / 5 for number in range(50)]
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", images, times)


def test_the_video_call_of_the_readme_works_as_written(
    served_app: str, clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("For a video, five")[1]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert block is not None
    monkeypatch.chdir(clip.parent)
    exec(block[1].replace("http://127.0.0.1:7860", served_app), {})  # noqa: S102 - our own README
    printed = capsys.readouterr().out.splitlines()[1:]  # the client's own greeting
    assert printed[:2] == [
        "face 1, 0.0 to 9.8 s, happy 100%", "face 2, 4.0 to 5.8 s, happy 0%",
    ]  # fmt: skip
    assert len(printed) == 2 + 50 + 10


def test_predict_video_answers_what_the_package_answers(
    client: Client, recognizer: EmotionRecognizer, clip: Path
) -> None:
    summary, timeline, table = client.predict(
        video=handle_file(str(clip)), api_name="/predict_video"
    )
    expected = [
        (frame.time, track, face.to_dict())
        for frame in read_video(clip, 0.2, recognizer)
        for track, face in zip(frame.tracks, frame.result.faces, strict=True)
    ]
    assert [(row.pop("time"), row.pop("track"), row) for row in timeline] == expected
    assert summary["frames"] == 50
    assert [row["label"] for row in csv.DictReader(io.StringIO(table))] == [
        face["emotion"]["label"] for _, _, face in expected
    ]
    schema = json.loads((ROOT / "docs" / "answer.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator({"$ref": "#/$defs/face", "$defs": schema["$defs"]})
    for row in timeline:
        validator.validate(row)


def test_pictures_are_answered_while_a_video_is_read_and_whoever_cancels_makes_room(
    client: Client, tmp_path: Path
) -> None:
    image = scene(Part(HAPPY.stem))
    minute = write_clip(tmp_path / "minute.mp4", [image] * 300, [n / 5 for n in range(300)])
    job = client.submit(video=handle_file(str(minute)), api_name="/predict_video")
    while job.status().code != Status.PROGRESS:
        assert not job.done()
    assert len(predict(client, HAPPY)["faces"]) == 1
    assert not job.done()
    job.cancel()
    short = write_clip(tmp_path / "short.mp4", [image] * 3, [0.0, 0.2, 0.4])
    summary, _, _ = client.predict(video=handle_file(str(short)), api_name="/predict_video")
    assert summary["frames"] == 3


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("letter.mp4", b"Dear Sir", frames.UNREADABLE),
        ("empty.mp4", b"", frames.UNREADABLE),
        ("picture.mp4", HAPPY.read_bytes(), frames.UNREADABLE),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n", frames.UNREADABLE),
        ("huge.mp4", bytes(videos.MAX_BYTES + 1), videos.TOO_MANY_BYTES),
    ],
)
def test_what_is_no_video_is_refused_with_one_sentence(
    client: Client, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AppError) as caught:
        client.predict(video=handle_file(str(tmp_path / name)), api_name="/predict_video")
    assert str(caught.value) == sentence


def test_no_video_and_a_path_of_the_server_are_refused(client: Client) -> None:
    stolen = {"path": str(ROOT / "models" / "model.json"), "meta": {"_type": "gradio.FileData"}}
    for given in (None, stolen):
        with pytest.raises(AppError):
            client.predict(video=given, api_name="/predict_video")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_call_of_the_readme_works_as_written(served_app: str) -> None:
    code = readme_code("curl", "sh").replace("http://127.0.0.1:7860", served_app)
    said = subprocess.run(
        ["sh", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    answer = json.loads(said.split("event: complete\ndata: ")[1])[0]
    assert [face["emotion"]["label"] for face in answer["faces"]] == ["happy"]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_javascript_call_of_the_readme_works_as_written(
    served_app: str, tmp_path: Path
) -> None:
    code = readme_code("JavaScript", "js")
    (tmp_path / "letter.jpg").write_text("Dear Sir")
    use = """
const { openAsBlob } = require("node:fs");
(async () => {
  const [server, happy, letter] = process.argv.slice(2);
  console.log((await predict(server, await openAsBlob(happy))).faces[0].emotion.label);
  await predict(server, await openAsBlob(letter)).catch((error) => console.log(error.message));
})();
"""
    (tmp_path / "use.js").write_text(code + use)
    said = subprocess.run(
        ["node", "use.js", served_app, str(HAPPY), "letter.jpg"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.splitlines() == ["happy", UNREADABLE]


def test_answers_follow_the_schema(client: Client) -> None:
    schema = json.loads((ROOT / "docs" / "answer.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    Draft202012Validator.check_schema(schema)
    answer = predict(client, GROUP)
    validator.validate(answer)
    assert len(answer["faces"]) == 3
    answers, _ = client.predict(images=[handle_file(str(HAPPY))], api_name="/predict_batch")
    assert answers[0].pop("picture") == HAPPY.name
    validator.validate(answers[0])
    answer["faces"][0]["emotion"]["label"] = "bored"
    assert not validator.is_valid(answer)


def test_the_schema_knows_the_reasons_of_doubt_and_no_others(
    recognizer: EmotionRecognizer,
) -> None:
    schema = json.loads((ROOT / "docs" / "answer.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    answer = recognizer.recognize(HAPPY).to_dict()
    quality = answer["faces"][0]["quality"]
    for reasons in ([], *([name] for name in QUALITY_REASONS), list(QUALITY_REASONS)):
        answer["faces"][0]["quality"] = FaceQuality(tuple(reasons)).to_dict()
        validator.validate(answer)
    for wrong in ({**quality, "reasons": ["ugly"]}, {**quality, "reasons": None}, {"reasons": []}):
        answer["faces"][0]["quality"] = wrong
        assert not validator.is_valid(answer)
    del answer["faces"][0]["quality"]
    assert not validator.is_valid(answer)


def test_the_example_in_the_readme_follows_the_schema() -> None:
    schema = json.loads((ROOT / "docs" / "answer.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(json.loads(readme_code("The answer", "json")))


def test_the_package_example_of_the_readme_works_as_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    code = readme_code("Use it as a package")
    exec(code.replace("marked.jpg", str(tmp_path / "marked.jpg")), {})  # noqa: S102 - as above
    assert capsys.readouterr().out.count("happy") == 1
    assert (tmp_path / "marked.jpg").is_file()


def test_the_video_example_of_the_readme_works_as_written(
    clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    exec(readme_code("Videos"), {})  # noqa: S102 - as above
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "0.00 s, face 1: happy"
    assert "4.00 s, face 2: sad" in printed
    assert [frame.tracks for frame in read_video("marked.mp4", 5.0)] == [(1,), (1, 2)]


def test_predict_answers_what_the_package_answers(
    client: Client, recognizer: EmotionRecognizer
) -> None:
    assert predict(client, GROUP) == recognizer.recognize(GROUP).to_dict()


def test_annotate_returns_the_picture_with_marks(client: Client) -> None:
    path = client.predict(image=handle_file(str(GROUP)), api_name="/annotate")
    with Image.open(path) as marked, Image.open(GROUP) as original:
        assert marked.size == original.size
        difference = np.abs(np.asarray(marked, float) - np.asarray(original, float))
    assert (difference > 100).mean() > 0.001


def test_a_picture_without_a_face_is_an_answer(client: Client, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "flat.png")
    answer = predict(client, tmp_path / "flat.png")
    assert answer["faces"] == []
    assert answer["image"] == {"width": 64, "height": 48}


def test_an_exif_rotated_photo_is_read_upright(client: Client, tmp_path: Path) -> None:
    with Image.open(HAPPY) as upright:
        lying = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    lying.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    (face,) = predict(client, tmp_path / "phone.jpg")["faces"]
    (expected,) = predict(client, HAPPY)["faces"]
    assert face["emotion"]["label"] == "happy"
    assert face["box"]["x_min"] == pytest.approx(expected["box"]["x_min"], abs=6)
    assert face["box"]["y_min"] == pytest.approx(expected["box"]["y_min"], abs=6)


def converted(mode: str, file_format: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with Image.open(HAPPY) as picture:
            picture.convert(mode).save(path, format=file_format)

    return write


def sixteen_bit(path: Path) -> None:
    with Image.open(HAPPY) as picture:
        grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(path, format="PNG")


def animated(path: Path) -> None:
    with Image.open(HAPPY) as picture:
        picture.save(path, format="GIF", save_all=True, append_images=[Image.new("L", (512, 512))])


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("grey.png", converted("L", "PNG")),
        ("rgba.png", converted("RGBA", "PNG")),
        ("palette.png", converted("P", "PNG")),
        ("cmyk.jpg", converted("CMYK", "JPEG")),
        ("sixteen.png", sixteen_bit),
        ("animated.gif", animated),
        ("picture.webp", converted("RGB", "WEBP")),
        ("picture.tiff", converted("RGB", "TIFF")),
        ("misnamed.png", converted("RGB", "JPEG")),
    ],
)
def test_unusual_pictures_are_read_correctly(
    client: Client, tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    (face,) = predict(client, tmp_path / name)["faces"]
    assert face["emotion"]["label"] == "happy"


def bomb() -> bytes:
    """A PNG that claims 20,000 x 20,000 pixels."""
    buffer = io.BytesIO()
    Image.new("1", (1, 1)).save(buffer, format="PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = (20_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("letter.jpg", b"Dear Sir", UNREADABLE),
        ("empty.png", b"", UNREADABLE),
        ("page.html", b"<html><script>alert(1)</script></html>", UNREADABLE),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNREADABLE),
        ("cut.jpg", HAPPY.read_bytes()[:9000], TRUNCATED),
        ("bomb.png", bomb(), TOO_MANY_PIXELS),
    ],
)
def test_a_bad_file_is_refused_with_one_sentence_and_the_next_request_works(
    client: Client, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for endpoint in ("/predict", "/annotate"):
        with pytest.raises(AppError) as caught:
            client.predict(image=handle_file(str(tmp_path / name)), api_name=endpoint)
        assert str(caught.value) == sentence
    assert len(predict(client, HAPPY)["faces"]) == 1


def test_a_file_over_the_limit_is_refused_in_our_words(client: Client, tmp_path: Path) -> None:
    (tmp_path / "huge.bmp").write_bytes(b"BM" + bytes(MAX_BYTES))
    with pytest.raises(AppError) as caught:
        predict(client, tmp_path / "huge.bmp")
    assert str(caught.value) == TOO_MANY_BYTES


def test_an_extremely_long_picture_is_refused_where_it_could_not_be_returned(
    client: Client, tmp_path: Path
) -> None:
    Image.new("L", (70_000, 8)).save(tmp_path / "long.png")
    for endpoint in ("/predict", "/annotate"):
        with pytest.raises(AppError) as caught:
            client.predict(image=handle_file(str(tmp_path / "long.png")), api_name=endpoint)
        assert str(caught.value) == TOO_LONG


def test_no_picture_at_all_is_refused_with_one_sentence(client: Client) -> None:
    with pytest.raises(AppError, match=r"^Please give a picture\.$"):
        client.predict(image=None, api_name="/predict")


def test_a_path_of_the_server_is_not_read(client: Client) -> None:
    stolen = {"path": str(ROOT / "models" / "model.json"), "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError) as caught:
        client.predict(image=stolen, api_name="/predict")
    assert "format_version" not in str(caught.value)


def test_clients_at_the_same_time_get_their_own_answers(
    client: Client, recognizer: EmotionRecognizer
) -> None:
    paths = [*sorted(EXAMPLES.glob("*.jpg"))] * 3
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: predict(client, path), paths))
    expected = {path: recognizer.recognize(path).to_dict() for path in set(paths)}
    for path, answer in zip(paths, answers, strict=True):
        assert [face["box"] for face in answer["faces"]] == [
            face["box"] for face in expected[path]["faces"]
        ]
        assert [face["emotion"]["label"] for face in answer["faces"]] == [
            face["emotion"]["label"] for face in expected[path]["faces"]
        ]
