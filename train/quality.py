"""Train the small network that tells clear faces from cut, blurred, covered and drawn ones.

    python -m train.quality --data DIR --faces DIR --drawings DIR --fonts DIR --out models

Clear are the training faces of FER2013 on whose emotion the FER+ annotators agree and the faces of
`--faces`, folders of photographs. Cut, blurred and covered are the same
with imitated faults (`train.inputs.imitated_faults`). Drawn is what the detector takes for faces in
`--drawings`, a folder of images with a transparent ground, and in words set in `--fonts`. Emoji of
five free sets were taken for the shipped network, as PNG of 400 pixels from npm's packages
@iconify-json/twemoji, openmoji, fluent-emoji-flat, fxemoji and emojione. `train.trust` measures
with another set, Noto.

OUT gets quality.tflite and quality.json; about fifteen minutes on two cores.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.preprocessing import (
    UInt8Array,
    preprocess,
)
from fer_core.quality import CLASSES, OUTPUT, QUALITY_JSON, QualityInfo
from train.artifacts.provenance import git_commit
from train.cli import add_data_argument, command_parser, data_dir, explained, need, prepare_folder
from train.data.fer2013 import load_splits
from train.files import replace_file
from train.inputs.quality_faces import (
    FACES_AN_EPOCH,
    SEED,
    SPEC,
    collect_drawn,
    collect_photographs,
    make_epoch,
)

if TYPE_CHECKING:
    import keras

NETWORK_FILE = "quality.tflite"
EPOCHS = 10
BATCH = 64
LEARNING_RATE = 0.002


def build() -> "keras.Model":
    """Build the network: seven 3x3 convolutions, 48x48 to 6x6, mean, five logits."""
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
        The network, and of an epoch that it has not seen: the share of each class that is told.
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
    answers = network.predict(preprocess(faces, SPEC), verbose=0)[OUTPUT]
    told = np.asarray(answers).argmax(axis=1)
    recall = {
        name: round(float((told == index)[labels == index].mean()), 4)
        for index, name in enumerate(CLASSES)
    }
    return network, recall


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options, data = _parse(arguments)
    need("training")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from train.artifacts.tflite import to_tflite

    with explained():
        prepare_folder(options.out)
        detector = FaceDetector.load(MODELS_DIR)
        training = load_splits(data)["Training"]
        dataset = training.faces[training.reference >= 0]
        photographs = collect_photographs(detector, options.faces)
        fonts = [f for f in sorted(options.fonts.rglob("*.ttf")) if "emoji" not in f.name.lower()]
        rng = np.random.default_rng(SEED)
        drawn = collect_drawn(detector, options.drawings, fonts, rng)
        counts = {"FER2013": len(dataset), "photographs": len(photographs), "drawn": len(drawn)}
        print(", ".join(f"{count} {name}" for name, count in counts.items()), flush=True)
        network, recall = train(dataset, photographs, drawn, options.epochs)
        content = to_tflite(network)
        origin: dict[str, Any] = {
            "command": "python -m train.quality --data DIR --faces DIR --drawings DIR --fonts DIR",
            "commit": git_commit(),
            "epochs": options.epochs,
            "parameters": network.count_params(),
            "faces": counts,
            "recall": recall,
        }
        (options.out / NETWORK_FILE).write_bytes(content)
        info = QualityInfo(NETWORK_FILE, hashlib.sha256(content).hexdigest(), SPEC, origin)
        text = json.dumps(info.to_dict(), indent=2, ensure_ascii=False) + "\n"
        replace_file(options.out / QUALITY_JSON, text)
        print(f"{options.out} holds {NETWORK_FILE}, {len(content):,} bytes; told rightly: {recall}")


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("quality", __doc__)
    add_data_argument(parser)
    parser.add_argument(
        "--faces", type=Path, action="append", default=[], metavar="DIR", help="photographs"
    )
    parser.add_argument("--drawings", type=Path, required=True, metavar="DIR", help="PNG files")
    parser.add_argument("--fonts", type=Path, required=True, metavar="DIR", help="fonts (.ttf)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the network")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"default: {EPOCHS}")
    options = parser.parse_args(arguments)
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()
