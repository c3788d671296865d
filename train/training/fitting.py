"""Run a training from data to a model that the app can load."""

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fer_core.preprocessing import Float32Array, prepare_dataset_faces, preprocess
from train.artifacts.export import export_run
from train.artifacts.run_folder import claim, read_history, save_epoch
from train.data.dataset import Dataset, data_digest
from train.data.face_sets import read_face_set
from train.data.fer2013 import load_splits
from train.errors import RunError
from train.inputs.batches import TrainingTable, make_table, steps_of_epoch
from train.inputs.preview import draw_samples
from train.inputs.targets import select_faces, select_training_faces
from train.inputs.teachers import collect_logits, teacher_names
from train.networks.build import NETWORKS
from train.recipes.config import TrainConfig
from train.training.distribution import find_strategy, is_first_worker
from train.training.schedule import has_stopped
from train.training.trainer import Training


def fit(
    config: TrainConfig,
    data_dir: Path,
    out: Path,
    command: str = "",
    *,
    init: Path | None = None,
    faults: Path | None = None,
    teachers: Sequence[Path] = (),
    unlabelled: Path | None = None,
    until: float | None = None,
    finish: bool = False,
    export: bool = True,
) -> bool:
    """Train or resume a run, and export its best epoch.

    Args:
        config: of the run.
        data_dir: a folder as `train.data.fer2013` describes it.
        out: the run's folder, made when missing.
        command: that repeats this, for model.json.
        init: another run or a published model, with the initial weights.
        faults: folder that `python -m train.clean` wrote, for a config with cleaning.
        teachers: runs, published models or files of logits to distill, for a config with a
            teacher_share.
        unlabelled: file of faces without labels, for a config with an unlabelled_share.
        until: `time.monotonic()` before which to stop; None for no limit.
        finish: train no further, export the best of the finished epochs.
        export: whether to write the model at the end.

    Returns:
        Whether all epochs are done; the same call resumes the run.

    Raises:
        DataError: the data cannot be read.
        ModelLoadError: a teacher cannot be loaded.
        RunError: `out` belongs to another config, other teachers or other data or is in use, `init`
            has no weights, or there is no finished epoch to export.
    """
    if config.network not in NETWORKS:  # before a folder is claimed for it
        raise RunError(f"there is no network {config.network!r}; known: {', '.join(NETWORKS)}.")
    if bool(teachers) != (config.teacher_share > 0):
        raise RunError("teachers and a teacher_share above 0 belong together: name both or none.")
    if (unlabelled is not None) != (config.unlabelled_share > 0):
        raise RunError(
            "unlabelled faces and an unlabelled_share above 0 belong together: name both or none."
        )
    strategy, writes = find_strategy(), is_first_worker()
    # To finish a run needs no teachers, which may be gone by then.
    versions = None if finish else [name for path in teachers for name in teacher_names(path)]
    print(f"reading {data_dir}", flush=True)
    everything = load_splits(data_dir)  # before a folder is claimed for it
    data, splits = data_digest(everything), select_faces(everything, config.emotions)
    public = splits["PublicTest"]
    with claim(out, config, command, versions, data) if writes else nullcontext():
        if not finish:
            faces, weights = select_training_faces(splits, config, faults)
            table = _table(faces, config, weights, teachers, unlabelled)
            _describe(faces, public, table)
            if writes:
                cv2.imwrite(str(out / "samples.png"), draw_samples(faces, config))
            training = Training(config, table, strategy, None if read_history(out) else init)
            if not _train(training, config, public, out, until, writes=writes):
                return False
        if export and writes:
            _export(config, public, out)
    return True


def _table(
    faces: Dataset,
    config: TrainConfig,
    weights: Float32Array,
    teachers: Sequence[Path],
    unlabelled: Path | None,
) -> TrainingTable:
    others = None if unlabelled is None else read_face_set(unlabelled).faces
    teacher_logits = None
    if teachers:
        asked = faces.faces if others is None else np.concatenate([faces.faces, others])
        teacher_logits = collect_logits(teachers, asked)
    table = make_table(faces, config, weights, teacher_logits, others)
    if steps_of_epoch(table, config) < 1:
        raise RunError(f"fewer training faces than one batch of {config.batch_size}.")
    return table


def _describe(faces: Dataset, public: Dataset, table: TrainingTable) -> None:
    votes = "with FER+ votes" if faces.has_votes else "without FER+ votes: labels stand in for them"
    print(f"{len(faces)} training faces {votes}; {len(public)} in PublicTest", flush=True)
    if others := len(table.faces) - table.labelled:
        print(f"{others} faces without labels beside them", flush=True)


def _train(
    training: Training,
    config: TrainConfig,
    public: Dataset,
    out: Path,
    until: float | None,
    *,
    writes: bool,
) -> bool:
    """Train the remaining epochs; return whether all are done."""
    history = read_history(out)
    print(f"training in {training.precision}", flush=True)
    if history:
        training.resume(out, len(history))
        print(f"resuming after epoch {len(history)}", flush=True)
    spec = config.preprocessing
    public_inputs = preprocess(prepare_dataset_faces(public.faces, spec), spec)
    while len(history) < config.epochs and not has_stopped(config, history):
        if until is not None and _would_end(history) > until:
            print(f"stopping after epoch {len(history)}, to stay within the time", flush=True)
            return False
        epoch = len(history)
        print(f"epoch {epoch + 1}/{config.epochs}", flush=True)
        training.begin(epoch, history)
        start = time.perf_counter()
        loss = training.run(epoch)
        seconds = time.perf_counter() - start
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            **training.score(public_inputs, public),
            "learning_rate": training.rate,
            "seconds": round(seconds, 1),
        }
        print("  ".join(f"{key} {value:g}" for key, value in row.items()), flush=True)
        if not math.isfinite(loss):
            raise RunError(f"the loss is {loss}; try a lower learning rate in a new folder.")
        history = [*history, row]
        if writes:
            average = training.average
            save_epoch(training.network, out, history, average.swap if average else None)
    return True


def _would_end(history: list[dict[str, Any]]) -> float:
    """Return when one more epoch would end, by `time.monotonic()`; now for the first."""
    return time.monotonic() + (history[-1]["seconds"] if history else 0.0)


def _export(config: TrainConfig, public: Dataset, out: Path) -> None:
    import keras

    if not read_history(out):
        raise RunError(f"{out} has no finished epoch yet.")
    if keras.backend.backend() != "tensorflow":
        print("done; the same command on TensorFlow's backend writes the model", flush=True)
        return
    export_run(config, out, public)
    print(f"done: {out} holds a model that the app can load", flush=True)
