"""Drops copies of photographs, and holds out splits by groups of related faces."""

from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence

import numpy as np

from fer_core.preprocessing import UInt8Array
from train.data.class_folders import name_hash
from train.data.duplicates import connected_groups, equal_groups, near_pairs
from train.ingestion.faces import TRAINING, Face

EQUAL = "equal to another face"
NEAR = "the same photograph as another"
CONFLICT = "the same photograph under another emotion"


def find_copies(
    crops: Sequence[UInt8Array], labels: Sequence[int]
) -> tuple[dict[int, tuple[str, int]], list[tuple[int, int]]]:
    """Choose faces to leave out so that every photograph occurs once, with one label.

    Args:
        crops: N of (48, 48) uint8 grey; of two copies the earlier one is kept.
        labels: N labels; copies with different labels are all left out.

    Returns:
        By row that is left out, the reason and the row of the other face; all pairs of copies.
    """
    left_out: dict[int, tuple[str, int]] = {}
    equal = equal_groups([crop.tobytes() for crop in crops]).tolist()
    pairs = [(first, row) for row, first in enumerate(equal) if first != row]
    by_label: dict[int, dict[int, int]] = defaultdict(dict)
    for row, first in enumerate(equal):
        by_label[first].setdefault(labels[row], row)
    for row, first in enumerate(equal):
        others = [other for label, other in by_label[first].items() if label != labels[row]]
        if others:
            left_out[row] = (CONFLICT, others[0])
        elif first != row:
            left_out[row] = (EQUAL, first)
    # near_pairs does not list every pair of a large group: repeat it for the remaining faces.
    # Chains do not count: successive frames of a video are alike, but the first and the last are
    # not.
    while near := _near(crops, [row for row in range(len(crops)) if row not in left_out]):
        pairs += near
        for one, other in near:
            if labels[one] != labels[other]:
                left_out.setdefault(one, (CONFLICT, other))
                left_out.setdefault(other, (CONFLICT, one))
        for one, other in near:
            if one not in left_out and other not in left_out:
                left_out[other] = (NEAR, one)
    return left_out, pairs


def hold_out(
    faces: Sequence[Face],
    left_out: Container[int],
    pairs: Sequence[tuple[int, int]],
    shares: Mapping[str, float],
) -> dict[int, str]:
    """Choose the split of each face that is kept, by row.

    Args:
        faces: N faces.
        left_out: rows that are not kept.
        pairs: copies of one photograph, whose groups stay together.
        shares: share of the training faces to hold out, above 0, by split.
    """
    training = [row for row, face in enumerate(faces) if face.source.split == TRAINING]
    names, numbers = np.unique([faces[row].source.group for row in training], return_inverse=True)
    number = dict(zip(training, numbers.tolist(), strict=True))
    links = [
        (number[one], number[other]) for one, other in pairs if one in number and other in number
    ]
    joined = connected_groups(len(names), links)
    groups = {row: str(names[joined[index]]) for row, index in number.items()}
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for row in training:
        if row not in left_out:
            counts[groups[row]][faces[row].source.label] += 1
    drawn = draw_groups(counts, shares)
    return {
        row: drawn.get(groups[row], TRAINING) if row in groups else face.source.split
        for row, face in enumerate(faces)
        if row not in left_out
    }


def draw_groups(groups: Mapping[str, Counter[int]], shares: Mapping[str, float]) -> dict[str, str]:
    """Draw the groups to hold out, and return their splits.

    Starts with the emotion of the fewest groups, and takes its groups in the order of a hash of
    their names as long as no emotion's share is exceeded. If every group is too large for that, the
    smallest is taken. Training keeps at least one group of each emotion.

    Args:
        groups: number of faces by label, by the group's name.
        shares: of the faces, above 0, by split.
    """
    total = sum(groups.values(), Counter[int]())
    names = sorted(groups, key=name_hash)
    members = {label: [name for name in names if label in groups[name]] for label in total}
    left = Counter({label: len(names) for label, names in members.items()})
    taken = {split: Counter[int]() for split in shares}
    drawn: dict[str, str] = {}

    def is_free(name: str) -> bool:
        return name not in drawn and all(left[label] > 1 for label in groups[name])

    def fits(name: str, split: str) -> bool:
        return all(
            taken[split][label] + count <= round(shares[split] * total[label])
            for label, count in groups[name].items()
        )

    def take(name: str, split: str) -> None:
        drawn[name] = split
        taken[split].update(groups[name])
        left.subtract(groups[name].keys())

    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        # An emotion with two groups is held out in one split only: that with fewer faces so far.
        for split in sorted(shares, key=lambda split: taken[split].total()):
            for name in members[label]:
                if is_free(name) and fits(name, split):
                    take(name, split)
            free = [name for name in members[label] if is_free(name)]
            if free and not taken[split][label]:
                take(min(free, key=lambda name: groups[name].total()), split)
    return drawn


def _near(crops: Sequence[UInt8Array], rows: Sequence[int]) -> list[tuple[int, int]]:
    """Find pairs of rows with the same photograph, sorted by the later row."""
    if not rows:
        return []
    near = near_pairs(np.stack([crops[row] for row in rows]))
    return sorted(
        ((rows[one], rows[other]) for one, other in near.pairs), key=lambda pair: pair[::-1]
    )
