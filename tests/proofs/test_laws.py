"""Laws of the pipeline: windows, stages, positions and trays change nothing about what is found."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import itertools
import os
import random
import re
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plant
from git_repository import RepositoryBuilder
from tokenguard.app import file_sift
from tokenguard.app.detector import Detector
from tokenguard.app.pipeline import BlobScanner
from tokenguard.app.specificity import Kept, most_specific, specificity
from tokenguard.git.objects import Census, group, shards
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git
from tokenguard.git.sift import Sifter
from tokenguard.git.tray import Tray
from tokenguard.model import Blob, Match, Origin, Position
from tokenguard.ruleset.assemble import combine, load_builtin, of_rules
from tokenguard.ruleset.load import load_repository_rules
from tokenguard.ruleset.parse import parse_rules
from tokenguard.scan.position import PositionTracker
from tokenguard.scan.windows import MARGIN, Window, fill, windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenguard.model import Rule

ORIGIN = Origin("files", "blob")
SMALL = 2 * MARGIN + 4096
"""Bytes of a window that is small, and yet larger than its margins."""


# Windows.


@settings(max_examples=40)
@given(size=st.integers(0, 6 * SMALL), extra=st.integers(1, 3 * MARGIN))
def test_windows_answer_for_each_byte_once(size: int, extra: int) -> None:
    data = b"".join(b"%07d " % number for number in range(size // 8 + 1))[:size]
    reader, buffer = io.BytesIO(data), bytearray(2 * MARGIN + extra)
    answered = 0
    for window in windows(reader, buffer, fill(reader, memoryview(buffer))):
        assert bytes(window.view) == data[window.base : window.base + window.size]
        assert window.base + window.after == answered
        answered = window.base + window.until
        assert window.base == 0 or window.after >= MARGIN
        assert window.last or window.size - window.until >= MARGIN
    assert answered == size


class Trickle:
    """A Reader that gives as little at a time as it likes."""

    def __init__(self, data: bytes, steps: list[int]) -> None:
        self._rest = io.BytesIO(data)
        self._steps = steps or [1 << 20]
        self._turn = 0

    def readinto(self, buffer: memoryview, /) -> int:
        self._turn += 1
        return self._rest.readinto(buffer[: self._steps[self._turn % len(self._steps)]])

    def close(self) -> None:
        self._rest.close()


FORMS = (
    lambda token: token,
    lambda token: b" " + token + b"a",
    lambda token: token[:-1],
    lambda token: base64.b64encode(b"x" + token + b" "),
    lambda token: base64.encodebytes(b"a long text before it: " + token + b" and after"),
    lambda token: token.hex().encode(),
    lambda token: token.decode().encode("utf-16-le"),
    lambda token: token.replace(b"_", b"%5f"),
)
"""A token, plain or wrapped, and what is close to one."""

_CUTS = (0, MARGIN, SMALL - MARGIN, SMALL, 2 * SMALL - 3 * MARGIN)
"""Where a window of the small size begins, ends, or answers no more."""


def _token(seed: int) -> bytes:
    """A token of that seed, the same in every run of an example."""
    hidden = hashlib.sha256(seed.to_bytes(8)).hexdigest()
    return (f"kbai_pk_{hidden}", f"binboi_live_{hidden[:32]}", f"binboi_pat_{hidden[:8]}_{hidden[8:44]}")[
        seed % 3
    ].encode()


def _long_blob(plan: list[tuple[int, int, int, int]]) -> bytes:
    """Tokens where windows may be cut, between them text that is none."""
    data = bytearray()
    for cut, early, form, seed in plan:
        gap = max(0, cut - len(data) % max(cut, 1) - early)
        data += (b"some text, line by line\n" * (gap // 24 + 1))[:gap]
        data += b"\n" + FORMS[form](_token(seed)) + b"\n"
    return bytes(data)


_PLANS = st.lists(
    st.tuples(st.sampled_from(_CUTS), st.integers(0, 130), st.integers(0, len(FORMS) - 1), st.integers(0, 1 << 40)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40)
@given(plan=_PLANS, extra=st.integers(0, 5000), steps=st.lists(st.integers(100, 40_000), max_size=4))
def test_a_blob_scanned_whole_and_in_windows_is_the_same(
    detector: Detector, plan: list[tuple[int, int, int, int]], extra: int, steps: list[int]
) -> None:
    data = _long_blob(plan)
    whole = BlobScanner(detector, len(data) + 1).scan(Blob.of(ORIGIN, data))
    parts = BlobScanner(detector, SMALL + extra).scan(Blob(ORIGIN, lambda: Trickle(data, steps)))
    assert sorted(map(repr, parts.matches)) == sorted(map(repr, whole.matches))
    assert (parts.skipped, parts.size) == (whole.skipped, len(data))


@settings(max_examples=60)
@given(plan=_PLANS)
def test_with_the_sieve_alone_the_same_is_found(
    compiled: Detector, sieve_alone: Detector, plan: list[tuple[int, int, int, int]]
) -> None:
    data = _long_blob(plan) + gzip.compress(_token(plan[0][3]))
    blob = Blob.of(ORIGIN, data)
    assert BlobScanner(sieve_alone, SMALL).scan(blob) == BlobScanner(compiled, SMALL).scan(blob)
    assert not sieve_alone.engine.compiled("tokens")
    assert not sieve_alone.engine.compiled("encoded")


def test_where_the_sieve_hits_too_often_the_rest_is_compiled() -> None:
    scratch = (engine := Detector(load_builtin()).engine).scratch()
    view = memoryview(b"kbai_pk_" * 1000)
    assert len(scratch.literal_hits(view, 20)) <= 20
    assert not scratch.rule_hits(view, 20)  # no token among them
    assert engine.compiled("tokens")
    assert engine.compiled("encoded")


def test_many_small_blobs_that_hit_are_not_searched_with_the_sieve_for_ever() -> None:
    detector = Detector(load_builtin())
    scanner = BlobScanner(detector, SMALL)
    for _ in range(20):
        assert not scanner.scan(Blob.of(ORIGIN, b"kbai_pk_ is a prefix\n" * 100)).matches
    assert detector.engine.compiled("tokens")
    assert detector.engine.compiled("encoded")


@pytest.fixture(scope="module")
def sieve_alone() -> Detector:
    return Detector(load_builtin())


@pytest.fixture(scope="module")
def compiled() -> Detector:
    made = Detector(load_builtin())
    assert made.engine.tokens is not None
    assert made.engine.encoded is not None
    return made


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(load_builtin())


# Stages.

PATTERNS = (
    "abab",  # overlaps itself
    "(?:ab){1,5}a",
    "a{2,7}",
    "a{2,7}?b",
    "(?:a|ab|abab)c?",
    "[ab]{3}",
    r"\bab{1,4}\b",
    r"\Bab",
    "(?<=b)a{1,3}",
    "(?<!b)a{1,3}",
    "a{1,3}(?=b)",
    "a{1,3}(?!b)",
    "(?i)aB{1,3}",
    "(?s)a.b",
    "a.b",
    "a[^b]{1,4}b",
    "^ab",
    r"\Aab",
    "(?m)^ab",
    "ab$",
    r"ab\Z",
    "(?m)ab$",
    "(a)(?P<secret>b{1,3})",
    "a(b{1,3})c?",
    "(a|b)\\1",
    "(?>a{1,3})a?b",
    "a{1,4}+b",
    "(a)?b(?(1)c|a)",
    "(?:a\n){1,3}",
    "ab{0,3}",
    "(?:b?a){1,6}(?![0-9A-Za-z])",
    "x_[0-9a-f]{3}(?![0-9A-Za-z])",
)


def _rule(pattern: str) -> Rule:
    text = f"rules:\n- id: law\n  title: Law\n  severity: low\n  pattern: {quoted(pattern)}\n"
    (read,) = parse_rules(text.encode(), "law.yaml")
    return read.rule


def quoted(pattern: str) -> str:
    """As YAML in double quotes."""
    return '"' + pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=60)
@given(text=st.text("abcABx_01\n \0", max_size=200), gap=st.integers(0, 400))
def test_both_stages_together_find_what_re_finds(pattern: str, text: str, gap: int) -> None:
    rule = RULES[pattern]
    body = text.encode()
    # Twice, the second time around the end of the first window.
    filler = b" " * max(0, SMALL - MARGIN - len(body) - gap)
    for data in (body, body + filler + body + b" " * MARGIN * (gap % 3)):
        scanned = SCANNERS[pattern].scan(Blob.of(ORIGIN, data))
        expected = [span for match in rule.regex.finditer(data) if (span := _secret(match))]
        assert scanned.skipped == ()
        assert sorted(match.offset for match in scanned.matches) == sorted(start for start, _ in expected)


def _secret(match: re.Match[bytes]) -> tuple[int, int] | None:
    group: int | str = "secret" if "secret" in match.re.groupindex else 1 if match.re.groups else 0
    return match.span(group) if match.group(group) else None


RULES = {pattern: _rule(pattern) for pattern in PATTERNS}
SCANNERS = {pattern: BlobScanner(Detector(of_rules([rule])), SMALL) for pattern, rule in RULES.items()}


@pytest.mark.parametrize("number", [1, 3, 9])
def test_rules_that_hit_at_every_byte_hide_nothing(number: int) -> None:
    """A repository's own rules, made to wear the engine out: the built-in ones find what they find without."""
    patterns = [f"(?:[a-z{digit}]){{3,40}}(?=!)" for digit in range(number)]
    text = "rules:\n" + "".join(
        f"- id: r{at}\n  title: R\n  severity: low\n  pattern: '{pattern}'\n" for at, pattern in enumerate(patterns)
    )
    scanner = BlobScanner(Detector(combine(load_builtin(), load_repository_rules(text.encode(), "r.yaml"))))
    tokens = [plant.token(plant.KEEBAI).encode() for _ in range(3)]
    decoys = b"a" * 40_000
    data = decoys + tokens[0] + b"\n" + decoys + base64.b64encode(b"a" * 3000 + tokens[1]) + b"\n" + tokens[2]
    scanned = scanner.scan(Blob.of(ORIGIN, data))
    assert scanned.skipped == ()
    assert {match.prefix for match in scanned.matches} == {plant.visible_prefix(token.decode()) for token in tokens}


# Overlaps.


def _kept(start: int, end: int, rank: tuple[bool, bool, int]) -> Kept:
    match = Match(f"{start}-{end}", ORIGIN, start, Position(1, 1, 1, 1), "…", "", None, "")
    return Kept(start, end, rank, match)


_RANKS = st.tuples(st.booleans(), st.booleans(), st.integers(0, 3))
_KEPT = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 12), _RANKS).map(
        lambda each: _kept(each[0], each[0] + each[1], each[2])
    )
)


@given(_KEPT)
def test_of_overlapping_matches_the_most_specific_stay(kept: list[Kept]) -> None:
    """None that stays is beaten by another that stays; each that goes is beaten by one that stays."""
    by_match = {id(each.match): each for each in kept}
    stay = [by_match[id(match)] for match in most_specific(kept)]
    gone = [each for each in kept if each not in stay]

    def beaten(one: Kept) -> bool:
        return any(o.specificity > one.specificity and o.start < one.end and one.start < o.end for o in stay)

    assert not any(map(beaten, stay))
    assert all(map(beaten, gone))
    assert [(each.start, each.end) for each in stay] == sorted((each.start, each.end) for each in stay)


@pytest.mark.parametrize(
    "pattern", ["kbai_pk_[0-9a-f]{64}", ".{0,9}kbai_pk_[0-9a-f]{60}", "[0-9a-f_]{40,90}", "pk_[0-9a-f]{64}.?"]
)
def test_no_rule_of_a_repository_takes_a_token_from_a_built_in_one(pattern: str) -> None:
    text = f"rules:\n- id: mine\n  title: Harmless\n  severity: info\n  pattern: '{pattern}'\n"
    theirs = load_repository_rules(text.encode(), "rules.yaml")
    scanner = BlobScanner(Detector(combine(load_builtin(), theirs)))
    for token in (plant.token(plant.KEEBAI).encode(), base64.b64encode(plant.token(plant.KEEBAI).encode())):
        scanned = scanner.scan(Blob.of(ORIGIN, b"key = " + token + b"\n"))
        assert plant.KEEBAI in {match.rule_id for match in scanned.matches}
        assert "mine" not in {match.rule_id for match in scanned.matches if match.prefix or not match.origin.via}


def test_no_rule_of_a_repository_takes_a_secret_from_a_users_rule() -> None:
    def text(rule_id: str, pattern: str) -> bytes:
        return f"rules:\n- id: {rule_id}\n  title: T\n  severity: low\n  pattern: '{pattern}'\n".encode()

    (users,) = (read.rule for read in parse_rules(text("users", "acme[0-9]{20}"), "u.yaml"))
    (theirs,) = load_repository_rules(text("theirs", "acme1[0-9]{19}"), "r.yaml")
    assert specificity(users) > specificity(theirs)
    scanner = BlobScanner(Detector(combine(load_builtin(), [users], [theirs])))
    assert [match.rule_id for match in scanner.scan(Blob.of(ORIGIN, b"acme" + b"1" * 20)).matches] == ["users"]


# Positions.

_BREAK = re.compile(rb"\r\n|\r|\n")


def _line_and_column(data: bytes, offset: int) -> tuple[int, int]:
    """What the tracker should say, told in another way."""
    ends = [match.end() for match in _BREAK.finditer(data, 0, offset)]
    text = data[ends[-1] if ends else 0 : offset]
    try:
        return len(ends) + 1, len(text.decode()) + 1
    except UnicodeDecodeError:
        return len(ends) + 1, len(text) + 1


def _offsets(data: bytes, line: int, column: int) -> Iterator[int]:
    """Where that line and column may be."""
    starts = [0, *(match.end() for match in _BREAK.finditer(data))]
    for offset in range(starts[line - 1], starts[line] + 1 if line < len(starts) else len(data) + 1):
        if _line_and_column(data, offset) == (line, column):
            yield offset


_PIECES = st.sampled_from(
    [
        b"a",
        b"bc",
        b"\n",
        b"\r",
        b"\r\n",
        "é".encode(),
        "€".encode(),
        "😀".encode(),
        b"\xff",
        b"\xc3",
        b"\x80",
        b"\0",
        b"\t",
    ]
)
_TEXTS = st.lists(_PIECES, max_size=40).map(b"".join)


@given(data=_TEXTS, cuts=st.lists(st.integers(0, 120), max_size=6), at=st.integers(0, 120))
def test_offset_to_line_and_column_and_back(data: bytes, cuts: list[int], at: int) -> None:
    offset = min(at, len(data))
    if data[offset - 1 : offset + 1] == b"\r\n" and offset:
        offset += 1  # inside a line end is no place
    tracker, before = PositionTracker(), 0
    for cut in sorted({min(cut, offset) for cut in cuts} | {offset}):
        tracker.advance(data, before, cut)
        before = cut
    line, column = tracker.line, tracker.column()
    assert (line, column) == _line_and_column(data, offset)
    assert offset in _offsets(data, line, column)
    if _starts_character(data, offset):
        assert [each for each in _offsets(data, line, column) if _starts_character(data, each)] == [offset]


def _starts_character(data: bytes, offset: int) -> bool:
    """Whether what stands before is whole characters, or none at all because it does not decode."""
    line = _BREAK.split(data[:offset])[-1]
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return data[offset - 1 : offset + 1] != b"\r\n"


@given(before=_TEXTS, after=_TEXTS)
def test_a_match_is_where_its_position_says(detector: Detector, before: bytes, after: bytes) -> None:
    token = plant.token(plant.BINBOI_ACCESS).encode()
    data = before + token + b"\n" + after
    (match,) = BlobScanner(detector).scan(Blob.of(ORIGIN, data)).matches
    assert match.offset == len(before)
    assert (match.position.line, match.position.column) == _line_and_column(data, len(before))
    assert (match.position.end_line, match.position.end_column) == _line_and_column(data, len(before) + len(token))


# Many objects at once.


class Stocked:
    """A repository and what is in its blobs, by id; no dataclass, whose contents would be shown."""

    def __init__(self, git: Git, contents: dict[str, bytes]) -> None:
        self.git = git
        self.contents = contents


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    """Objects of many sizes, some with a hit, some that look like what git writes between objects."""
    made = RepositoryBuilder(tmp_path_factory.mktemp("stocked"))
    contents = [b"", b"\n", b"x", b"missing\n", b"a" * 4096, b"\0" * 70_000]
    for number in range(60):
        token = plant.token(plant.RULES[number % 3]).encode()
        filler = b"%d " % number * (number * number)
        contents += [filler, filler + token, token + filler, filler[: number * 7] + token[:-1]]
    contents += [base64.b64encode(contents[9]), b"\x1f\x8b\x08", b"a" * 50_000 + contents[9]]
    for number in range(12):
        oid = made.object("blob", b"seed %d" % number)
        contents += [
            f"{oid} blob 6\nseed {number}\n".encode() * number,
            f"\n{oid} missing\n".encode(),
            b"tokenguard/end missing\n" * (number * 300),
        ]
    listed = {made.object("blob", content): content for content in dict.fromkeys(contents)}
    return Stocked(Git(locate(made.path)), listed)


@settings(max_examples=25)
@given(
    capacity=st.one_of(st.integers(64, 20_000), st.just(16 << 20)),
    seed=st.integers(0, 1000),
    cuts=st.lists(st.integers(0, 300), max_size=5),
)
def test_sifted_together_the_same_objects_are_found_as_alone(
    stocked: Stocked, detector: Detector, capacity: int, seed: int, cuts: list[int]
) -> None:
    lines = [line for shard in shards(stocked.git, Census()) for line in shard.lines]
    random.Random(seed).shuffle(lines)  # noqa: S311 - an order, no secret
    scratch = detector.scratch()
    read = 0

    def count(size: int) -> None:
        nonlocal read
        read += size

    taken: dict[str, tuple[str, bytes]] = {}

    def take(oid: str, kind: str, content: bytes) -> None:
        taken[oid] = kind, content

    with Sifter(stocked.git, scratch.parts_hit, take=take, capacity=capacity) as sifter:
        bounds = [0, *sorted({min(cut, len(lines)) for cut in cuts}), len(lines)]
        parts = (group(lines[first:end], Census()) for first, end in itertools.pairwise(bounds))
        sifter.sift(itertools.chain.from_iterable(parts), count)
        outcome = sifter.outcome
    wanted = {oid for oid, content in stocked.contents.items() if scratch.any_hit(memoryview(content))}
    assert wanted <= set(outcome.all())
    assert set(outcome.hits) <= wanted
    assert taken == {oid: ("blob", stocked.contents[oid]) for oid in outcome.hits}
    sizes = {line.split()[0].decode(): len(line) + int(line.split()[2]) + 1 for line in lines}
    assert set(outcome.alone) == {oid for oid, size in sizes.items() if size > capacity}
    assert read == sum(size for size in sizes.values() if size <= capacity)


@pytest.mark.parametrize("shared", [True, False])
def test_a_tray_holds_what_git_says(stocked: Stocked, shared: bool) -> None:  # noqa: FBT001 - a parameter
    if shared and not hasattr(os, "memfd_create"):
        pytest.skip("no anonymous shared memory here")
    # More requests than a pipe holds, and more answers.
    lines = [
        line for shard in shards(stocked.git, Census()) for line in shard.lines if int(line.split()[2]) < 2000
    ] * 20
    asked = b"".join(line.split()[0] + b"\n" for line in lines)
    expected = stocked.git.run("cat-file", "--batch", "--buffer", stdin=asked)
    tray = Tray(stocked.git, shared=shared)
    for _ in range(2):
        assert bytes(tray.load(lines, len(expected))) == expected
    tray.close()


# Many files at once.


ANCHORED = """
rules:
  - {id: at-the-start, title: T, severity: low, pattern: '^begin[0-9]{4}', examples: [begin1234]}
  - {id: at-the-end, title: T, severity: low, pattern: '[0-9]{4}end$', examples: [1234end]}
  - {id: a-word, title: T, severity: low, pattern: '\\bword[0-9]{3}\\b', examples: [word123]}
  - {id: all-of-it, title: T, severity: low, pattern: '\\Aall[a-z]{3}\\Z', examples: [allabc]}
  - {id: one-byte, title: T, severity: low, pattern: '\\xfe', examples: ["\\xfe"]}
"""
WHOLE_OR_NOT = [b"begin1234", b"1234end", b"word123", b"allabc", b"\xfe"]


class Shelf:
    """Files and what is in them, by path; None: it cannot be read as a file is. No dataclass, as above."""

    def __init__(self, contents: dict[str, bytes | None]) -> None:
        self.contents = contents


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Files of many sizes, with a hit at their start, at their end, or nearly."""
    folder = tmp_path_factory.mktemp("shelf")
    contents = [b"", b"\n", b"x", b"9", b"_", b"a" * 4095, b"a" * 4096, b"a" * 4097, b"\0" * 9000, b"b" * 300 + b"\n"]
    contents += [
        before + each + after for each in WHOLE_OR_NOT for before in (b"", b"x", b"\n") for after in (b"", b"x", b"\n")
    ]
    for number in range(12):
        token = plant.token(plant.RULES[number % 3]).encode()
        contents += [token, b"." * (number * number * 9) + token, token + b"x", token[:-1], token[-5:], token[:20]]
    contents += [b"\x1f\x8b\x08", base64.b64encode(contents[-4])]
    kept: dict[str, bytes | None] = {}
    for number, content in enumerate(dict.fromkeys(contents)):
        path = folder / f"{number}"
        path.write_bytes(content)
        kept[str(path)] = content
    (folder / "link").symlink_to(folder / "0")
    return Shelf(kept | {str(folder / name): None for name in ("missing", "link", "")})


@pytest.mark.parametrize("kind", ["built-in", "anchored"])
@settings(max_examples=40)
@given(order=st.randoms(), count=st.integers(0, 150), sizes=st.tuples(st.integers(1, 9000), st.integers(1, 9000)))
def test_searched_together_the_same_files_are_left_as_alone(
    shelf: Shelf, kind: str, order: random.Random, count: int, sizes: tuple[int, int]
) -> None:
    anchored = of_rules([read.rule for read in parse_rules(ANCHORED.encode(), "rules.yaml")])
    scratch = Detector(anchored if kind == "anchored" else load_builtin()).scratch()
    contents, limit, (small, together) = shelf.contents, 4096, sizes
    paths = order.choices(list(contents), k=count)
    with patch.multiple(file_sift, _SMALL=small, _TOGETHER=together):
        left, clean = file_sift.FileSearch(scratch.parts_hit, limit)(paths)

    def to_be_looked_at(content: bytes | None) -> bool:
        return content is None or len(content) > limit or len(content) >= small or scratch.any_hit(memoryview(content))

    assert sorted(left) == [number for number, path in enumerate(paths) if to_be_looked_at(contents[path])]
    assert clean == sum(len(contents[path] or b"") for number, path in enumerate(paths) if number not in left)


def test_a_window_is_made_of_what_was_read() -> None:
    """A window's `view` is the filled part and no byte of what the buffer held before."""
    assert bytes(Window(bytearray(b"abcdef"), 0, 3, 0, 3, last=True).view) == b"abc"
