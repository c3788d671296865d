"""Which commit is recorded, in repositories made for the purpose."""

import subprocess
from pathlib import Path

import pytest

from train.artifacts import provenance


def repository(folder: Path) -> str:
    """Make a repository with one commit; its digest."""
    folder.mkdir(parents=True)
    (folder / "file").write_text("1")
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "file"], [*named, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


def place(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    (project / "train" / "artifacts").mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(project / "train/artifacts/provenance.py"))


def test_the_commit_is_recorded_and_that_files_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository(tmp_path / "project")
    place(monkeypatch, tmp_path / "project")
    assert provenance.git_commit() == commit
    (tmp_path / "project" / "file").write_text("2")
    assert provenance.git_commit() == f"{commit}+changes"


def test_a_copy_within_another_repository_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "other")
    place(monkeypatch, tmp_path / "other" / "unpacked")
    assert provenance.git_commit() == "unknown"


def test_without_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    place(monkeypatch, tmp_path / "project")
    assert provenance.git_commit() == "unknown"
