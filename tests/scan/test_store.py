"""Compiled rule sets on disk: used only while they are what they say, and nobody else could have written them."""

from __future__ import annotations

from pathlib import Path

import hyperscan
import pytest

from tokenguard.errors import RuleError
from tokenguard.model import Rule, RuleSet, Severity
from tokenguard.ruleset.assemble import of_rules
from tokenguard.scan.engine import Engine, Literal
from tokenguard.scan.store import load_database, save_database

RULES = {number: Rule(f"r{number}", "A rule", Severity.LOW, pattern, pattern, 40, examples=(example,))
         for number, (pattern, example) in enumerate([("abc[0-9]{4}", "abc1234"), ("(?:x|y)z+w", "yzzw")])}  # fmt: skip
DIGEST = "sha256:1"
MAGIC = (Literal(b"\x1f\x8b\x08", once=True),)


def compiled(*patterns: str) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[0] * len(patterns),
    )
    return database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_database(tmp_path / "cache", DIGEST, compiled(*(rule.sieve for rule in RULES.values())))
    return tmp_path / "cache"


def kept(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_was_kept_is_used(folder: Path) -> None:
    database = load_database(folder, DIGEST, RULES)
    assert database is not None
    ends: list[tuple[int, int]] = []
    database.scan(
        b"- abc1234 yzw",
        match_event_handler=lambda index, _start, end, *_: ends.append((index, end)),
        scratch=hyperscan.Scratch(database),
    )
    assert ends == [(0, 9), (1, 13)]


def test_it_is_its_owners_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_used(folder: Path, mode: int) -> None:
    kept(folder).chmod(mode)
    assert load_database(folder, DIGEST, RULES) is None


@pytest.mark.parametrize("content", [b"", b"nothing", bytes(4096)])
def test_what_is_broken_is_not_used(folder: Path, content: bytes) -> None:
    kept(folder).write_bytes(content)
    assert load_database(folder, DIGEST, RULES) is None


def test_half_a_file_is_not_used(folder: Path) -> None:
    kept(folder).write_bytes(kept(folder).read_bytes()[:-100])
    assert load_database(folder, DIGEST, RULES) is None


def test_what_does_not_find_the_examples_is_not_used(folder: Path) -> None:
    save_database(folder, DIGEST, compiled("abc[0-9]{4}", "something else"))
    assert load_database(folder, DIGEST, RULES) is None


def test_other_rules_have_another(folder: Path) -> None:
    assert load_database(folder, "sha256:2", RULES) is None


def test_a_folder_that_cannot_be_made_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    save_database(tmp_path / "file" / "cache", DIGEST, compiled("a"))
    assert load_database(tmp_path / "file" / "cache", DIGEST, {}) is None


def many(count: int = 40) -> RuleSet:
    return of_rules(
        Rule(f"r{number}", "A rule", Severity.LOW, pattern, pattern, 40, examples=(f"key{number}_ab",))
        for number, pattern in enumerate(f"key{number}_[a-z]{{2}}" for number in range(count))
    )


def test_a_large_rule_set_is_compiled_once(tmp_path: Path) -> None:
    rules, cache = many(), tmp_path / "cache"
    view = memoryview(b"- key7_zz key39_qq key40_qq")
    first = Engine(rules, MAGIC, cache).scratch().rule_hits(view, 10)
    assert [hit.index for hit in first] == [7, 39]
    file = kept(cache)
    written = file.stat().st_mtime_ns
    assert Engine(rules, MAGIC, cache).scratch().rule_hits(view, 10) == first
    assert (kept(cache), file.stat().st_mtime_ns) == (file, written)


def test_a_small_one_is_not_kept(tmp_path: Path) -> None:
    Engine(many(3), MAGIC, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_pattern_that_does_not_compile_is_told_at_once(tmp_path: Path) -> None:
    broken = of_rules([Rule("broken", "A rule", Severity.LOW, "a", "a(", 40)])
    with pytest.raises(RuleError, match="does not compile"):
        Engine(broken, MAGIC, tmp_path / "cache")


def test_the_sieve_sees_every_magic_of_a_stretch() -> None:
    """A stretch holds many objects: one hit of each is wanted, not one of all."""
    scratch = Engine(many(3), MAGIC).scratch()
    stretch = memoryview(b"".join(b"\x1f\x8b\x08" + bytes(20) for _ in range(5)))
    assert scratch.parts_hit(stretch, range(0, 5 * 23 + 1, 23)) == [0, 1, 2, 3, 4]
    assert len(scratch.literal_hits(stretch, 10)) == 1
