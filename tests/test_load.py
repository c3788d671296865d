"""Many programs at once, and a server that is killed: the short form of benchmarks/soak.py."""

from pathlib import Path

import pytest

from benchmarks.soak import kill_and_restart, under_load
from fer_core import EmotionRecognizer
from tests.pictures import Picture, mixed
from tests.serving import served

CLIENTS, SECONDS = 8, 6


@pytest.fixture(scope="module")
def pictures(recognizer: EmotionRecognizer) -> list[Picture]:
    return mixed(recognizer, large=False)


@pytest.mark.slow
def test_everybody_gets_their_own_answer_under_load(
    served_app: str, pictures: list[Picture]
) -> None:
    seen = under_load(served_app, pictures, CLIENTS, SECONDS)
    assert seen.failures == []
    assert len(seen.tally.seconds) >= CLIENTS
    assert seen.page


@pytest.mark.slow
def test_a_killed_server_starts_again_and_deletes_what_the_dead_one_left(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    with served(tmp_path) as server:
        assert kill_and_restart(tmp_path, server, pictures, CLIENTS) == []
