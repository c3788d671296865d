from pathlib import Path

import numpy as np
import pytest

from fer_core.preprocessing import PreprocessingSpec, preprocess
from train.data.dataset import digests
from train.data.synthetic import draw_face
from train.errors import RunError
from train.inputs.teachers import TeacherLogits, average_teachers, predict_views
from train.networks.build import build_network


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([draw_face("fear", rng) for _ in range(12)])


def made_up(faces: np.ndarray, seed: int) -> TeacherLogits:
    rng = np.random.default_rng(seed)
    logits = {
        head: rng.normal(size=(len(faces), classes)).astype(np.float32)
        for head, classes in (("ferplus", 8), ("fer2013", 7))
    }
    return TeacherLogits(digests(faces), logits, (f"teacher {seed}",))


def test_a_file_gives_back_what_was_saved_in_any_order(faces: np.ndarray, tmp_path: Path) -> None:
    answers = made_up(faces, 1)
    answers.save(tmp_path / "answers.npz")
    loaded = TeacherLogits.load(tmp_path / "answers.npz")
    assert loaded.teachers == ("teacher 1",)
    order = np.random.default_rng(0).permutation(len(faces))[:5]
    for head, values in loaded.select(faces[order]).items():
        np.testing.assert_array_equal(values, answers.logits[head][order])


def test_a_face_that_nobody_was_asked_about_is_told(faces: np.ndarray) -> None:
    with pytest.raises(RunError, match="leave out 2 of 12 faces"):
        made_up(faces[:10], 1).select(faces)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_another_file_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "answers.npz"
    path.write_bytes(content)
    with pytest.raises(RunError, match="holds no logits of teachers"):
        TeacherLogits.load(path)
    with pytest.raises(RunError, match="holds no logits of teachers"):
        TeacherLogits.load(tmp_path / "missing.npz")


def test_teachers_are_pooled_by_their_mean_logits(faces: np.ndarray) -> None:
    one, other = made_up(faces, 1), made_up(faces, 2)
    both = average_teachers([one, other])
    assert both.teachers == ("teacher 1", "teacher 2")
    for head in ("ferplus", "fer2013"):
        mean = (one.logits[head] + other.logits[head]) / 2
        np.testing.assert_allclose(both.logits[head], mean, atol=1e-6)
    with pytest.raises(RunError, match="different faces"):
        average_teachers([one, made_up(faces[::-1], 2)])


def test_a_network_is_asked_about_faces_and_their_mirror_images(faces: np.ndarray) -> None:
    spec = PreprocessingSpec()
    network = build_network("tiny", spec)
    inputs = preprocess(faces, spec)
    both = [network.predict_on_batch(view) for view in (inputs, inputs[:, :, ::-1])]
    for head, values in predict_views(network, faces, spec).items():
        expected = (both[0][head] + both[1][head]) / 2
        np.testing.assert_allclose(values, expected, atol=1e-4)
    more = predict_views(network, faces, spec, views=2)
    again = predict_views(network, faces, spec, views=2)
    assert not np.allclose(more["ferplus"], predict_views(network, faces, spec)["ferplus"])
    np.testing.assert_array_equal(more["ferplus"], again["ferplus"])


def test_more_faces_than_a_batch_are_answered_in_order(
    faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = PreprocessingSpec()
    network = build_network("tiny", spec)
    expected = predict_views(network, faces, spec)
    monkeypatch.setattr("train.inputs.teachers.BATCH", 5)
    for head, values in predict_views(network, faces, spec).items():
        np.testing.assert_allclose(values, expected[head], atol=1e-5)
