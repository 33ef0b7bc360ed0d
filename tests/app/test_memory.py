"""A scan that remembers an earlier one finds what a scan that does not remember finds: through every kind of change."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from tokenguard.app.memory import Memory, recall, remember
from tokenguard.app.perform import perform
from tokenguard.app.repository import scan_repository
from tokenguard.app.sight import Sight
from tokenguard.config.settings import Settings
from tokenguard.git.history import History
from tokenguard.git.repository import locate
from tokenguard.model import Coverage, State
from tokenguard.ruleset.assemble import load_builtin, select

if TYPE_CHECKING:
    from tokenguard.model import Report, RuleSet


def _scan(path: Path, cache: Path | None, ruleset: RuleSet | None = None) -> Report:
    settings = Settings(jobs=2, cache=cache is not None)
    rules = ruleset or load_builtin()
    return perform(Sight({}), settings, rules, lambda session: scan_repository(session, str(path)), cache=cache).report


def _agrees(path: Path, cache: Path) -> Report:
    """The report with the memory, which must say the same as one without it."""
    remembered, whole = _scan(path, cache), _scan(path, None)
    blank = Coverage(samples=whole.coverage.samples)
    assert remembered.coverage.samples == whole.coverage.samples
    assert replace(_by_any_ref(remembered), coverage=blank) == replace(_by_any_ref(whole), coverage=blank)
    return remembered


def _by_any_ref(report: Report) -> Report:
    """The report without which of several refs reaches a place: a branch made since may be named as well."""
    findings = []
    for finding in report.findings:
        places = tuple(replace(place, ref=place.ref and "some") for place in finding.locations)
        findings.append(replace(finding, locations=places))
    return replace(report, findings=tuple(findings))


def _leak(repository: RepositoryBuilder, name: str, rule: str = "keebai-api-key") -> str:
    token = plant.token(rule)
    repository.commit({name: f"key={token}\n"}, f"add {name}")
    return token


def _repository(tmp_path: Path) -> RepositoryBuilder:
    repository = RepositoryBuilder(tmp_path / "repository")
    _leak(repository, "first.env")
    repository.commit({"a.txt": "nothing here\n", "b/c.txt": "nor here\n"}, "clean")
    return repository


def test_a_second_scan_reads_only_what_is_new(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    first = _agrees(repository.path, cache)
    assert first.coverage.remembered == 0
    second = _agrees(repository.path, cache)
    assert second.coverage.remembered > 0
    assert second.coverage.commits == 0, "no commit is new"
    repository.commit({"d.txt": "still nothing\n"}, "one more")
    third = _agrees(repository.path, cache)
    assert third.coverage.commits == 1
    assert third.findings == first.findings


@pytest.mark.parametrize("short", [0, 10_000])
def test_it_agrees_through_every_kind_of_change(short: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenguard.git.history._SHORT", short)
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    steps = (
        lambda: None,
        lambda: _leak(repository, "second.env", "binboi-access-token"),
        lambda: repository.run("gc", "-q"),
        lambda: repository.run("branch", "side", "HEAD~1"),
        lambda: repository.run("commit", "-q", "--amend", "-m", f"amended {plant.token('binboi-live-token')}"),
        lambda: repository.run("tag", "-a", "v1", "-m", f"tag {plant.token('keebai-api-key')}"),
        lambda: repository.run("reset", "-q", "--hard", "side"),
        lambda: repository.run("reflog", "expire", "--expire=now", "--all"),
        lambda: repository.run("repack", "-q", "-a", "-d"),
        lambda: repository.run("tag", "-d", "v1"),
        lambda: repository.run("prune", "--expire=now"),
        lambda: _leak(repository, "third.env"),
    )
    for step in steps:
        step()
        _agrees(repository.path, cache)


def test_what_holds_is_not_looked_for_in_a_long_history_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenguard.git.history._SHORT", 0)
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    _leak(repository, "lost.env")
    repository.run("reset", "-q", "--hard", "HEAD~1")
    repository.add({"staged.env": f"key={plant.token('binboi-live-token')}\n"})
    first = _scan(repository.path, cache)
    asked: list[int] = []
    monkeypatch.setattr(History, "_anywhere", lambda _, blobs: {} if not blobs else asked.append(len(blobs)))
    _leak(repository, "new.env")
    second = _agrees(repository.path, cache)
    assert asked == []
    assert len(second.findings) == len(first.findings) + 1


def test_a_ref_to_what_is_not_there_costs_nothing_that_is(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    before = _scan(repository.path, cache)
    _leak(repository, "new.env")
    (repository.path / ".git" / "refs" / "heads" / "bad").write_text("1234567890" * 4 + "\n")
    for _ in range(4):  # git dies while it is still being told what is known
        report = _scan(repository.path, cache)
        assert (report.state, report.errors) == (State.INCOMPLETE, ())
        assert len(report.findings) == len(before.findings) + 1


def test_what_is_missing_is_told_every_time(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    blob = repository.run("rev-parse", "HEAD:a.txt")
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for _ in range(3):
        report = _agrees(repository.path, cache)
        assert any(blob in skipped.what for skipped in report.skipped)
    repository.write("a.txt", "nothing here\n")
    repository.run("hash-object", "-w", "a.txt")
    assert _agrees(repository.path, cache).skipped == ()


def test_a_corrupt_object_is_told_every_time(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    blob = repository.run("rev-parse", "HEAD:a.txt")
    path = repository.path / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    for _ in range(2):
        assert any(blob in skipped.what for skipped in _agrees(repository.path, cache).skipped)


def test_other_rules_remember_nothing_of_these(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    _scan(repository.path, cache, select(load_builtin(), ["binboi-access-token"]))
    report = _scan(repository.path, cache)
    assert report.coverage.remembered == 0
    assert len(report.findings) == 1


def test_a_memory_that_others_could_write_is_not_believed(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    _scan(repository.path, cache)
    (cache / "repositories").chmod(0o777)
    assert _scan(repository.path, cache).coverage.remembered == 0


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    _scan(repository.path, cache)
    [kept] = (cache / "repositories").glob("*.json")
    for damage in (b"", b"{", b"[]", b'{"packs": 3}', os.urandom(200)):
        kept.write_bytes(damage)
        assert recall(cache, locate(repository.path), load_builtin().digest) == Memory()


def test_no_secret_is_remembered(tmp_path: Path) -> None:
    repository, cache = RepositoryBuilder(tmp_path / "repository"), tmp_path / "cache"
    token = _leak(repository, "leak.env")
    repository.commit({f"name-{token}": "x"}, f"message {token}")
    _scan(repository.path, cache)
    kept = b"".join(path.read_bytes() for path in (cache / "repositories").iterdir())
    assert kept
    assert token[12:].encode() not in kept


@pytest.mark.parametrize("place", ["folder", "branch", "author"])
def test_no_secret_in_a_place_is_remembered(tmp_path: Path, place: str) -> None:
    repository, cache = RepositoryBuilder(tmp_path / "repository"), tmp_path / "cache"
    token = plant.token("keebai-api-key")
    if place == "author":
        repository.run("config", "user.name", token)
    _leak(repository, f"{token}/leak.env" if place == "folder" else "leak.env")
    if place == "branch":
        repository.run("branch", "-m", f"of-{token}")
    for _ in range(2):
        assert token not in str(_agrees(repository.path, cache))
    kept = b"".join(path.read_bytes() for path in cache.rglob("*") if path.is_file())
    assert token[12:].encode() not in kept


def test_a_memory_comes_back_as_it_was(tmp_path: Path) -> None:
    repository, cache = _repository(tmp_path), tmp_path / "cache"
    _scan(repository.path, cache)
    found, digest = locate(repository.path), load_builtin().digest
    memory = recall(cache, found, digest)
    assert memory.tips
    assert memory.introductions
    remember(tmp_path / "other", found, digest, memory)
    assert recall(tmp_path / "other", found, digest) == memory
