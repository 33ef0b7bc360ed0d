"""The proofs of faults again, over more objects, more kinds of damage, and every place at which git can die."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

import plant
from git_repository import RepositoryBuilder
from proofs.damage import DAMAGE, LETHAL, Small, damage, git_that_fails, small
from proofs.scanning import hashes, scan_git, sha256
from tokenguard.model import State

if TYPE_CHECKING:
    from pathlib import Path

    from tokenguard.model import Report

pytestmark = pytest.mark.soak


def _named(report: Report) -> str:
    unread = [f"{skipped.what}: {skipped.why}" for skipped in report.skipped]
    return "\n".join(unread + [f"{error.what}: {error.why}" for error in report.errors])


def _oids(repository: Small) -> list[str]:
    return repository.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Three hundred objects: a line of commits, each with a file and a folder that change."""
    folder = tmp_path_factory.mktemp("large")
    kept = small(folder)
    clone = RepositoryBuilder(folder / "clone")
    tokens = dict(kept.tokens)
    for number in range(70):
        token, message = plant.token(plant.RULES[number % 3]), plant.token(plant.KEEBAI)
        files = {f"folder-{number % 7}/{number % 5}": f"{number}\n" * 50 + token}
        oid = clone.commit(files, f"{number}\n\n{message}")
        tokens[oid] = message
        tokens[clone.oid(f"HEAD:folder-{number % 7}/{number % 5}")] = token
    kept.git("-c", "fetch.unpackLimit=100000", "fetch", "-q", str(clone.path), "main:refs/heads/large")
    return Small(kept.path, tokens)


@pytest.mark.parametrize("how", [*LETHAL, *DAMAGE])
def test_each_object_of_a_larger_repository(large: Small, tmp_path: Path, how: str) -> None:
    repository = large.copy(tmp_path / "x.git")
    for oid in _oids(large):
        path = repository.loose(oid)
        kept = path.read_bytes()
        damage(path, {**LETHAL, **DAMAGE}[how])
        report = scan_git(repository.path, jobs=1)
        if how in LETHAL:
            assert report.state is State.INCOMPLETE
            assert oid in _named(report)
        assert repository.lost(report, oid) == [], (
            oid,
            _named(report),
            path.read_bytes().hex() if path.exists() else "",
        )
        assert report.state is State.INCOMPLETE or repository.lost(report) == [], oid
        path.unlink(missing_ok=True)
        path.write_bytes(kept)


@pytest.mark.parametrize("seed", range(300))
def test_a_pack_with_random_damage(large: Small, tmp_path: Path, seed: int) -> None:
    """Some bytes of pack or index, anywhere, changed: complete only where all was found nevertheless."""
    repository = large.copy(tmp_path / "x.git")
    repository.pack()
    draw = random.Random(seed)  # noqa: S311 - places, no secrets
    target = repository.pack_file(draw.choice([".pack", ".pack", ".idx"]))
    data = bytearray(target.read_bytes())
    for _ in range(draw.choice([1, 1, 2, 20])):
        at = draw.randrange(len(data))
        data[at] ^= 1 << draw.randrange(8)
    target.write_bytes(data)
    report = scan_git(repository.path)
    assert report.state is State.INCOMPLETE or repository.lost(report) == []


@pytest.mark.parametrize("at", ["rev-list", "--batch-all-objects", "--batch --buffer", "--batch", "diff-tree"])
@pytest.mark.parametrize("once", [True, False])
def test_git_dies_after_any_number_of_bytes(
    large: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, *, once: bool
) -> None:
    expected = {sha256(token) for token in large.tokens.values()}
    for number, size in enumerate([*range(1, 400, 37), *range(500, 60_000, 4001)]):
        how = f'first "dd bs=1 count={size}" "$@"; kill -9 $$'  # head would hold back what it has until it has all
        with monkeypatch.context() as patch:
            patch.setenv("PATH", git_that_fails(tmp_path / str(number), at, how, once=once))
            report = scan_git(large.path)
        assert report.state is State.INCOMPLETE or hashes(report) == expected
