import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.filters import FILTERS
from train.data.dataset import SPLITS, Dataset, data_digest
from train.data.duplicates import NearPairs
from train.data.label_faults import Faults, find_faults, save_faults
from train.data.synthetic import draw_face, write_synthetic_dataset
from train.eda import figures as eda_figures
from train.eda.figures import SAMPLES, draw_figures
from train.eda.report import NO_VOTES, write_report
from train.eda.statistics import brightness_and_contrast, explore
from train.explore import main
from train.reporting import plots
from train.reporting.contact_sheet import Tile

ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE, NEUTRAL, CONTEMPT = range(8)


def faces(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([draw_face(FER2013_LABELS[row % 7], rng) for row in range(count)])


def dataset(
    pictures: np.ndarray, labels: list[int], votes: Mapping[int, dict[int, int]] | None = None
) -> Dataset:
    """Ten votes for its label a picture but where `votes` has others; 8: unknown, 9: no face."""
    table = np.zeros((len(pictures), 10), np.int64)
    table[np.arange(len(labels)), labels] = 10
    for row, others in (votes or {}).items():
        table[row] = 0
        for column, count in others.items():
            table[row, column] = count
    return Dataset(pictures, np.array(labels), table[:, :8], table[:, 8:])


def bare(splits: Mapping[str, Dataset]) -> dict[str, Dataset]:
    return {
        name: replace(split, votes=0 * split.votes, rejections=0 * split.rejections)
        for name, split in splits.items()
    }


@pytest.fixture(scope="module")
def splits() -> dict[str, Dataset]:
    """Training rows 0, 7 and 9 are equal, the last of another label; 2 is in PublicTest, too."""
    training, public, private = faces(10, 1), faces(7, 2), faces(7, 3)
    training[7] = training[9] = training[0]
    public[3] = training[2]
    votes = {
        1: {SAD: 6, ANGRY: 4},  # the label is disgust
        2: {FEAR: 5, SAD: 5},  # no majority
        3: {HAPPY: 1, 9: 9},  # not a face
        4: {SAD: 3, NEUTRAL: 3, 8: 4},  # unreadable
        5: {CONTEMPT: 8, 8: 1, 9: 1},
    }
    return {
        "Training": dataset(training, [0, 1, 2, 3, 4, 5, 6, 0, 3, 3], votes),
        "PublicTest": dataset(public, [0, 1, 2, 3, 4, 5, 6]),
        "PrivateTest": dataset(private, [6, 6, 6, 6, 6, 6, 3], {0: {SAD: 10}}),
    }


def faults(splits: Mapping[str, Dataset], pairs: list[tuple[int, int]]) -> Faults:
    """What train.clean would have found, had it found these pairs."""
    first, second = np.array(pairs).T
    near = NearPairs(first, second, first < 0, np.ones(len(pairs), np.float32))
    return replace(find_faults(splits), near=near)


class Drawn(NamedTuple):
    """Figures and the tiles of contact sheets by file name; saving them takes seconds."""

    figures: dict[str, Figure]
    sheets: dict[str, dict[str, list[Tile]]]


@contextmanager
def kept() -> Iterator[Drawn]:
    """Keep what is drawn, instead of saving it."""
    drawn = Drawn({}, {})

    def save(figure: Figure, path: Path) -> Path:
        drawn.figures[path.name] = figure
        return path

    def draw_contact_sheet(sections: dict[str, list[Tile]], path: Path, **_: int) -> None:
        drawn.sheets[path.name] = sections

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plots, "save", save)
        patched.setattr(eda_figures, "save", save)
        patched.setattr(eda_figures, "draw_contact_sheet", draw_contact_sheet)
        yield drawn


def draw(splits: Mapping[str, Dataset]) -> Drawn:
    with kept() as drawn:
        draw_figures(splits, explore(splits), Path())
    return drawn


@pytest.fixture(scope="module")
def drawn(splits: dict[str, Dataset]) -> Drawn:
    before = data_digest(splits)
    drawn = draw(splits)
    assert data_digest(splits) == before  # nothing in the splits is changed
    return drawn


def test_classes_are_counted_by_label_and_by_majority(splits: dict[str, Dataset]) -> None:
    classes = explore(splits)["classes"]
    assert classes["fer2013"]["Training"]["happy"] == {"pictures": 3, "share": 0.3}
    assert classes["fer2013"]["PrivateTest"]["angry"] == {"pictures": 0, "share": 0.0}
    assert classes["fer2013"]["PrivateTest"]["neutral"] == {"pictures": 6, "share": 0.8571}
    majority = {name: row["pictures"] for name, row in classes["ferplus"]["Training"].items()}
    assert majority == dict.fromkeys(FERPLUS_LABELS, 0) | {
        "angry": 2,
        "sad": 1,
        "happy": 2,
        "neutral": 1,
        "contempt": 1,
        "none": 3,
    }


def test_grey_levels_are_those_of_all_pixels_of_a_class(splits: dict[str, Dataset]) -> None:
    training = splits["Training"]
    levels = explore(splits)["grey_levels"]["Training"]["classes"]
    for name, chosen in (("all", training.labels >= 0), ("happy", training.labels == HAPPY)):
        pixels = training.faces[chosen]
        assert levels[name]["mean"] == pytest.approx(pixels.mean(), abs=0.01)
        assert levels[name]["deviation"] == pytest.approx(pixels.std(), abs=0.01)
    assert explore(splits)["grey_levels"]["PrivateTest"]["classes"]["sad"] is None


def test_contrast_is_measured_within_a_picture(splits: dict[str, Dataset]) -> None:
    flat = np.stack([np.full((48, 48), level, np.uint8) for level in (10, 30)])
    board = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (24, 24))
    pictures = np.concatenate([flat, board[np.newaxis]])
    brightness, contrast = brightness_and_contrast(pictures)
    assert brightness.tolist() == [10, 30, 127.5]
    assert contrast.tolist() == [0, 0, 127.5]
    levels = explore({**splits, "PublicTest": dataset(pictures, [4, 4, 5])})["grey_levels"]
    assert levels["PublicTest"]["single_level"] == 2
    assert levels["PublicTest"]["classes"]["sad"] == {
        "mean": 20,
        "deviation": 10,
        "brightness_deviation": 10,
        "contrast": 0,
        "contrast_deviation": 0,
    }


def test_equal_copies_are_counted_within_and_across_splits(splits: dict[str, Dataset]) -> None:
    copies = explore(splits)["copies"]
    equal = copies["equal"]
    assert (equal["pictures"], equal["distinct"], equal["largest_group"]) == (24, 21, 3)
    assert equal["repeated"] == {"Training": 2, "PublicTest": 0, "PrivateTest": 0}
    assert equal["pictures_with_copy"]["Training"] == dict(zip(SPLITS, (3, 1, 0), strict=True))
    assert equal["pictures_with_copy"]["PublicTest"] == dict(zip(SPLITS, (1, 0, 0), strict=True))
    assert equal["pairs"]["Training"] == dict(zip(SPLITS, (3, 1, 0), strict=True))
    assert equal["conflicting"] == 2  # rows 0 and 9; row 2 and row 3 of PublicTest
    assert copies["same_photograph"] is None


def test_what_cleaning_found_joins_the_equal_copies(splits: dict[str, Dataset]) -> None:
    # Row 0, which has two equal ones, and row 4 of PrivateTest; rows 4 and 5.
    copies = explore(splits, faults(splits, [(0, 21), (4, 5)]))["copies"]
    same = copies["same_photograph"]
    assert (same["distinct"], same["largest_group"]) == (19, 4)
    assert same["repeated"] == {"Training": 3, "PublicTest": 0, "PrivateTest": 0}
    assert same["pictures_with_copy"]["Training"]["PrivateTest"] == 3
    assert same["pictures_with_copy"]["PrivateTest"]["Training"] == 1
    assert copies["equal"] == explore(splits)["copies"]["equal"]


def test_votes_tell_hidden_faces_and_pictures_of_none(splits: dict[str, Dataset]) -> None:
    votes = explore(splits)["votes"]
    assert votes["Training"] == {
        "pictures": 10,
        "judged": 10,
        "majority": 7,
        "not_a_face": 1,
        "unknown": 1,
        "doubtful": 1,
        "some_not_a_face": 2,
        "some_unknown": 2,
    }
    assert votes["PublicTest"]["not_a_face"] == votes["PublicTest"]["some_unknown"] == 0


def test_agreement_is_over_pictures_with_a_majority(splits: dict[str, Dataset]) -> None:
    agreement = explore(splits)["agreement"]
    # Of the seven of the training split row 1 (sad for disgust) and 5 (contempt) differ.
    assert agreement["splits"]["Training"] == {"judged": 7, "agreeing": 5, "share": 0.7143}
    assert agreement["splits"]["PrivateTest"] == {"judged": 7, "agreeing": 6, "share": 0.8571}
    assert agreement["splits"]["all"] == {"judged": 21, "agreeing": 18, "share": 0.8571}
    counts = agreement["counts"]
    assert (counts["disgust"]["sad"], counts["disgust"]["disgust"]) == (1, 1)
    assert counts["surprise"] == dict.fromkeys(FERPLUS_LABELS, 0) | {"surprise": 1, "contempt": 1}
    assert sum(sum(row.values()) for row in counts.values()) == 21


def test_without_votes_the_rest_is_told(splits: dict[str, Dataset], tmp_path: Path) -> None:
    numbers = explore(bare(splits))
    assert numbers["votes"] is numbers["agreement"] is numbers["classes"]["ferplus"] is None
    assert numbers["classes"]["fer2013"] == explore(splits)["classes"]["fer2013"]
    with kept() as drawn:
        write_report(bare(splits), numbers, tmp_path)
    assert "agreement.png" not in drawn.figures
    assert (tmp_path / "report.md").read_text().count(NO_VOTES) == 3
    assert [axes.get_title() for axes in drawn.figures["classes.png"].axes] == ["By FER2013 label"]
    assert drawn.sheets["faces_training.png"]["Angry"][0].caption == "0"


def test_votes_that_leave_no_majority_agree_on_nothing(tmp_path: Path) -> None:
    undecided = dict.fromkeys(SPLITS, dataset(faces(2, 0), [0, 1], {0: {8: 10}, 1: {8: 10}}))
    numbers = explore(undecided)
    assert numbers["agreement"]["splits"]["all"]["share"] is None
    with kept():
        write_report(undecided, numbers, tmp_path)
    assert "| all | 0 | 0 | - |" in (tmp_path / "report.md").read_text()


def test_bars_are_as_long_as_the_shares(drawn: Drawn) -> None:
    by_label, by_majority = drawn.figures["classes.png"].axes
    training, _, private = by_label.containers
    assert [bar.get_width() for bar in training] == [0.2, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1]
    assert private[NEUTRAL].get_width() == 0.8571
    names = [tick.get_text() for tick in by_majority.get_yticklabels()]
    assert names[-2:] == ["Contempt", "None"]
    assert by_majority.containers[0][-1].get_width() == 0.3


def test_faces_are_in_the_section_of_their_class_above_their_captions(
    splits: dict[str, Dataset], drawn: Drawn
) -> None:
    sections = drawn.sheets["faces_training.png"]
    captions = {title: [tile.caption for tile in tiles] for title, tiles in sections.items()}
    assert captions["Disgust"] == ["1\nSad"]
    assert captions["Fear"] == ["2\nNone"]
    assert [caption.split("\n")[0] for caption in captions["Happy"]] == ["3", "8", "9"]
    for tiles in sections.values():
        for tile in tiles:
            row = int(tile.caption.split("\n")[0])
            assert np.array_equal(tile.image, splits["Training"].faces[row])


def test_the_seed_chooses_the_faces(tmp_path: Path) -> None:
    many = dataset(faces(20, 5), [3] * 20)

    def sheet(seed: int) -> bytes:
        return eda_figures._draw_faces(many, "", tmp_path / "faces.png", seed).path.read_bytes()

    assert SAMPLES < 20
    assert sheet(0) == sheet(0) != sheet(1)


def test_histograms_are_of_the_class_and_its_mean_is_marked(
    splits: dict[str, Dataset], drawn: Drawn
) -> None:
    training = splits["Training"]
    brightness, contrast = drawn.figures["grey_levels.png"].axes[2 * HAPPY : 2 * HAPPY + 2]
    happy = training.faces[training.labels == HAPPY]
    (marked,) = brightness.lines
    assert marked.get_xdata()[0] == pytest.approx(happy.mean())
    assert f"mean {happy.std(axis=(1, 2)).mean():.0f}" in contrast.texts[0].get_text()
    for axes in (brightness, contrast):
        for patch in axes.patches:  # of the class, and of all: shares that sum up to 1
            x, y = patch.get_path().vertices.T
            area = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
            assert area == pytest.approx(np.ptp(axes.get_xlim()) / eda_figures.BINS)


def test_white_pictures_are_in_the_histogram() -> None:
    white = dataset(np.full((3, 48, 48), 255, np.uint8), [0, 0, 0])
    with kept() as drawn:
        eda_figures._draw_grey_levels(white, Path("grey_levels.png"))
    angry = drawn.figures["grey_levels.png"].axes[0].patches[0].get_path().vertices
    assert angry[:, 1].max() == pytest.approx(1)


def test_the_confusion_matrix_has_the_share_of_each_majority(drawn: Drawn) -> None:
    figure = drawn.figures["agreement.png"]
    shares = np.asarray(figure.axes[0].images[0].get_array())
    assert shares.shape == (7, 8)
    assert shares[DISGUST].tolist() == [0, 0.5, 0, 0, 0.5, 0, 0, 0]
    by_place = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert by_place[SAD, DISGUST] == "50"
    assert by_place[HAPPY, HAPPY] == "100"
    assert figure.get_suptitle() == "FER2013 and FER+ agree on 18 (85.7%)"
    assert figure.axes[0].get_xlabel() == "FER+ majority"


def test_no_figure_cuts_its_words_off(splits: dict[str, Dataset]) -> None:
    numbers = explore(splits)
    counts = numbers["agreement"]["counts"]  # as long as those of the whole data
    counts |= {row: {name: 9999 * n for name, n in counts[row].items()} for row in counts}
    with kept() as drawn:
        draw_figures(splits, numbers, Path())
    for name, figure in drawn.figures.items():
        figure.draw_without_rendering()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -0.01, name


def test_every_filter_is_shown_alone_on_faces(drawn: Drawn) -> None:
    original, *others = drawn.sheets["filters.png"].values()
    assert list(drawn.sheets["filters.png"]) == ["original", *FILTERS]
    for filtered, tiles in zip(FILTERS.values(), others, strict=True):
        for before, after in zip(original, tiles, strict=True):
            assert np.array_equal(after.image, filtered(before.image))


def test_what_is_not_a_face_is_not_filtered() -> None:
    training = dataset(faces(2, 0), [0, 3], {1: {9: 10}})
    with kept() as drawn:
        eda_figures._draw_filters(training, Path("filters.png"), seed=0)
    (tile,) = drawn.sheets["filters.png"]["original"]
    assert np.array_equal(tile.image, training.faces[0])


def test_the_command_writes_everything_that_the_report_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "new" / "out"
    data.mkdir()
    write_synthetic_dataset(data, (28, 14, 14))
    main(["--data", str(data), "--out", str(out)])
    printed = capsys.readouterr().out
    assert "counting 56 images" in printed
    assert "FER2013 and FER+ agree on 100.0% of those with a FER+ majority." in printed
    report = (out / "report.md").read_text()
    shown = set(re.findall(r"!\[[^]]+\]\(([^)]+)\)", report))
    assert shown == {path.name for path in out.glob("*.png")}
    assert len(shown) == 7
    for name in shown:
        with Image.open(out / name) as opened:
            assert opened.format == "PNG"
            assert min(opened.size) > 600
    assert "| Angry | 4 (14.3%) | 2 (14.3%) | 2 (14.3%) |" in report
    assert "| all | 56 | 56 | 100.0% |" in report
    assert "only copies with equal pixels were counted" in report
    numbers = json.loads((out / "explore.json").read_text())
    assert numbers["classes"]["ferplus"]["Training"]["angry"]["pictures"] == 4


def test_the_report_tells_near_copies_where_they_were_looked_for(
    splits: dict[str, Dataset], tmp_path: Path
) -> None:
    with kept():
        write_report(splits, explore(splits, faults(splits, [(4, 5)])), tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "only copies with equal pixels were counted" not in report
    same = report.split("### The same photograph")[1]
    assert "20 of 24 images are distinct" in same
    assert "| Training | 5 | 1 | 0 |" in same


def test_faults_of_other_data_are_refused(splits: dict[str, Dataset], tmp_path: Path) -> None:
    write_synthetic_dataset(tmp_path, (7, 7, 7))
    save_faults(faults(splits, [(4, 5)]), tmp_path / "faults.npz")
    with pytest.raises(SystemExit, match=r"error: .* was made from other images"):
        main(["--data", str(tmp_path), "--out", str(tmp_path / "o"), "--faults", str(tmp_path)])
    assert not (tmp_path / "o").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    write_synthetic_dataset(tmp_path, (7, 7, 7))
    out = tmp_path / "fer2013.csv"
    with pytest.raises(SystemExit, match=r"error: .*fer2013\.csv is a file; name a folder"):
        main(["--data", str(tmp_path), "--out", str(out)])


def test_without_matplotlib_the_command_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r"needs matplotlib: pip install -r train/requ"):
        main(["--data", str(tmp_path), "--out", str(tmp_path / "out")])


def test_a_negative_seed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--out", str(tmp_path), "--seed", "-1"])
    assert "--seed must be 0 or more" in capsys.readouterr().err
