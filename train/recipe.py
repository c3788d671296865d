r"""Run a recipe, from data to a model: teachers, their logits, a student, calibration, report.

    python -m train.recipe product --data DIR --photos DIR --photos DIR --unlabelled DIR \
        --face-weights FILE --imagenet-weights FILE --out runs/product
    python -m train.recipe product --data DIR --out runs/product --steps teachers answers
    python -m train.recipe product --data DIR --out runs/product --minutes 50
    python -m train.recipe smoke --smoke                on synthetic faces, in two minutes

The same command resumes a recipe that was stopped or killed: finished steps are skipped.
`--minutes` stops before that time; `--finish` completes started runs with their finished epochs.

Steps may run on different machines, with any Keras backend (`KERAS_BACKEND=jax`), given copies of
what a step needs; only `export` and the steps after it need TensorFlow. Of a finished run
emotion.keras, history.csv, config.json, origin.json and `trained` suffice, without its checkpoints.

| step | makes | needs |
|---|---|---|
| faces | faces/photos/NAME.npz, faces/unlabelled.npz | the folders of --photos and --unlabelled |
| teachers | teachers/NAME: a run folder each | data, files of weights |
| answers | answers/NAME.npz, answers.npz: logits | teachers, data, faces |
| student | student: a run folder | answers.npz, data, faces |
| export | student/emotion.tflite, model.json | student |
| calibration | student/model.json | --photos, data |
| report | report.md | all of the above |

The recipes are defined in recipes/distillation.py.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2

from fer_core.images import load_image
from train.cli import (
    add_data_argument,
    add_photos_argument,
    add_set_argument,
    check_folder,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.data.photographs import read_portraits
from train.data.synthetic import write_synthetic_dataset
from train.recipes.distillation import DLIB, IMAGENET, RECIPES, adjust
from train.workflow.recipe_run import RecipeRun
from train.workflow.steps import STEPS, run_steps


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser, options = _parse(arguments)
    need("training")

    recipe = RECIPES[options.recipe]
    named = {DLIB: options.face_weights, IMAGENET: options.imagenet_weights}
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    out = options.out or Path("runs") / options.recipe
    with explained():
        check_folder(out)
        for setting in options.set:
            recipe = adjust(recipe, setting)
        with tempfile.TemporaryDirectory() as folder:
            recipe_run = RecipeRun(
                recipe,
                options.recipe,
                data=Path(folder) if options.smoke else data_dir(parser, options),
                out=out,
                photos=tuple(options.photos),
                unlabelled=tuple(options.unlabelled),
                weights={kind: path for kind, path in named.items() if path is not None},
                until=until,
                finish=options.finish,
            )
            if options.smoke:
                recipe_run = _on_generated_faces(recipe_run)
            run_steps(recipe_run, options.steps)


def _on_generated_faces(recipe_run: RecipeRun) -> RecipeRun:
    """Write synthetic faces and the rendered portraits of examples/ as the recipe's data.

    Each portrait has several exposures, because a cross-validation needs five or more images.
    """
    photos = recipe_run.data / "portraits"
    photos.mkdir()
    write_synthetic_dataset(recipe_run.data, faces_per_split=(32, 35, 35))
    rows = ["file,label,person"]
    for portrait in read_portraits(Path(__file__).parent.parent / "examples"):
        picture = load_image(portrait.path)[..., ::-1]
        for number, exposure in enumerate((0.5, 0.7, 0.85, 1.0, 1.15)):
            name = f"{portrait.path.stem}_{number}.jpg"
            cv2.imwrite(str(photos / name), cv2.convertScaleAbs(picture, alpha=exposure))
            rows.append(f"{name},{portrait.label},{portrait.person}")
    (photos / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return replace(recipe_run, photos=(photos,), unlabelled=(photos,))


def _parse(arguments: list[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = command_parser("train.recipe", __doc__)
    parser.add_argument("recipe", choices=sorted(RECIPES), help="name of the recipe")
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/RECIPE")
    add_photos_argument(parser)
    parser.add_argument(
        "--unlabelled",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="photographs of other people to train on without labels; may be repeated",
    )
    parser.add_argument(
        "--face-weights",
        type=Path,
        metavar="FILE",
        help="dlib_face_recognition_resnet_model_v1.dat, for the teacher `face`",
    )
    parser.add_argument(
        "--imagenet-weights",
        type=Path,
        metavar="FILE",
        help="efficientnet-lite0-57934424.pth, for the teacher `lite`",
    )
    parser.add_argument("--minutes", type=float, help="stop before this number of minutes")
    parser.add_argument(
        "--finish",
        action="store_true",
        help="train started runs no further: take their best finished epochs",
    )
    parser.add_argument(
        "--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP", help="only these"
    )
    add_set_argument(parser, "student.epochs=20, plain.shape.width=48")
    parser.add_argument("--smoke", action="store_true", help="on synthetic faces")
    return parser, parser.parse_args(arguments)


if __name__ == "__main__":
    main()
