import numpy as np
import pytest

from fer_core import (
    FER2013_LABELS,
    BoundingBox,
    EmotionPrediction,
    FaceDetection,
    FaceResult,
    RecognitionResult,
    Tracker,
)
from fer_core.tracking import MAX_MISSED, NEW_BOX_SHARE, NEW_SHARE, STEP_SECONDS, _least_sum

WIDTH, HEIGHT = 640, 480


def face(x: float, y: float = 200, side: float = 100, **shares: float) -> FaceResult:
    """A face with its centre at (x, y); what `shares` leave goes to the other emotions."""
    shares = shares or {"neutral": 1.0}
    rest = (1 - sum(shares.values())) / (len(FER2013_LABELS) - len(shares))
    edges = [x - side / 2, y - side / 2, x + side / 2, y + side / 2]
    limits = [WIDTH, HEIGHT, WIDTH, HEIGHT]
    box = BoundingBox(*(min(max(round(edge), 0), end) for edge, end in zip(edges, limits)))  # noqa: B905
    emotion = EmotionPrediction({n: shares.get(n, rest) for n in FER2013_LABELS}, 0.0, 0.4)
    detection = FaceDetection(box, np.zeros((6, 2)), 0.9)
    return FaceResult(detection, np.zeros((48, 48), np.uint8), emotion)


def frame(*faces: FaceResult, size: tuple[int, int] = (WIDTH, HEIGHT)) -> RecognitionResult:
    ordered = sorted(faces, key=lambda one: -one.detection.box.area)
    return RecognitionResult(size, tuple(ordered), "model", "1")


def by_place(tracks: tuple[int, ...], result: RecognitionResult) -> list[int]:
    """Track numbers from left to right."""
    pairs = zip(result.faces, tracks, strict=True)
    return [track for _, track in sorted((one.detection.box.x_min, track) for one, track in pairs)]


def test_the_first_frame_is_given_as_it_is_and_numbered_from_one() -> None:
    first = frame(face(100, happy=0.9), face(400, side=80, sad=0.9))
    tracks, result = Tracker().update(first, 7.5)
    assert tracks == (1, 2)
    assert result == first


def test_faces_keep_their_numbers_whatever_their_order() -> None:
    tracker = Tracker()
    assert tracker.update(frame(face(100, side=110), face(400, side=100)), 0.0)[0] == (1, 2)
    tracks, result = tracker.update(frame(face(104, side=100), face(398, side=130)), 0.1)
    assert tracks == (2, 1)
    assert [one.detection.box.x_min > 200 for one in result.faces] == [True, False]


@pytest.mark.parametrize("every", [1 / 30, 0.1, 0.2])
@pytest.mark.parametrize("speed", [30, 200, 450])  # pixels a second
def test_a_moving_face_keeps_its_number_and_its_box_follows(every: float, speed: float) -> None:
    tracker = Tracker()
    for step in range(int(540 / speed / every)):
        x = 50 + speed * step * every
        tracks, result = tracker.update(frame(face(x)), step * every)
        assert tracks == (1,)
    box = result.faces[0].detection.box
    assert (box.x_min + box.x_max) / 2 == pytest.approx(x, abs=12)


def test_a_face_survives_three_missed_frames_and_no_more() -> None:
    for missed, expected in ((MAX_MISSED, 1), (MAX_MISSED + 1, 2)):
        tracker = Tracker()
        tracker.update(frame(face(100)), 0.0)
        for step in range(missed):
            assert tracker.update(frame(), 0.1 * (step + 1))[0] == ()
        assert tracker.update(frame(face(100)), 0.1 * (missed + 1))[0] == (expected,)
    assert MAX_MISSED == 3


def test_a_moving_face_is_awaited_where_it_should_be_by_then() -> None:
    tracker = Tracker()
    for step in range(10):
        tracker.update(frame(face(60 + 40 * step)), 0.1 * step)
    for step in range(10, 13):
        tracker.update(frame(), 0.1 * step)
    assert tracker.update(frame(face(60 + 40 * 13)), 1.3)[0] == (1,)


def test_a_face_elsewhere_is_another_one() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100)), 0.0)
    assert tracker.update(frame(face(350)), 0.1)[0] == (2,)
    assert tracker.update(frame(face(350), face(102)), 0.2)[0] == (2, 1)


def test_a_face_of_quite_another_size_is_another_one() -> None:
    tracker = Tracker()
    tracker.update(frame(face(200, side=200)), 0.0)
    assert tracker.update(frame(face(200, side=60)), 0.1)[0] == (2,)


@pytest.mark.parametrize("every", [1 / 30, 0.1, 0.2])
@pytest.mark.parametrize("speed", [60, 150, 400])
@pytest.mark.parametrize("sides", [(100, 100), (90, 130)])
def test_faces_that_cross_keep_their_numbers_though_one_is_hidden(
    every: float, speed: float, sides: tuple[int, int]
) -> None:
    tracker, random = Tracker(), np.random.default_rng(0)
    numbers: dict[str, set[int]] = {}
    for step in range(int(500 / speed / every)):
        time = step * every
        right, left = 70 + speed * time, 570 - speed * time
        jitter = random.normal(0, 1.5, 4)
        going_right = face(right + jitter[0], 200 + jitter[1], sides[0], happy=0.9)
        going_left = face(left + jitter[2], 200 + jitter[3], sides[1], sad=0.9)
        hidden = abs(right - left) < 0.75 * sum(sides) / 2  # a detector finds the front one alone
        shown = [going_left] if hidden else [going_left, going_right]
        tracks, result = tracker.update(frame(*shown), time)
        for track, one in zip(tracks, result.faces, strict=True):
            if not hidden:
                numbers.setdefault(one.emotion.label, set()).add(track)
    assert [len(tracks) for tracks in numbers.values()] == [1, 1]
    assert numbers["happy"] != numbers["sad"]


def test_two_near_faces_are_assigned_so_that_both_keep_their_numbers() -> None:
    """The left one is nearest to where the right one was."""
    tracker = Tracker()
    assert by_place(*tracker.update(frame(face(200), face(260)), 0.0)) == [1, 2]
    assert by_place(*tracker.update(frame(face(245), face(305)), 0.1)) == [1, 2]


def test_a_single_odd_frame_does_not_change_the_answer_and_a_lasting_one_does() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100, happy=0.94)), 0.0)
    _, shown = tracker.update(frame(face(102, angry=0.94)), STEP_SECONDS)
    (seen,) = shown.faces
    assert seen.emotion.label == "happy"
    assert seen.emotion.probabilities["angry"] == pytest.approx(
        NEW_SHARE * 0.94 + (1 - NEW_SHARE) * 0.01
    )
    for step in range(2, 5):
        _, shown = tracker.update(frame(face(102, angry=0.94)), step * STEP_SECONDS)
    assert shown.faces[0].emotion.label == "angry"
    assert sum(shown.faces[0].emotion.probabilities.values()) == pytest.approx(1)


def test_smoothing_is_alike_at_any_frame_rate() -> None:
    """After .4 seconds of another expression, whether it was seen in 2, 4 or 12 frames."""
    shares = []
    for frames in (2, 4, 12):
        tracker = Tracker()
        tracker.update(frame(face(100, happy=0.94)), 0.0)
        for step in range(1, frames + 1):
            _, result = tracker.update(frame(face(100, angry=0.94)), 0.4 * step / frames)
        shares.append(result.faces[0].emotion.probabilities["angry"])
    assert shares == pytest.approx([shares[0]] * 3)
    assert shares[0] == pytest.approx(0.94 - 0.93 * (1 - NEW_SHARE) ** 4)


def test_each_face_is_averaged_with_itself() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100, happy=0.95), face(400, sad=0.95)), 0.0)
    _, after = tracker.update(frame(face(405, sad=0.9), face(104, happy=0.9)), 0.1)
    by_side = sorted(after.faces, key=lambda one: one.detection.box.x_min)
    assert [one.emotion.label for one in by_side] == ["happy", "sad"]
    assert min(one.emotion.confidence for one in after.faces) > 0.9


def test_contempt_is_averaged_and_what_is_not_smoothed_is_of_this_frame() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100, happy=0.9)), 0.0)
    new = face(100, happy=0.8)
    object.__setattr__(new.emotion, "contempt", 1.0)
    _, result = tracker.update(frame(new), STEP_SECONDS)
    assert result.faces[0].emotion.contempt == pytest.approx(NEW_SHARE)
    assert result.faces[0].aligned is new.aligned
    assert result.faces[0].detection.keypoints is new.detection.keypoints


def test_boxes_glide_and_stay_largest_first() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100, side=200), face(450, side=190)), 0.0)
    tracks, after = tracker.update(frame(face(450, side=230), face(100, side=202)), STEP_SECONDS)
    assert tracks == (2, 1)
    boxes = [one.detection.box for one in after.faces]
    assert boxes[0].width == pytest.approx(190 + NEW_BOX_SHARE * 40, abs=1)
    assert [box.area for box in boxes] == sorted((box.area for box in boxes), reverse=True)


def test_boxes_stay_within_the_image() -> None:
    tracker = Tracker()
    for step in range(8):
        x = WIDTH - 300 + 45 * step
        _, result = tracker.update(frame(face(x)), 0.1 * step)
        assert result.faces[0].detection.box.x_max <= WIDTH


def test_frames_of_another_size_start_anew_and_no_number_is_given_twice() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100)), 0.0)
    other = frame(face(100, sad=0.9), size=(1280, 960))
    tracks, result = tracker.update(other, 0.1)
    assert tracks == (2,)
    assert result == other


def test_a_frame_at_the_same_time_breaks_nothing() -> None:
    tracker = Tracker()
    tracker.update(frame(face(100)), 1.0)
    assert tracker.update(frame(face(101)), 1.0)[0] == (1,)


def test_nobody_is_recognized_who_left_and_comes_back() -> None:
    tracker = Tracker()
    for step in range(20):
        seen = [face(100)] if step < 5 or step > 15 else []
        tracks, _ = tracker.update(frame(*seen), 0.1 * step)
    assert tracks == (2,)


def test_an_assignment_has_the_least_sum_of_all() -> None:
    from scipy.optimize import linear_sum_assignment  # comes with what trains

    random = np.random.default_rng(0)
    for rows in range(9):
        for more in range(5):
            costs = random.random((rows, rows + more))
            chosen = _least_sum(costs)
            assert len(set(chosen)) == rows
            best = costs[linear_sum_assignment(costs)].sum()
            assert costs[np.arange(rows), chosen].sum() == pytest.approx(best)
