import pytest

from fer_core.summary import VideoSummary
from tests.fer_core.test_tracking import face, frame


def test_each_frame_counts_until_the_next_one() -> None:
    summary = VideoSummary()
    summary.add(0.0, (1,), frame(face(100, happy=0.9)))
    summary.add(1.0, (1,), frame(face(100, sad=0.9)))
    summary.add(4.0, (), frame())
    summary.add(5.0, (2,), frame(face(400, fear=0.3)))
    answer = summary.finish(6.0)
    assert (answer["duration"], answer["frames"], answer["seconds"]) == (6.0, 4, 5.0)
    shown = {name: share for name, share in answer["emotions"].items() if share}
    assert shown == {"happy": 0.2, "sad": 0.6, "fear": 0.2}
    assert answer["uncertain"] == 0.2
    first, second = answer["tracks"]
    assert (first["track"], first["first"], first["last"], first["seconds"]) == (1, 0.0, 1.0, 4.0)
    assert (first["emotions"]["happy"], first["emotions"]["sad"]) == (0.25, 0.75)
    assert (second["track"], second["first"], second["last"]) == (2, 5.0, 5.0)
    assert (second["seconds"], second["emotions"]["fear"], second["uncertain"]) == (1.0, 1.0, 1.0)


def test_two_faces_count_twice() -> None:
    summary = VideoSummary()
    summary.add(0.0, (1, 2), frame(face(100, side=120, happy=0.9), face(400, sad=0.9)))
    answer = summary.finish(2.0)
    assert answer["seconds"] == 4.0
    assert (answer["emotions"]["happy"], answer["emotions"]["sad"]) == (0.5, 0.5)
    assert sum(answer["emotions"].values()) == pytest.approx(1)


def test_a_video_without_a_face_has_shares_of_nothing() -> None:
    summary = VideoSummary()
    summary.add(0.0, (), frame())
    answer = summary.finish(3.0)
    assert (answer["seconds"], answer["tracks"], set(answer["emotions"].values())) == (0, [], {0})
