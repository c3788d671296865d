"""Drops copies of photographs, and holds out splits by groups of related faces."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fer_core.preprocessing import UInt8Array
from train.data.class_folders import name_hash
from train.data.duplicates import connected_groups, equal_groups, near_pairs
from train.ingestion.faces import TRAINING, Face

EQUAL = "equal to another face"
NEAR = "the same photograph as another"
CONFLICT = "the same photograph under another emotion"


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies among N faces.

    Attributes:
        left_out: by row, the reason and the row of the other face.
        pairs: all pairs of rows that were found.
    """

    left_out: dict[int, tuple[str, int]]
    pairs: list[tuple[int, int]]


def find_copies(crops: Sequence[UInt8Array], labels: Sequence[int]) -> Copies:
    """Choose faces to leave out so that every photograph occurs once, with one label.

    Args:
        crops: N of (48, 48) uint8 grey; of two copies the earlier one is kept.
        labels: N labels; copies with different labels are all left out.
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
    return Copies(left_out, pairs)


def hold_out(faces: Sequence[Face], copies: Copies, shares: Mapping[str, float]) -> dict[int, str]:
    """Choose the split of each face that is kept, by row.

    Args:
        faces: N faces.
        copies: from `find_copies`; groups with copies of one photograph stay together.
        shares: share of the training faces to hold out, above 0, by split.
    """
    training = [row for row, face in enumerate(faces) if face.source.split == TRAINING]
    groups = _joined([face.source.group for face in faces], training, copies.pairs)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for row in training:
        if row not in copies.left_out:
            counts[groups[row]][faces[row].source.label] += 1
    drawn = draw_groups(counts, shares)
    return {
        row: drawn.get(groups[row], TRAINING) if row in groups else face.source.split
        for row, face in enumerate(faces)
        if row not in copies.left_out
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
    drawing = _Drawing(groups, shares)
    for label in sorted(drawing.members, key=lambda label: (len(drawing.members[label]), label)):
        # An emotion with two groups is held out in one split only: that with fewer faces so far.
        for split in sorted(shares, key=lambda split: drawing.taken[split].total()):
            drawing.fill(split, label)
    return drawing.drawn


def _near(crops: Sequence[UInt8Array], rows: Sequence[int]) -> list[tuple[int, int]]:
    """Find pairs of rows with the same photograph, sorted by the later row."""
    if not rows:
        return []
    near, row = near_pairs(np.stack([crops[row] for row in rows])), np.array(rows)
    pairs = zip(row[near.first].tolist(), row[near.second].tolist(), strict=True)
    return sorted(pairs, key=lambda pair: pair[::-1])


def _joined(
    groups: Sequence[str], rows: Sequence[int], pairs: Sequence[tuple[int, int]]
) -> dict[int, str]:
    """Return the group of each row, with one name for all groups that are connected by pairs."""
    names = sorted({groups[row] for row in rows})
    number = {name: index for index, name in enumerate(names)}
    inside = set(rows)
    joined = connected_groups(
        len(names),
        (
            (number[groups[one]], number[groups[other]])
            for one, other in pairs
            if one in inside and other in inside
        ),
    )
    return {row: names[joined[number[groups[row]]]] for row in rows}


class _Drawing:
    """State of `draw_groups`."""

    def __init__(self, groups: Mapping[str, Counter[int]], shares: Mapping[str, float]) -> None:
        self._groups = groups
        self.members: dict[int, list[str]] = defaultdict(list)
        for name in sorted(groups, key=name_hash):
            for label in groups[name]:
                self.members[label].append(name)
        total = sum(groups.values(), Counter[int]())
        self._quota = {
            split: {label: round(share * count) for label, count in total.items()}
            for split, share in shares.items()
        }
        self._left = Counter({label: len(names) for label, names in self.members.items()})
        self.taken: dict[str, Counter[int]] = {split: Counter() for split in shares}
        self.drawn: dict[str, str] = {}

    def fill(self, split: str, label: int) -> None:
        """Draw groups with a label until the split has its share."""
        for name in self.members[label]:
            if self._is_free(name) and self._fits(name, split):
                self._take(name, split)
        free = [name for name in self.members[label] if self._is_free(name)]
        if free and not self.taken[split][label]:
            self._take(min(free, key=lambda name: self._groups[name].total()), split)

    def _is_free(self, name: str) -> bool:
        return name not in self.drawn and all(self._left[label] > 1 for label in self._groups[name])

    def _fits(self, name: str, split: str) -> bool:
        return all(
            self.taken[split][label] + count <= self._quota[split][label]
            for label, count in self._groups[name].items()
        )

    def _take(self, name: str, split: str) -> None:
        self.drawn[name] = split
        self.taken[split].update(self._groups[name])
        self._left.subtract(self._groups[name].keys())
