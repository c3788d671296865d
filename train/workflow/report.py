"""Report on a recipe: teachers and student side by side, on PublicTest and photographs."""

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.model import read_info
from train.artifacts.model_folder import load_network
from train.artifacts.run_folder import load_best, read_history
from train.calibration.network_comparison import cross_validated, discrimination, judged_faces
from train.data.dataset import Dataset, digests
from train.files import replace_file
from train.inputs.teachers import TeacherLogits, predict_views
from train.reporting.markdown import table
from train.training.trainer import head_accuracies
from train.workflow.recipe_run import RecipeRun

INTRODUCTION = (
    "Flip averaged, before int8; metrics of photographs with a calibration that is\n"
    "cross-validated by person. PublicTest and photographs serve for choices, not as a test."
)


def write_report(recipe_run: RecipeRun) -> None:
    """Write report.md on every network with logits, and print it."""
    public = recipe_run.splits["PublicTest"]
    faces = [public.faces, *(one.faces for one in recipe_run.face_sets().values())]
    asked = np.concatenate(faces)
    spec = read_info(MODELS_DIR).preprocessing
    logits = predict_views(load_network(MODELS_DIR), asked, spec)
    columns = {"published": TeacherLogits(digests(asked), logits, ("published",))}
    for path in sorted((recipe_run.out / "answers").glob("*.npz")):
        columns[path.stem] = TeacherLogits.load(path)
    if recipe_run.answers.exists():
        columns["teachers together"] = TeacherLogits.load(recipe_run.answers)
    if read_history(recipe_run.student):
        config = recipe_run.student_config()
        network = load_best(recipe_run.student, config)
        logits = predict_views(network, asked, config.preprocessing)
        columns["student"] = TeacherLogits(digests(asked), logits, ("student",))
    text = _table({name: _figures(recipe_run, logits, public) for name, logits in columns.items()})
    replace_file(recipe_run.out / "report.md", text)
    print(text, flush=True)


def _figures(
    recipe_run: RecipeRun, teacher_logits: TeacherLogits, public: Dataset
) -> dict[str, float]:
    accuracy = head_accuracies(teacher_logits.select(public.faces), public)
    figures = {
        "PublicTest by FER2013": accuracy["fer2013"],
        "PublicTest by FER+": accuracy["ferplus"],
    }
    photographs = judged_faces(recipe_run.face_sets(), teacher_logits)
    if photographs is not None:
        figures |= {f"{name}, area": area for name, area in discrimination(photographs).items()}
        figures |= cross_validated(photographs)
    return figures


def _table(figures: dict[str, dict[str, float]]) -> str:
    names = dict.fromkeys(name for column in figures.values() for name in column)
    rows = [
        (name, *(f"{column[name]:.4f}" if name in column else "" for column in figures.values()))
        for name in names
    ]
    return f"{INTRODUCTION}\n\n{table(('figure', *figures), rows)}\n"
