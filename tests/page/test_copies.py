"""Copies of visitors' pictures do not live long."""

import os
import time
from pathlib import Path

from page import copies


def test_copies_are_swept_when_old_and_only_then(tmp_path: Path) -> None:
    for name, age in (("old/upload.png", 300), ("old/new.png", 10), ("gone/broken-off", 300)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        written = time.time() - age
        os.utime(path, (written, written))
        os.utime(path.parent, (written, written))
    copies.sweep(tmp_path, older_than=240)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["new.png"]
    assert not (tmp_path / "gone" / "broken-off").exists()


def test_an_empty_folder_is_swept_once_it_is_old(tmp_path: Path) -> None:
    for name, age in (("old", 300), ("new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    copies.sweep(tmp_path, older_than=240)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_what_a_link_points_to_is_not_swept(tmp_path: Path) -> None:
    outside, swept = tmp_path / "outside", tmp_path / "swept"
    for folder in (outside, swept):
        folder.mkdir()
    (outside / "kept.png").touch()
    os.utime(outside / "kept.png", (0, 0))
    (swept / "link").symlink_to(outside)
    copies.sweep(swept, older_than=0)
    assert (outside / "kept.png").exists()


def test_a_copy_lives_at_most_five_minutes() -> None:
    assert copies.COPY_SECONDS + copies.SWEEP_SECONDS <= 300
