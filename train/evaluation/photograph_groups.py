"""Compare groups of people by the predictions for neutral and happy faces.

Groups come from the columns age, gender and ethnicity of labels.csv. They tend to be small, so
every share comes with its counts, a Wilson interval (Wilson 1927), which unlike the bootstrap's has
a width where all predictions agree, and a note where a group is too small.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS
from train.data.photographs import Photograph, person_keys
from train.evaluation.predictions import PhotographPredictions

AGES = {"under 25": (0, 25), "25 to 34": (25, 35), "35 and over": (35, 150)}  # years: from, below
NOT_GIVEN = {"", "na", "n/a", "nan", "none", "unknown"}
FEW_PEOPLE = 30  # below, the interval of a share of one half spans a third of all values
MEASURES = {
    "neutral_recall": ("neutral", ("neutral",)),
    "neutral_as_angry_or_sad": ("neutral", ("angry", "sad")),
    "happy_recall": ("happy", ("happy",)),
}
"""By name: the label of the faces, and the predictions that count."""
TITLES = {
    "neutral_recall": "neutral read as neutral",
    "neutral_as_angry_or_sad": "neutral called angry or sad",
    "happy_recall": "happy read as happy",
}


def group_figures(predictions: PhotographPredictions) -> dict[str, Any]:
    """Compare groups of people.

    Returns:
        An empty dictionary where labels.csv has none of the columns. Else groups: by column ("age",
        "gender", "ethnicity", "gender and ethnicity"), then by group: n_people and each of
        `MEASURES`, which is n, the faces with the label, count, those with such a prediction, "not
        sure" or not, share, and interval; None where the group has no face with the label. And
        group_notes: sentences on which differences are certain and which groups are too small.
    """
    people = person_keys(predictions.photographs)
    figures: dict[str, Any] = {}
    notes = []
    for column, groups in _groups(predictions.photographs).items():
        figures[column] = {
            group: {
                "n_people": len(np.unique(people[rows])),
                **{name: _share(predictions, people, rows, *of) for name, of in MEASURES.items()},
            }
            for group, rows in groups.items()
        }
        left_out = np.delete(people, np.concatenate(list(groups.values())))
        notes += _notes(column, figures[column], len(np.unique(left_out)))
    return {"groups": figures, "group_notes": notes} if figures else {}


def _groups(photographs: Sequence[Photograph]) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Return the rows of photographs by column and group: ages ascending, others by size."""
    columns = {
        name: [read(item.details.get(name, "")) for item in photographs]
        for name, read in (("age", _age), ("gender", _given), ("ethnicity", _given))
    }
    columns["gender and ethnicity"] = [
        f"{gender}, {ethnicity}" if gender and ethnicity else ""
        for gender, ethnicity in zip(columns["gender"], columns["ethnicity"], strict=True)
    ]
    groups = {}
    for column, values in columns.items():
        names = [name for name, _ in Counter(values).most_common() if name]
        if column == "age":
            names.sort(key=list(AGES).index)
        if names:
            groups[column] = {name: np.flatnonzero(np.array(values) == name) for name in names}
    return groups


def _given(value: str) -> str:
    """Normalize the name of a group; "" where none is given."""
    return "" if value.lower() in NOT_GIVEN else value.replace("_", " ")


def _age(value: str) -> str:
    """Return the age group of a number of years; "" where none is given."""
    try:
        years = float(value)
    except ValueError:
        return ""
    return next((name for name, (low, high) in AGES.items() if low <= years < high), "")


def _share(
    predictions: PhotographPredictions,
    people: NDArray[np.str_],
    rows: NDArray[np.int64],
    label: str,
    counted: Sequence[str],
) -> dict[str, Any] | None:
    """Compute the share of a label's faces that have one of the predictions counted.

    Several photographs of a person are not independent: the interval is as wide as if there were
    one of each person.
    """
    from scipy.stats import binomtest

    of_label = rows[predictions.labels[rows] == FER2013_LABELS.index(label)]
    if not len(of_label):
        return None
    hits = np.isin(
        predictions.predicted[of_label], [FER2013_LABELS.index(name) for name in counted]
    )
    share, observations = float(hits.mean()), len(np.unique(people[of_label]))
    low, high = binomtest(round(share * observations), observations).proportion_ci(method="wilson")
    return {
        "n": len(of_label),
        "count": int(hits.sum()),
        "share": share,
        "interval": [float(low), float(high)],
    }


def _notes(column: str, groups: dict[str, dict[str, Any]], left_out: int) -> list[str]:
    """Describe the certain differences of a column, and its groups that are too small."""
    notes = [note for measure in MEASURES if (note := _difference(measure, groups))]
    if len(groups) > 1 and not notes:
        notes = ["no difference is certain: the intervals of all groups overlap."]
    counts = {name: row["n_people"] for name, row in groups.items()}
    small = [f"{name} ({count})" for name, count in counts.items() if count < FEW_PEOPLE]
    if small:
        notes.append(
            f"too few people to tell any but large differences (below {FEW_PEOPLE}): "
            f"{'; '.join(small)}."
        )
    if left_out:
        notes.append(f"not given, and left out: {left_out}.")
    return [f"{column}: {note}" for note in notes]


def _difference(measure: str, groups: dict[str, dict[str, Any]]) -> str | None:
    """Describe the two groups whose intervals lie farthest apart, if any do not overlap."""
    shares = {name: row[measure] for name, row in groups.items() if row[measure] is not None}
    gaps = {
        (high, low): shares[high]["interval"][0] - shares[low]["interval"][1]
        for high, low in permutations(shares, 2)
    }
    if not gaps or max(gaps.values()) <= 0:
        return None
    high, low = (
        f"{shares[name]['count']} of {shares[name]['n']} ({name})"
        for name in max(gaps, key=gaps.__getitem__)
    )
    return f"{TITLES[measure]} in {high} but {low}: the intervals do not overlap."
