import pytest
from scipy.stats import binomtest

from tests.train.evaluation.test_photograph_metrics import answered
from train.evaluation.photograph_groups import group_figures
from train.evaluation.predictions import PhotographPredictions


def people(
    *groups: tuple[str, int, int, str], column: str = "gender", photographs_each: int = 1
) -> PhotographPredictions:
    """For each group (its value, people, those answered right, their label) an answer a person."""
    rows, names, details = [], [], []
    for value, count, right, label in groups:
        for person in range(count):
            rows += [(label, label if person < right else "sad", 0.9)] * photographs_each
            names += [f"{value} {person}"] * photographs_each
            details += [{column: value}] * photographs_each
    return answered(*rows, people=names, details=details)


class TestShares:
    def test_they_are_counted_by_group(self) -> None:
        rows = [
            ("neutral", "neutral", 0.9),
            ("happy", "neutral", 0.9),
            ("neutral", "angry", 0.9),
            ("happy", "happy", 0.9),
            ("neutral", None, 0.0),
            ("sad", "happy", 0.9),
        ]
        women, men = {"gender": "female"}, {"gender": "male"}
        figures = group_figures(
            answered(
                *rows,
                people=["a", "a", "b", "b", "c", "d"],
                details=[women, women, men, men, men, men],
            )
        )
        groups = figures["groups"]
        assert list(groups) == ["gender"]
        assert list(groups["gender"]) == ["male", "female"]  # the larger first
        female, male = groups["gender"]["female"], groups["gender"]["male"]
        assert (female["n_people"], male["n_people"]) == (1, 3)
        counted = {
            name: [(row[name]["count"], row[name]["n"]) for row in (female, male)]
            for name in ("neutral_recall", "happy_recall", "neutral_as_angry_or_sad")
        }
        assert counted == {
            "neutral_recall": [(1, 1), (0, 2)],  # a face that is not found is not read
            "happy_recall": [(0, 1), (1, 1)],
            "neutral_as_angry_or_sad": [(0, 1), (1, 2)],
        }
        assert male["neutral_as_angry_or_sad"]["share"] == 0.5

    def test_the_interval_is_wilsons(self) -> None:
        figures = group_figures(people(("female", 35, 26, "happy")))
        share = figures["groups"]["gender"]["female"]["happy_recall"]
        # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = 26/35, n = 35, z = 1.96
        assert share["interval"] == pytest.approx([0.579, 0.858], abs=0.001)
        assert share["share"] == 26 / 35

    def test_several_photographs_of_a_person_count_as_one_observation(self) -> None:
        once = group_figures(people(("female", 20, 5, "happy")))
        often = group_figures(people(("female", 20, 5, "happy"), photographs_each=3))
        one, other = (
            figures["groups"]["gender"]["female"]["happy_recall"] for figures in (once, often)
        )
        assert (other["n"], other["count"]) == (60, 15)
        assert other["interval"] == one["interval"]
        assert one["interval"] == list(binomtest(5, 20).proportion_ci(method="wilson"))

    def test_a_label_that_does_not_occur_has_none(self) -> None:
        figures = group_figures(people(("female", 2, 1, "happy")))
        assert figures["groups"]["gender"]["female"]["neutral_recall"] is None


class TestColumns:
    def test_ages_are_in_years_from_and_below(self) -> None:
        ages = ("35", "24", "25", "34.9", "NA", "", "old")
        said = answered(*[("happy", "happy", 0.9)] * 7, details=[{"age": age} for age in ages])
        figures = group_figures(said)
        counts = {name: row["n_people"] for name, row in figures["groups"]["age"].items()}
        assert list(counts.items()) == [("under 25", 1), ("25 to 34", 2), ("35 and over", 1)]
        assert "age: not given, and left out: 3." in figures["group_notes"]

    def test_gender_and_ethnicity_also_together_where_both_are_given(self) -> None:
        given = [("female", "east_asian"), ("male", "NA"), ("unknown", "white")]
        details = [{"gender": gender, "ethnicity": ethnicity} for gender, ethnicity in given]
        groups = group_figures(answered(*[("happy", "sad", 0.9)] * 3, details=details))["groups"]
        assert {column: list(names) for column, names in groups.items()} == {
            "gender": ["female", "male"],
            "ethnicity": ["east asian", "white"],
            "gender and ethnicity": ["female, east asian"],
        }

    def test_without_such_columns_there_is_nothing(self) -> None:
        said = answered(("happy", "happy", 0.9), details=[{"kind": "crop", "age": "NA"}])
        assert group_figures(said) == {}


class TestNotes:
    def test_a_difference_is_told_where_intervals_do_not_overlap(self) -> None:
        figures = group_figures(people(("female", 49, 39, "happy"), ("male", 53, 20, "happy")))
        (note,) = figures["group_notes"]
        assert note.startswith("gender: happy read as happy in 39 of 49 (female) but 20 of 53 (m")
        assert "the intervals do not overlap" in note

    def test_of_several_differences_the_most_certain_is_told(self) -> None:
        said = people(
            ("a", 35, 27, "happy"),
            ("b", 34, 17, "happy"),
            ("c", 8, 1, "happy"),
            ("d", 3, 3, "happy"),
        )
        note, _ = group_figures(said)["group_notes"]
        assert "27 of 35 (a) but 1 of 8 (c)" in note

    def test_overlapping_intervals_are_no_difference(self) -> None:
        figures = group_figures(people(("female", 40, 30, "happy"), ("male", 40, 26, "happy")))
        assert figures["group_notes"] == [
            "gender: no difference is certain: the intervals of all groups overlap."
        ]

    def test_small_groups_are_named(self) -> None:
        said = people(("white", 30, 30, "happy"), ("black", 29, 28, "happy"), column="ethnicity")
        *_, note = group_figures(said)["group_notes"]
        assert note.startswith("ethnicity: too few people to tell")
        assert note.endswith(": black (29).")

    def test_a_single_group_is_compared_with_none(self) -> None:
        assert group_figures(people(("female", 40, 30, "happy")))["group_notes"] == []
