"""The networks, one function each, in plain Keras layers that every backend can train.

Ours are `vgg`, `wide`, `small` and `tiny`; `face_resnet` is there for weights that have seen many
photographs of faces. The others are those of the predecessors, as their code had them, with our two
heads in the place of their one, so that all learn from the same labels and are judged by the same
figures. Where a predecessor's text and code disagree, the code counts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import PreprocessingSpec
from train.recipes.config import NetworkShape

if TYPE_CHECKING:  # importing Keras takes seconds, which `--help` should not
    import keras

HEADS = {"ferplus": len(FERPLUS_LABELS), "fer2013": len(FER2013_LABELS)}
# Where each head stands in an array that holds both side by side.
HEAD_COLUMNS = {
    "ferplus": slice(0, HEADS["ferplus"]),
    "fer2013": slice(HEADS["ferplus"], sum(HEADS.values())),
}
RESNET_SIDE = 224  # pixels; what its ImageNet weights have seen
IMAGENET = "imagenet"
THAWED = "conv5_"  # beginning of the names of ResNet50's last blocks
# Standardized faces back to about the grey levels that pretrained trunks expect.
GREY_SCALE, GREY_MEAN = 64.0, 128.0
FACE_SIDE = 99  # pixels; at 47, 23, 11 and 5 no stage of dlib's trunk leaves a row out
# The residual blocks of dlib's trunk: width, and whether one halves the side.
FACE_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
)


class Regularization(NamedTuple):
    """What keeps a network from learning by heart.

    Attributes:
        l2: weight decay of kernels, as an L2 term of the loss.
        dropout: rate before the heads; elsewhere as the network's function says.
        synchronized: batch normalization over all replicas instead of each one's own share.
    """

    l2: float = 0.0
    dropout: float = 0.0
    synchronized: bool = False


def build_network(
    name: str,
    spec: PreprocessingSpec,
    how: Regularization | None = None,
    pretrained: str = "",
    shape: NetworkShape | None = None,
) -> "keras.Model":
    """A fresh network.

    Args:
        name: a key of `NETWORKS`.
        spec: gives the input's shape.
        how: regularization; none when None.
        pretrained: for `resnet50`: `imagenet` downloads Keras's weights, a path reads them from a
            file, nothing leaves them random. Other networks begin with random weights only.
        shape: of `plain`; its defaults when None.

    Returns:
        (N, h, w, 1) float32 -> {"ferplus": (N, 8), "fer2013": (N, 7)} float32 logits.

    Raises:
        ValueError: the name is unknown, or the network has no pretrained weights.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}")
    how = how or Regularization()
    if name == "resnet50":
        return resnet50(spec, how, pretrained)
    if pretrained:
        raise ValueError(f"there are pretrained weights for resnet50 only, not for {name}")
    if name == "plain":
        return plain(spec, how, shape or NetworkShape())
    return NETWORKS[name](spec, how)


def plain(
    spec: PreprocessingSpec, how: Regularization, shape: NetworkShape | None = None
) -> "keras.Model":
    """3x3 convolutions in stages, of any size."""
    shape = shape or NetworkShape()
    widths = tuple(shape.width << stage for stage in range(shape.stages))
    return _plain_network("plain", widths, spec, how, shape)


def vgg(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Plain 3x3 convolutions in four stages of 32, 64, 128 and 256; 1.2 M parameters."""
    return _plain_network("vgg", (32, 64, 128, 256), spec, how)


def wide(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The same three eighths wider: 44, 88, 176 and 352; 2.2 M parameters."""
    return _plain_network("wide", (44, 88, 176, 352), spec, how)


def small(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The same at half the width, for comparing preparations and recipes; 0.3 M parameters."""
    return _plain_network("small", (16, 32, 64, 128), spec, how)


def tiny(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The same shape in miniature, for the smoke run; 0.02 M parameters."""
    return _plain_network("tiny", (8, 16, 32), spec, how)


def face_resnet(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The residual network that dlib recognizes faces by, but for its end; 4.4 M parameters.

    The trunk of dlib's examples/dnn_face_recognition_ex.cpp up to its thirteenth residual block,
    for one grey channel, with batch normalization; what comes after it tells persons apart.
    `train.transfer` gives it dlib's weights.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = layers.Resizing(FACE_SIDE, FACE_SIDE)(inputs)
    x = _convolution(x, 32, how, side=7, strides=2)
    x = layers.MaxPooling2D(3, 2)(x)
    for width, halves in FACE_BLOCKS:
        x = _residual_block(x, width, halves, how)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return _with_heads("face_resnet", inputs, x, how)


def predecessor_a(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The CNN with Haar detection: 32-32-64-64-128-128 with batch normalization, dense 128.

    Dropout after each pair and before the heads. Its text tells of dense layers of 512 and 256.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for width in (32, 64, 128):
        for _ in range(2):
            x = _convolution(x, width, how)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(how.dropout)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, use_bias=False, kernel_regularizer=_decay(how))(x)
    x = layers.BatchNormalization(synchronized=how.synchronized)(x)
    x = layers.Activation("relu")(x)
    return _with_heads("predecessor_a", inputs, x, how)


def predecessor_b(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The CNN with real-time prediction: 32-64-128-128, dense 1024, no batch normalization.

    Dropout is half as strong after the convolutions as before the heads.
    """
    from keras import Input, layers

    def convolution(x: Any, width: int) -> Any:
        return layers.Conv2D(width, 3, activation="relu", kernel_regularizer=_decay(how))(x)

    inputs = Input(spec.input_shape, name="faces")
    x = convolution(convolution(inputs, 32), 64)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(how.dropout / 2)(x)
    x = layers.MaxPooling2D()(convolution(x, 128))
    x = layers.MaxPooling2D()(convolution(x, 128))
    x = layers.Dropout(how.dropout / 2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(1024, activation="relu", kernel_regularizer=_decay(how))(x)
    return _with_heads("predecessor_b", inputs, x, how)


def happy_sad(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The Happy-vs-Sad CNN: 16-32-16, each pooled, dense 256; for a run of two emotions."""
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for width in (16, 32, 16):
        x = layers.Conv2D(width, 3, activation="relu", kernel_regularizer=_decay(how))(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu", kernel_regularizer=_decay(how))(x)
    return _with_heads("happy_sad", inputs, x, how)


def resnet50(spec: PreprocessingSpec, how: Regularization, pretrained: str = "") -> "keras.Model":
    """Transfer learning: ResNet50 at 224x224 with its own preparation, pooled; 23.6 M parameters.

    Raises:
        ValueError: the weights cannot be had.
    """
    import keras
    from keras import Input, layers

    weights = pretrained or None
    try:
        trunk = keras.applications.ResNet50(
            include_top=False, weights=weights, input_shape=(RESNET_SIDE, RESNET_SIDE, 3)
        )
    except Exception as error:  # Keras lets through whatever network and file system raise
        raise ValueError(
            f"the weights {pretrained!r} of ResNet50 cannot be had ({error}); name a file with "
            "pretrained=PATH or leave them random with pretrained=''."
        ) from error
    trunk.trainable = not pretrained
    inputs = Input(spec.input_shape, name="faces")
    x = layers.Rescaling(GREY_SCALE, GREY_MEAN)(inputs)
    x = layers.Resizing(RESNET_SIDE, RESNET_SIDE)(x)
    x = layers.Concatenate()([x, x, x])
    x = keras.applications.resnet50.preprocess_input(x)
    x = trunk(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return _with_heads("resnet50", inputs, x, how)


def thaw(network: "keras.Model") -> None:
    """Let the last blocks of a pretrained trunk learn; batch normalization keeps its statistics."""
    from keras import Model, layers

    for trunk in network.layers:
        if isinstance(trunk, Model):
            trunk.trainable = True
            for layer in trunk.layers:
                normalizes = isinstance(layer, layers.BatchNormalization)
                layer.trainable = layer.name.startswith(THAWED) and not normalizes


def mean_of_answers(networks: "Sequence[keras.Model]") -> "keras.Model":
    """One network whose logits are the mean of those of several, or of their members."""
    import keras

    inputs = keras.Input(networks[0].input_shape[1:], name="faces")
    # Each with a name of its own, as Keras wants it of layers.
    answers = [
        keras.Model(member.inputs, member.output, name=f"member_{number}")(inputs)
        for number, member in enumerate(
            (member for network in networks for member in members_of(network)), 1
        )
    ]
    outputs = {
        head: keras.layers.Average(name=head)([answer[head] for answer in answers])
        for head in HEADS
    }
    return keras.Model(inputs, outputs, name="mean")


def members_of(network: "keras.Model") -> "list[keras.Model]":
    """The networks that one is the mean of; itself where it is no mean."""
    return [layer for layer in network.layers if _has_heads(layer)] or [network]


NETWORKS = {
    "plain": plain,
    "vgg": vgg,
    "wide": wide,
    "small": small,
    "tiny": tiny,
    "face_resnet": face_resnet,
    "predecessor_a": predecessor_a,
    "predecessor_b": predecessor_b,
    "happy_sad": happy_sad,
    "resnet50": resnet50,
}


def _plain_network(
    name: str,
    widths: tuple[int, ...],
    spec: PreprocessingSpec,
    how: Regularization,
    shape: NetworkShape | None = None,
) -> "keras.Model":
    """Dropout between stages is a quarter of that before the heads."""
    from keras import Input, layers

    shape = shape or NetworkShape()
    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for stage, width in enumerate(widths):
        if stage:
            x = layers.MaxPooling2D()(x)
            x = layers.Dropout(how.dropout / 4)(x)
        if shape.residual:
            x = _convolution(x, width, how)
        for _ in range(shape.depth):
            if shape.residual:
                x = _gated_residual(x, width, shape.squeeze, how)
            else:
                x = _convolution(x, width, how)
        if shape.squeeze and not shape.residual:
            x = _gate(x, width, shape.squeeze, how)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return _with_heads(name, inputs, x, how)


def _gated_residual(x: Any, width: int, squeeze: int, how: Regularization) -> Any:
    """Two convolutions and a gate, added to what they began with."""
    from keras import layers

    y = _convolution(x, width, how)
    y = _normalized(y, width, how)
    if squeeze:
        y = _gate(y, width, squeeze, how)
    return layers.Activation("relu")(layers.Add()([x, y]))


def _gate(x: Any, width: int, squeeze: int, how: Regularization) -> Any:
    """Squeeze and excitation (Hu et al. 2018): each channel times 0..1 by the mean of all."""
    from keras import layers

    means = layers.GlobalAveragePooling2D(keepdims=True)(x)
    decay = _decay(how)
    inner = layers.Conv2D(max(1, width // squeeze), 1, activation="relu", kernel_regularizer=decay)(
        means
    )
    return layers.Multiply()(
        [x, layers.Conv2D(width, 1, activation="sigmoid", kernel_regularizer=decay)(inner)]
    )


def _convolution(
    x: Any, width: int, how: Regularization, *, side: int = 3, strides: int = 1
) -> Any:
    """Convolution, batch normalization, ReLU."""
    from keras import layers

    return layers.Activation("relu")(_normalized(x, width, how, side=side, strides=strides))


def _normalized(x: Any, width: int, how: Regularization, *, side: int = 3, strides: int = 1) -> Any:
    """Convolution, padded only where the strides are 1, and batch normalization."""
    from keras import layers

    x = layers.Conv2D(
        width,
        side,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=_decay(how),
    )(x)
    return layers.BatchNormalization(synchronized=how.synchronized)(x)


def _residual_block(x: Any, width: int, halves: bool, how: Regularization) -> Any:
    """Two convolutions added to what they began with, which is averaged where the side halves."""
    from keras import layers, ops

    y = _convolution(x, width, how, strides=2 if halves else 1)
    y = _normalized(y, width, how)
    if halves:
        x = layers.AveragePooling2D(2)(x)
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - x.shape[-1])))
    return layers.Activation("relu")(layers.Add()([x, y]))


def _with_heads(name: str, inputs: Any, features: Any, how: Regularization) -> "keras.Model":
    """The two heads on (N, c) features."""
    from keras import Model, layers

    x = layers.Dropout(how.dropout)(features)
    # Logits stay in float32 under mixed precision: bfloat16 has 8 bits of mantissa.
    outputs = {
        head: layers.Dense(classes, kernel_regularizer=_decay(how), dtype="float32", name=head)(x)
        for head, classes in HEADS.items()
    }
    return Model(inputs, outputs, name=name)


def _decay(how: Regularization) -> Any:
    from keras import regularizers

    return regularizers.L2(how.l2) if how.l2 else None


def _has_heads(part: Any) -> bool:
    """Whether it is a network with heads of its own, as a layer of a mean."""
    return {layer.name for layer in getattr(part, "layers", [])} >= set(HEADS)
