"""The runtime of all networks, tried with the face mesh and the emotion network."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.inference import MAX_SHAPES, Network
from fer_core.landmarks import LANDMARKER_FILE, MESH, PRESENCE
from fer_core.model import MAPS, read_info


@pytest.fixture(scope="module")
def emotion() -> Network:
    return Network((MODELS_DIR / read_info(MODELS_DIR).file).read_bytes())


def faces(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 48, 48, 1)).astype(np.float32)


def test_outputs_go_by_the_signature_where_there_is_one(emotion: Network) -> None:
    outputs = emotion.run(faces(2))
    shapes = {name: values.shape for name, values in outputs.items()}
    assert shapes["ferplus"] == (2, 8)
    assert shapes["fer2013"] == (2, 7)
    assert shapes["ferplus" + MAPS][0] == shapes["fer2013" + MAPS][0] == 2


def test_outputs_go_by_the_tensors_where_there_is_none() -> None:
    mesh = Network((MODELS_DIR / LANDMARKER_FILE).read_bytes())
    assert set(mesh.run(np.zeros((1, 192, 192, 3), np.float32))) >= {MESH, PRESENCE}


def test_every_shape_gives_the_same_also_when_it_was_forgotten(emotion: Network) -> None:
    many = faces(MAX_SHAPES + 3)
    first = emotion.run(many[:1])["ferplus"]
    for count in range(2, len(many) + 1):
        np.testing.assert_allclose(emotion.run(many[:count])["ferplus"][:1], first, atol=1e-5)
    np.testing.assert_array_equal(emotion.run(many[:1])["ferplus"], first)


def test_threads_get_the_answers_to_their_own_questions(emotion: Network) -> None:
    questions = [faces(1 + seed % 3, seed) for seed in range(48)]
    expected = [emotion.run(question)["ferplus"] for question in questions]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda question: emotion.run(question)["ferplus"], questions))
    for answer, right in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(answer, right)


def test_answers_stay_what_they_are_when_the_next_comes(emotion: Network) -> None:
    first = emotion.run(faces(1))["ferplus"]
    kept = first.copy()
    emotion.run(faces(1, seed=1))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("shape", [(1, 48, 48, 3), (48, 48), (0,)])
def test_another_shape_is_refused_and_the_network_goes_on(
    emotion: Network, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="cannot take inputs"):
        emotion.run(np.zeros(shape, np.float32))
    assert emotion.run(faces(1))["ferplus"].shape == (1, 8)


def test_another_dtype_is_refused(emotion: Network) -> None:
    with pytest.raises(ValueError, match="FLOAT"):
        emotion.run(faces(1).astype(np.float64))


@pytest.mark.parametrize("content", [b"", b"not a network", b"\0" * 4096])
def test_what_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  LiteRT's own words
        Network(content)
