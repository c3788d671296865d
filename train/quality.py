"""Train the small network that tells clear faces from cut, blurred, covered and drawn ones.

    python -m train.quality --data DIR --faces DIR --drawings DIR --fonts DIR --out models

Clear are the training faces of FER2013 on whose emotion the FER+ annotators agree and the faces of
`--faces`, folders of photographs. Cut, blurred and covered are the same
with imitated faults (`train.imitated_faults`). Drawn is what the detector takes for faces in
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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.alignment import align_face
from fer_core.assets import MODELS_DIR
from fer_core.batch import IMAGE_SUFFIXES
from fer_core.detection import FaceDetector
from fer_core.images import load_image
from fer_core.preprocessing import (
    DATASET_FACE_SIZE,
    FER2013_KEYPOINTS,
    PreprocessingSpec,
    UInt8Array,
    preprocess,
    to_grey,
)
from fer_core.quality import CLASSES, OUTPUT, QUALITY_JSON, QualityInfo
from fer_core.results import FaceDetection
from train.cli import add_data_argument, command_parser, data_dir, explained, need, prepare_folder
from train.data.drawings import draw_words
from train.data.fer2013 import load_splits
from train.data.photographs import progress
from train.errors import DataError
from train.imitated_faults import FAULTS, vary
from train.runs import git_commit, replace_file

if TYPE_CHECKING:
    import keras

SPEC = PreprocessingSpec(keypoints=FER2013_KEYPOINTS)
"""Wider than the emotion network's crop, so that what surrounds the face tells, too."""
NETWORK_FILE = "quality.tflite"
SEED = 7
EPOCHS, FACES_AN_EPOCH, BATCH = 10, 24_000, 64
LEARNING_RATE = 0.002
SHARES = (0.5, 0.08, 0.08, 0.19, 0.15)
"""Of `CLASSES` in an epoch."""
PHOTOGRAPHS = 0.4
"""Share of `--faces` among clear and faulty ones; the rest is FER2013's."""
WORDS = 1500
CANVAS = (480, 640)  # pixels


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


def make_epoch(
    dataset: UInt8Array, photographs: UInt8Array, drawn: UInt8Array, rng: np.random.Generator
) -> tuple[UInt8Array, NDArray[np.int64]]:
    """Draw the faces of one epoch, varied and with imitated faults.

    Args:
        dataset: (N, 48, 48) uint8 grey, clear.
        photographs: (M, 48, 48) uint8 grey, clear.
        drawn: (K, 48, 48) uint8 grey.
        rng: the only source of chance.

    Returns:
        (FACES_AN_EPOCH, 48, 48) uint8 grey, and (FACES_AN_EPOCH,) indices into `CLASSES`.
    """
    labels = rng.choice(len(CLASSES), FACES_AN_EPOCH, p=SHARES)
    faces = np.empty((len(labels), DATASET_FACE_SIZE, DATASET_FACE_SIZE), np.uint8)
    for row, label in enumerate(labels):
        name = CLASSES[label]
        pool = photographs if rng.random() < PHOTOGRAPHS else dataset
        if name == "drawn":
            pool = drawn
        face = vary(pool[rng.integers(len(pool))], rng)
        faces[row] = FAULTS[name](face, rng) if name in FAULTS else face
    return faces, labels


def collect_photographs(detector: FaceDetector, folders: Sequence[Path]) -> UInt8Array:
    """Cut out the largest face of every image in some folders.

    Returns:
        (N, 48, 48) uint8 grey.

    Raises:
        DataError: there is no image with a face.
        InvalidImageError: an image cannot be read.
    """
    paths = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    crops: list[UInt8Array] = []
    for path in progress(paths, "photographs"):
        image = load_image(path)
        crops += [_cut(image, face) for face in detector.detect(image)[:1]]
    if not crops:
        raise DataError("there is no photograph of a face; name folders with --faces.")
    return np.array(crops)


def collect_drawn(
    detector: FaceDetector, drawings: Path, fonts: Sequence[Path], rng: np.random.Generator
) -> UInt8Array:
    """Cut out what might be taken for a face in drawings and words.

    Returns:
        (N, 48, 48) uint8 grey.

    Raises:
        DataError: there is no drawing or no font.
    """
    paths = sorted(drawings.rglob("*.png"))
    if not paths:
        raise DataError(f"{drawings} holds no PNG file; put drawings of faces there.")
    crops: list[UInt8Array] = []
    for path in progress(paths, "drawings"):
        image = _place(path, rng)
        crops += [_cut(image, face) for face in detector.candidates(image)]
    for _, image in draw_words(fonts, WORDS, SEED):
        crops += [_cut(image, face) for face in detector.candidates(image)]
    return np.array(crops)


def _place(path: Path, rng: np.random.Generator) -> UInt8Array:
    """Set a drawing on a plain or shaded ground of any color; blur or compress some."""
    height, width = CANVAS
    side = int(rng.integers(90, 430))
    colors = rng.integers(0, 256, (2, 3))
    if rng.random() < 0.35:
        colors[:] = rng.choice([255, 245, 30, 0])
    slope = np.linspace(0, rng.integers(2), height)[:, None, None]
    ground = np.broadcast_to(colors[0] * (1 - slope) + colors[1] * slope, (height, width, 3))
    canvas = Image.fromarray(ground.astype(np.uint8))
    with Image.open(path) as opened:
        drawing = opened.convert("RGBA").resize((side, side), Image.Resampling.BICUBIC)
    place = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    canvas.paste(drawing, place, drawing)
    image = np.asarray(canvas)
    if rng.random() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.5)), np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
        _, packed = cv2.imencode(".jpg", image, quality)
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return image


def _cut(image: UInt8Array, face: FaceDetection) -> UInt8Array:
    crop, _ = align_face(image, face, SPEC)
    return np.asarray(to_grey(crop[np.newaxis])[0], np.uint8)


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
    from train.conversion import to_tflite

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
