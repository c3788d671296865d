"""Renders the log of experiments as a table and as a page for each topic.

A folder of experiments has a file NNN-NAME.toml for each, with the fields of `Experiment`;
topics.toml, the question of each topic; and private-test.toml, every evaluation on PrivateTest.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from train.errors import DataError
from train.reporting.markdown import table

HEADLINES = {"FER+": "FER+ accuracy", "FER2013": "FER2013 accuracy"}
"""Metric on PublicTest by column of the table."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score of an experiment."""

    split: str
    metric: str
    value: str  # with the digits of the file
    of: str = ""  # variant of the experiment, "" where there is only one


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment and its result, as in its file."""

    name: str  # of the file, without suffix
    date: date  # of its end
    commit: str  # of the code
    topic: str  # of its page
    question: str
    command: str  # shell command, or Markdown for more than one
    verdict: str  # short answer
    notes: str  # details, in Markdown
    data: str  # for training or evaluation
    machine: str
    hours: str  # wall time
    epochs: str = ""  # of training, "" without training
    parents: tuple[str, ...] = ()  # names of the experiments that it continues
    scores: tuple[Score, ...] = ()


def read_experiments(folder: Path) -> list[Experiment]:
    """Read the experiments of a folder, the newest first.

    Raises:
        DataError: a file is malformed, lacks a field, or names an unknown topic or parent.
    """
    topics = read_topics(folder)
    experiments = [_experiment(path) for path in sorted(folder.glob("[0-9]*.toml"))]
    if not experiments:
        raise DataError(f"{folder} holds no experiment, a file such as 001-base.toml.")
    names = {one.name for one in experiments}
    for one in experiments:
        if one.topic not in topics:
            raise DataError(f"{one.name}.toml: the topic {one.topic!r} is not in topics.toml.")
        if missing := [parent for parent in one.parents if parent not in names]:
            raise DataError(f"{one.name}.toml: there is no experiment {missing[0]!r}.")
    return sorted(experiments, key=lambda one: (one.date, one.name), reverse=True)


def read_topics(folder: Path) -> dict[str, str]:
    """Read the question of each topic, in the order of the file.

    Raises:
        DataError: the file is missing or malformed.
    """
    return {name: str(title) for name, title in _load(folder / "topics.toml").items()}


def overview(experiments: Iterable[Experiment]) -> str:
    """Format experiments as a table: date, name, question, PublicTest accuracies, verdict."""
    rows = []
    for one in experiments:
        link = f"[{one.name}](pages/{one.topic}.md#{one.name})"
        public = [score for score in one.scores if score.split == "PublicTest"]
        first = {score.metric: score.value for score in reversed(public)}
        scores = (first.get(metric, "") for metric in HEADLINES.values())
        rows.append((f"{one.date}", link, *scores, _cell(one.question), _cell(one.verdict)))
    words = ("experiment", "question", "verdict")
    return table(("date", "experiment", *HEADLINES, "question", "verdict"), rows, words=words)


def pages(experiments: Sequence[Experiment], topics: Mapping[str, str]) -> dict[str, str]:
    """Format all experiments in full, as a page for each topic."""
    sections = {topic: [f"# {title}"] for topic, title in topics.items()}
    for one in experiments:
        sections[one.topic].append(_section(one))
    return {topic: "\n\n".join(parts) + "\n" for topic, parts in sections.items()}


def readings(folder: Path) -> str:
    """Format the evaluations on PrivateTest as a table, newest first.

    Raises:
        DataError: private-test.toml is missing or malformed.
    """
    path = folder / "private-test.toml"
    rows = []
    for one in reversed(_load(path).get("readings", [])):
        if missing := {"date", "model", "commit", "why"} - one.keys():
            raise DataError(f"{path.name}: a reading lacks {min(missing)}.")
        model = f"{one['model']}, commit {one['commit']}"
        keys = ("fer2013_accuracy", "ferplus_accuracy", "happy_or_sad_accuracy")
        scores = (one.get(key, "-") for key in keys)  # no FER+ accuracy without votes
        rows.append((f"{one['date']}", model, *scores, _cell(one["why"])))
    header = ("date", "model", "FER2013", "FER+", "happy or sad", "why")
    return table(header, rows, words=("model", "why"))


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream, parse_float=str)  # keeps the digits
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error


def _experiment(path: Path) -> Experiment:
    values = _load(path)
    known = {field.name for field in fields(Experiment)} - {"name"}
    if unknown := sorted(set(values) - known):
        raise DataError(f"{path.name}: {unknown[0]!r} is no field of an experiment.")
    try:
        scores = tuple(Score(**score) for score in values.pop("scores", ()))
        parents = tuple(values.pop("parents", ()))
        return Experiment(path.stem, parents=parents, scores=scores, **values)
    except TypeError as error:
        raise DataError(f"{path.name}: a field is missing or of another kind ({error}).") from error


def _section(one: Experiment) -> str:
    command = one.command.strip()
    is_one = "`" not in command and "\n" not in command and command.startswith("python")
    epochs = f"epochs: {one.epochs}; " if one.epochs else ""
    parts = [
        f"## {one.name}",
        f"**{one.question.strip()}** {one.verdict}",
        f"```sh\n{command}\n```" if is_one else command,
        one.notes.strip(),
        _scores(one.scores),
        f"{one.date}, commit {one.commit}; {epochs}hours: {one.hours}; {one.machine}; {one.data}."
        + (f" After {', '.join(one.parents)}." if one.parents else ""),
    ]
    return "\n\n".join(part for part in parts if part)


def _scores(scores: Sequence[Score]) -> str:
    """Format scores as a table with a row for each variant; "" without scores."""
    if not scores:
        return ""
    columns = list(dict.fromkeys(f"{score.split}, {score.metric}" for score in scores))
    cells: dict[str, dict[str, str]] = {}
    for score in scores:
        cells.setdefault(score.of, {})[f"{score.split}, {score.metric}"] = score.value
    rows = [(of, *(values.get(column, "") for column in columns)) for of, values in cells.items()]
    return table(("", *columns), rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
