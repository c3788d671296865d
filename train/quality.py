"""Train the quality network, which classifies faces as clear, cut off, blurred, covered or drawn.

    python -m train.quality --data DIR --faces DIR --drawings DIR --fonts DIR --out models

Clear faces are the training faces of FER2013 on whose emotion the FER+ annotators agree and those
of `--faces`, folders of photographs. Cut, blurred and covered faces are the same with imitated
faults (`train.inputs.imitated_faults`). Drawn faces are detections in `--drawings`, a folder of
images with a transparent background, and in words set in `--fonts`. The shipped network was trained
on emoji of five free sets, as PNG files of 400 pixels from the npm packages @iconify-json/twemoji,
openmoji, fluent-emoji-flat, fxemoji and emojione. `train.trust` evaluates on another set, Noto.

OUT gets quality.tflite and quality.json. Takes about fifteen minutes on two cores.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.quality import QUALITY_JSON, QualityInfo
from train.artifacts.provenance import git_commit
from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained, need
from train.data.fer2013 import load_splits
from train.files import replace_file
from train.inputs.quality_faces import SEED, SPEC, collect_drawn, collect_photographs
from train.training.quality_network import EPOCHS, NETWORK_FILE, train


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options, data = _parse(arguments)
    need("training")
    from train.artifacts.tflite import to_tflite

    with explained():
        check_folder(options.out)
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
        origin = {
            "command": "python -m train.quality --data DIR --faces DIR --drawings DIR --fonts DIR",
            "commit": git_commit(),
            "epochs": options.epochs,
            "parameters": network.count_params(),
            "faces": counts,
            "recall": recall,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / NETWORK_FILE).write_bytes(content)
        info = QualityInfo(NETWORK_FILE, hashlib.sha256(content).hexdigest(), SPEC, origin)
        text = json.dumps(info.to_dict(), indent=2, ensure_ascii=False) + "\n"
        replace_file(options.out / QUALITY_JSON, text)
        print(f"{options.out} holds {NETWORK_FILE}, {len(content):,} bytes; recall: {recall}")


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("train.quality", __doc__)
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
