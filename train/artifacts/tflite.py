"""Convert a Keras network to the TFLite file that the app runs."""

import tempfile
from typing import TYPE_CHECKING, Any

from fer_core.calibration import FEATURES  # also the name of the global average pooling
from fer_core.model import MAPS
from train.networks.blocks import HEADS
from train.networks.ensemble import members_of

if TYPE_CHECKING:
    import keras


def to_tflite(network: "keras.Model") -> bytes:
    """Convert a network for LiteRT, with one signature: `faces` -> the heads' logits.

    Weights are stored as int8 with a scale for each output channel, and the inputs of a layer are
    quantized at run time (dynamic range quantization): a quarter of the size and of the time.

    Where each head is linear in the mean of the last feature maps, and these have one size, class
    activation maps are outputs, too, named head and `MAPS`: (N, h, w, classes), a head's logits at
    each position without bias. Their mean plus the bias are the logits. A single network also gives
    its `features`, (N, c), and the maps that these are the mean of.

    Args:
        network: on Keras's TensorFlow backend; may be an ensemble.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    parts = members_of(network)
    sides = {_map_side(part) for part in parts}
    linear = len(sides) == 1 and None not in sides

    def answer(faces: Any) -> dict[str, Any]:
        if not linear:
            return dict(network(faces, training=False))
        answers = [_linear_outputs(part, faces) for part in parts]
        if len(answers) == 1:
            return answers[0]
        # Features of several networks have no common meaning, so that only the heads have a mean.
        return {
            name: sum(answer[name] for answer in answers) / len(answers)
            for head in HEADS
            for name in (head, head + MAPS)
        }

    shape = tf.TensorSpec((None, *network.input_shape[1:]), name="faces")
    concrete = tf.function(answer, input_signature=[shape]).get_concrete_function()
    # The converter would leave unfrozen variables out of the file.
    frozen = convert_variables_to_constants_v2(concrete)

    def serve(faces: Any) -> Any:
        # Freezing drops the names of the outputs.
        return tf.nest.pack_sequence_as(concrete.structured_outputs, frozen(faces))

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[shape])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.serve)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        content: bytes = converter.convert()
    return content


def _map_side(member: Any) -> int | None:
    """Return the height of the last feature maps; None where a head is not linear in their mean."""
    if FEATURES not in {layer.name for layer in member.layers}:
        return None
    pooling = member.get_layer(FEATURES)
    channels = pooling.output.shape[-1]
    if any(member.get_layer(head).kernel.shape[0] != channels for head in HEADS):
        return None
    return int(pooling.input.shape[1])


def _linear_outputs(member: Any, faces: Any) -> dict[str, Any]:
    import keras

    trunk = keras.Model(member.inputs, member.get_layer(FEATURES).input)
    features = trunk(faces, training=False)
    outputs = {FEATURES + MAPS: features, FEATURES: keras.ops.mean(features, axis=(1, 2))}
    for head in HEADS:
        layer = member.get_layer(head)
        maps = keras.ops.matmul(features, layer.kernel)
        outputs[head + MAPS] = maps
        outputs[head] = keras.ops.mean(maps, axis=(1, 2)) + layer.bias
    return outputs
