"""Objects in loads: through shared memory and, where there is none, through a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from git_repository import RepositoryBuilder
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git
from tokenguard.git.tray import CAPACITY, Tray

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="both ways are compared")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RepositoryBuilder:
    repository = RepositoryBuilder(tmp_path_factory.mktemp("objects") / "made")
    repository.commit({f"f{number}": os.urandom(number * 997) for number in range(40)})
    return repository


@pytest.fixture(params=["shared memory", "pipe"])
def loads(request: pytest.FixtureRequest, made: RepositoryBuilder) -> Iterator[Tray]:
    tray = Tray(Git(locate(made.path)), shared=request.param == "shared memory")
    yield tray
    tray.close()


@pytest.fixture
def large(made: RepositoryBuilder) -> Iterator[bytes]:
    """The line of an object that fills a tray to its last byte."""
    head = b"%s blob %d\n"
    size = CAPACITY - len(head % (b"0" * 40, CAPACITY)) - 1
    content = os.urandom(1 << 10) * (size >> 10)
    oid = made.object("blob", content + bytes(size - len(content)))
    yield head % (oid.encode(), size)
    (made.path / ".git/objects" / oid[:2] / oid[2:]).unlink()


def listed(made: RepositoryBuilder) -> list[bytes]:
    return made.run_raw("cat-file", "--batch-all-objects", "--batch-check").splitlines(keepends=True)


def answer(made: RepositoryBuilder, lines: list[bytes]) -> bytes:
    """What git says of the objects, one after the other."""
    return b"".join(
        line + made.run_raw("cat-file", line.split()[1].decode(), line.split()[0].decode()) + b"\n" for line in lines
    )


def test_each_load_is_what_git_says(loads: Tray, made: RepositoryBuilder) -> None:
    lines = listed(made)
    # A shorter load after a longer one: what is left of that must not be taken for this.
    for part in (lines[:30], lines[30:], lines[:1], lines, lines[5:6]):
        expected = answer(made, part)
        assert bytes(loads.load(part, len(expected))) == expected


def test_a_load_that_fills_the_tray(loads: Tray, made: RepositoryBuilder, large: bytes) -> None:
    given = bytes(loads.load([large], CAPACITY))
    assert len(given) == CAPACITY
    assert given == answer(made, [large])


def test_more_than_the_tray_holds_is_a_load_that_broke_off(loads: Tray, made: RepositoryBuilder, large: bytes) -> None:
    line = next(line for line in listed(made) if line != large)
    for lines in ([large, line], [large, large]):
        given = bytes(loads.load(lines, CAPACITY))
        assert given.startswith(answer(made, [large]))
        assert len(given) < len(answer(made, lines))
        # Into the other half, which may just be searched.
        assert loads.spilled == (loads._file is not None)
    assert bytes(loads.load([line], 1000)) == answer(made, [line])
    assert not loads.spilled


def test_one_load_stays_while_the_next_is_filled(loads: Tray, made: RepositoryBuilder) -> None:
    lines = listed(made)
    parts = [lines[:20], lines[20:], lines[3:9], lines]
    loads.ask(parts[0], 0)
    for part, following in zip(parts, [*parts[1:], lines[:1]], strict=True):
        given = loads.take()
        loads.ask(following, 0)
        assert bytes(given) == answer(made, part)
    assert bytes(loads.take()) == answer(made, lines[:1])


def test_what_is_absent_is_told_by_the_header(loads: Tray, made: RepositoryBuilder) -> None:
    lines = listed(made)[:2]
    absent = b"1" * 40 + b" blob 5\n"
    given = bytes(loads.load([lines[0], absent, lines[1]], 100))
    assert given == answer(made, lines[:1]) + b"1" * 40 + b" missing\n" + answer(made, lines[1:])


def test_a_corrupt_object_ends_the_load_and_not_the_tray(loads: Tray, made: RepositoryBuilder) -> None:
    oid = made.object("blob", os.urandom(3000))
    lines = listed(made)
    (bad,) = (line for line in lines if line.startswith(oid.encode()))
    good = [line for line in lines if line != bad][:3]
    path = made.path / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:200])
    try:
        given = bytes(loads.load([good[0], bad, good[1]], 1 << 20))
        whole = answer(made, good[:1])
        assert given.startswith(whole)
        assert answer(made, good[1:2]) not in given
        assert bytes(loads.load(good, len(whole))) == answer(made, good)
    finally:
        path.unlink()


def test_a_git_that_is_killed_between_two_loads(loads: Tray, made: RepositoryBuilder) -> None:
    lines = listed(made)[:3]
    expected = answer(made, lines)
    assert bytes(loads.load(lines, len(expected))) == expected
    process = loads._process
    assert process is not None
    process._popen.kill()
    process._popen.wait()
    assert len(loads.load(lines, len(expected))) < len(expected)
    assert bytes(loads.load(lines, len(expected))) == expected
