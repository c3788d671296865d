"""Train the network that tells clear faces from cut, blurred, covered and drawn ones."""

from typing import TYPE_CHECKING

import numpy as np

from fer_core.preprocessing import UInt8Array, preprocess
from fer_core.quality import CLASSES, OUTPUT
from train.inputs.quality_faces import FACES_AN_EPOCH, SEED, SPEC, make_epoch

if TYPE_CHECKING:
    import keras

NETWORK_FILE = "quality.tflite"
EPOCHS = 10
BATCH = 64
LEARNING_RATE = 0.002


def build() -> "keras.Model":
    """Build the network: seven 3x3 convolutions, 48x48 to 6x6, global average, five logits."""
    import keras
    from keras import layers

    image = keras.Input(SPEC.input_shape)
    x = image
    for channels, strides in ((16, 1), (24, 2), (32, 1), (48, 2), (64, 1), (96, 2), (96, 1)):
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, {OUTPUT: layers.Dense(len(CLASSES), name=OUTPUT)(x)})


def train(
    dataset: UInt8Array, photographs: UInt8Array, drawn: UInt8Array, epochs: int
) -> tuple["keras.Model", dict[str, float]]:
    """Train the network.

    Returns:
        The network, and the recall of each class on an epoch that it was not trained on.
    """
    import keras

    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    network = build()
    steps = epochs * (FACES_AN_EPOCH // BATCH)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        {OUTPUT: keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
    )
    for epoch in range(epochs):
        faces, labels = make_epoch(dataset, photographs, drawn, rng)
        inputs = preprocess(faces, SPEC)
        history = network.fit(inputs, {OUTPUT: labels}, batch_size=BATCH, verbose=0)
        print(f"epoch {epoch + 1} of {epochs}: loss {history.history['loss'][0]:.4f}", flush=True)
    faces, labels = make_epoch(dataset, photographs, drawn, rng)
    predictions = network.predict(preprocess(faces, SPEC), verbose=0)[OUTPUT]
    predicted = np.asarray(predictions).argmax(axis=1)
    recall = {
        name: round(float((predicted == index)[labels == index].mean()), 4)
        for index, name in enumerate(CLASSES)
    }
    return network, recall
