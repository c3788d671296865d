"""Feature maps of a face, beside the places that speak for the answer."""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from fer_core import EmotionRecognizer
from fer_core.assets import MODELS_DIR
from fer_core.explanation import draw_evidence, evidence_for, evidence_maps
from fer_core.model import EmotionModel
from fer_core.preprocessing import PreprocessingSpec, preprocess
from fer_core.results import FaceResult
from tests.conftest import EXAMPLES
from train.artifacts.model_folder import load_network
from train.errors import FeatureError
from train.evaluation.feature_figure import (
    EVIDENCE_SIZE,
    evidence_image,
    find_face,
    show_features,
)
from train.features import main
from train.networks.build import build_network
from train.networks.ensemble import build_ensemble, members_of
from train.networks.feature_maps import (
    CHANNELS,
    feature_maps,
    map_layers,
    stage_layers,
    strongest_channels,
)
from train.recipes.config import NetworkShape

PICTURE = EXAMPLES / "happy_f_asian_01.jpg"


@pytest.fixture(scope="module")
def pair() -> keras.Model:
    """The shipped network, and one that knows nothing."""
    shape = NetworkShape(width=16, stages=4, depth=1)
    other = build_network("plain", PreprocessingSpec(), shape=shape)
    return build_ensemble([load_network(MODELS_DIR), other])


@pytest.fixture(scope="module")
def face(recognizer: EmotionRecognizer) -> FaceResult:
    return find_face(recognizer, PICTURE)


@pytest.fixture(scope="module")
def inputs(recognizer: EmotionRecognizer, face: FaceResult) -> np.ndarray:
    return preprocess(face.aligned[np.newaxis], recognizer.model.info.preprocessing)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, which are not saved: that takes seconds."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


@pytest.fixture
def loaded(recognizer: EmotionRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves the command the loading of the model."""
    monkeypatch.setattr(EmotionRecognizer, "load", lambda folder: recognizer)


def with_heads(inputs: Any, maps: Any, *, pooled: bool = True) -> keras.Model:
    pool = layers.GlobalAveragePooling2D(name="features") if pooled else layers.Flatten()
    x = pool(maps)
    heads = {name: layers.Dense(n, name=name)(x) for name, n in (("ferplus", 8), ("fer2013", 7))}
    return keras.Model(inputs, heads)


def plain_network() -> keras.Model:
    """Activations within convolutions that also trim the edge, as a predecessor had them."""
    inputs = keras.Input((48, 48, 1))
    x = layers.Conv2D(3, 3, activation="relu", name="first")(inputs)
    x = layers.Conv2D(4, 3, activation="relu", name="second")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(5, 3, activation="relu", name="third")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    return with_heads(inputs, x, pooled=False)


def network_of_activation_layers() -> keras.Model:
    """Activations as layers of their own, and other maps."""
    inputs = keras.Input((48, 48, 1))
    x = layers.Rescaling(64.0, 128.0, name="rescaled")(inputs)
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="conv")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Conv2D(6, 3, strides=2, padding="same", name="last")(x)
    return with_heads(inputs, layers.LeakyReLU(name="leaky")(x))


def last_logits(member: keras.Model, maps: np.ndarray) -> np.ndarray:
    """What the head makes of the last feature maps."""
    head = member.get_layer("ferplus")
    return maps.mean(axis=(0, 1)) @ np.asarray(head.kernel) + np.asarray(head.bias)


def test_the_shipped_pair_has_two_members_with_four_stages(pair: keras.Model) -> None:
    members = members_of(pair)
    assert len(members) == 2
    for member in members:
        stages = [member.get_layer(name) for name in stage_layers(member)]
        assert [stage.output.shape[1] for stage in stages] == [48, 24, 12, 6]
        assert all(isinstance(stage, layers.Activation) for stage in stages)
        followers = [member.layers[member.layers.index(stage) + 1] for stage in stages]
        assert all("pooling" in layer.name or layer.name == "features" for layer in followers)


def test_trimmed_edges_begin_no_stage() -> None:
    assert stage_layers(plain_network()) == ["second", "third"]


def test_layers_of_activations_end_stages() -> None:
    network = network_of_activation_layers()
    assert stage_layers(network) == ["relu", "leaky"]
    assert list(map_layers(network)) == ["rescaled", "conv", "relu", "last", "leaky"]


def test_a_network_without_activations_is_told() -> None:
    inputs = keras.Input((48, 48, 1))
    with pytest.raises(FeatureError, match="no activations that are maps; name layers"):
        stage_layers(with_heads(inputs, layers.Conv2D(2, 3)(inputs)))


@pytest.mark.parametrize("member", [0, 1])
def test_the_last_maps_are_those_that_the_heads_read(
    pair: keras.Model, inputs: np.ndarray, member: int
) -> None:
    chosen = members_of(pair)[member]
    last = stage_layers(chosen)[-1]
    maps = feature_maps(chosen, inputs, [last])[last]
    assert maps.dtype == np.float32
    logits = np.asarray(chosen([inputs])["ferplus"])[0]
    np.testing.assert_allclose(last_logits(chosen, maps), logits, atol=1e-3)


def test_maps_come_in_the_order_of_their_names(inputs: np.ndarray) -> None:
    network = network_of_activation_layers()
    maps = feature_maps(network, inputs, ["leaky", "rescaled"])
    assert list(maps) == ["leaky", "rescaled"]
    logits = np.asarray(network(inputs)["ferplus"])[0]
    np.testing.assert_allclose(last_logits(network, maps["leaky"]), logits, rtol=1e-4)
    np.testing.assert_allclose(maps["rescaled"], 64 * inputs[0] + 128, rtol=1e-5)


def test_unknown_layers_are_told_with_those_that_there_are(inputs: np.ndarray) -> None:
    with pytest.raises(
        FeatureError, match="no layer fourth, fifth; it has first, second, pool, third, dropout"
    ):
        feature_maps(plain_network(), inputs, ["first", "fourth", "fifth"])


def test_channels_are_ranked_by_mean_magnitude() -> None:
    maps = np.zeros((4, 4, 20), np.float32)
    maps[..., 3], maps[..., 7] = 2, -3
    maps[0, 0, 11] = 16
    assert strongest_channels(maps, 3).tolist() == [7, 3, 11]
    assert len(strongest_channels(maps)) == CHANNELS


def test_the_figure_has_face_evidence_and_the_strongest_channels(
    recognizer: EmotionRecognizer,
    pair: keras.Model,
    face: FaceResult,
    inputs: np.ndarray,
    tmp_path: Path,
    drawn: list[Figure],
) -> None:
    maps = show_features(recognizer.model, pair, face, tmp_path / "x.png")
    (axes,) = drawn[0].axes
    images = [np.asarray(image.get_array()) for image in axes.images]
    assert len(images) == 3 + 4 * CHANNELS
    assert np.array_equal(images[0], face.aligned)
    assert np.array_equal(images[1], inputs[0, ..., 0])
    seven = evidence_maps(recognizer.model, face.aligned)
    evidence = evidence_for(seven, face.emotion.probabilities, "happy")
    assert np.array_equal(images[2], draw_evidence(face.aligned, evidence, EVIDENCE_SIZE))
    words = [text.get_text() for text in axes.texts]
    assert f"Evidence for Happy ({face.emotion.confidence:.1%})" in words
    for block, (name, values) in enumerate(maps.items()):
        height, width, count = values.shape
        at = words.index(f"{name}: {height}x{width}, the strongest 16 of {count} channels")
        channels = [int(word) for word in words[at + 1 : at + 1 + CHANNELS]]
        assert channels == strongest_channels(values).tolist()
        for tile, channel in zip(images[3 + CHANNELS * block :], channels, strict=False):
            assert np.array_equal(tile, values[..., channel])
    assert_apart(axes)


def assert_apart(axes: Axes) -> None:
    """Images lie within the figure and apart."""
    _, right = axes.get_xlim()
    bottom, _ = axes.get_ylim()
    places = [image.get_extent() for image in axes.images]  # left, right, bottom, top
    for row, (x0, x1, y1, y0) in enumerate(places):
        assert 0 <= x0 < x1 <= right
        assert 0 <= y0 < y1 <= bottom
        for a0, a1, b1, b0 in places[:row]:
            assert x0 >= a1 or a0 >= x1 or y0 >= b1 or b0 >= y1


def test_chosen_layers_of_the_second_member_are_shown(
    recognizer: EmotionRecognizer,
    pair: keras.Model,
    face: FaceResult,
    inputs: np.ndarray,
    tmp_path: Path,
    drawn: list[Figure],
) -> None:
    second = members_of(pair)[1]
    name = next(iter(map_layers(second)))
    maps = show_features(recognizer.model, pair, face, tmp_path / "x.png", layers=[name], member=2)
    assert list(maps) == [name]
    assert np.array_equal(maps[name], feature_maps(second, inputs, [name])[name])
    assert drawn[0].get_suptitle().endswith("network 2 of 2")


def test_a_network_whose_heads_read_no_pooled_maps_is_shown_without_evidence(
    recognizer: EmotionRecognizer, face: FaceResult, tmp_path: Path, drawn: list[Figure]
) -> None:
    network = plain_network()
    model = EmotionModel(network.predict_on_batch, recognizer.model.info)
    assert evidence_image(model, face) is None
    assert list(show_features(model, network, face, tmp_path / "x.png")) == ["second", "third"]
    (axes,) = drawn[0].axes
    assert len(axes.images) == 2 + 4 + 5
    assert any("no\nclass activation map" in text.get_text() for text in axes.texts)


def test_of_several_faces_the_largest_is_taken(
    recognizer: EmotionRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = next(EXAMPLES.glob("group_*"))
    largest = recognizer.recognize(picture).faces[0]
    assert np.array_equal(find_face(recognizer, picture).aligned, largest.aligned)
    assert "3 faces were found, the largest is shown" in capsys.readouterr().out


def test_the_command_writes_the_figure(
    loaded: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "features.png"
    main(["--picture", str(PICTURE), "--out", str(out)])
    assert f"wrote {out} with the layers activation" in capsys.readouterr().out
    with Image.open(out) as opened:
        assert opened.format == "PNG"
        assert min(opened.size) > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--picture", str(EXAMPLES / "lake_01.jpg")], r"error: no face was found in .*lake_01"),
        (["--picture", str(EXAMPLES / "ATTRIBUTION.md")], "error: .* not a picture"),
        (["--picture", str(EXAMPLES / "nothing.jpg")], "error: There is no readable file"),
        (["--picture", str(PICTURE), "--layers", "x"], "error: this network has no layer x; it"),
        (["--picture", str(PICTURE), "--member", "0"], "error: there is no member 0; .* 1 to "),
        (["--picture", str(PICTURE), "--member", "9"], "error: there is no member 9"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(
    loaded: None, tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        main([*arguments, "--out", str(tmp_path / "x.png")])
    assert not (tmp_path / "x.png").exists()


def test_a_place_that_cannot_be_written_to_is_one_sentence(loaded: None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"error: .*x\.png cannot be written to"):
        main(["--picture", str(PICTURE), "--out", str(tmp_path / "file" / "x.png")])


def test_only_png_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--picture", str(PICTURE), "--out", str(tmp_path / "x.jpg")])
    assert "--out must name a .png file" in capsys.readouterr().err


def test_without_matplotlib_the_command_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r"needs matplotlib: pip install -r train/requ"):
        main(["--picture", str(PICTURE), "--out", str(tmp_path / "x.png")])
