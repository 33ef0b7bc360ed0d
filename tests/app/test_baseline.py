"""The baseline file: what it says, what a merge makes of it, how it grows and shrinks."""

from __future__ import annotations

import os
import secrets
import string
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.app.baseline import (
    Baseline,
    Known,
    create,
    parse,
    prune,
    read,
    read_repositorys,
    render,
    update,
    within,
    write,
)
from tokenguard.errors import ConfigError, OperationError, OutputError, TokenguardError
from tokenguard.model import (
    Coverage,
    Finding,
    Location,
    Problem,
    Report,
    Rule,
    Severity,
    Skipped,
    Suppressed,
    SuppressedBy,
)

NAME = ".tokenguard-baseline"
HEADER = "tokenguard-baseline 1\n"
HEX = "0123456789abcdef" * 2
RULE = Rule(
    plant.KEEBAI, "t", Severity.CRITICAL, "kbai_pk_[0-9a-f]{64}", "", 72, literal_prefix="kbai_pk_", visible_prefix=12
)


def finding(*paths: str, fingerprint: str = "", rule_id: str = plant.KEEBAI) -> Finding:
    places = tuple(Location("files", path, line, 1, line, 73) for line, path in enumerate(paths, 1))
    name = fingerprint or secrets.token_hex(16)
    return Finding(rule_id, Severity.CRITICAL, "A key", "kbai_pk_a1b2…", "kbai_pk_a1b2", None, name, places)


def report(*findings: Finding, suppressed: tuple[Suppressed, ...] = ()) -> Report:
    return Report("0", "sha256:0", Coverage(), findings, suppressed, rules=(RULE,))


def baseline(*findings: Finding, reason: str = "old") -> Baseline:
    return Baseline({Known(each.fingerprint, each.rule_id): reason for each in findings})


def test_a_created_file() -> None:
    found = finding("src/b", "a b", "src/b", fingerprint="f" * 32), finding("x", fingerprint="0" * 32)
    assert render(create(report(*found))) == (
        HEADER
        + f"{'0' * 32} keebai-api-key * # kbai_pk_a1b2… in x\n"
        + f"{'f' * 32} keebai-api-key * # kbai_pk_a1b2… in a b and 1 more\n"
    )
    assert render(create(report(*found), "revoked in\nMay", by_path=True)) == (
        HEADER
        + f"{'0' * 32} keebai-api-key x # revoked in May\n"
        + f"{'f' * 32} keebai-api-key a%20b # revoked in May\n"
        + f"{'f' * 32} keebai-api-key src/b # revoked in May\n"
    )
    assert render(create(report())) == HEADER


def test_what_only_a_baseline_kept_from_counting_is_known_too() -> None:
    known, ignored, new = finding("a"), finding("b"), finding("c")
    suppressed = (Suppressed(known, SuppressedBy.BASELINE, "r"), Suppressed(ignored, SuppressedBy.CONFIG, "r"))
    made = create(report(new, suppressed=suppressed))
    assert {each.fingerprint for each in made.reasons} == {new.fingerprint, known.fingerprint}


def test_lines_and_times_do_not_matter() -> None:
    found = finding("a")
    moved = replace(found, locations=(replace(found.locations[0], line=9, column=4, time="2027-01-01T00:00:00Z"),))
    assert render(create(report(found))) == render(create(report(moved)))


def test_no_secret_gets_into_the_file() -> None:
    token = plant.token(plant.KEEBAI)
    found = finding(f"x/{token}.txt", "plain")
    for made in (
        create(report(found)),
        create(report(found), by_path=True),
        create(report(found), f"was {token}"),
        update(Baseline(), report(found), f"was {token}", by_path=True),
    ):
        assert token[12:20] not in render(made)
    assert {each.path for each in create(report(found), by_path=True).reasons} == {"plain", None}


def test_update_adds_and_keeps() -> None:
    known, at_a, new = finding("a"), finding("a", "b"), finding("c")
    old = Baseline({Known(known.fingerprint, RULE.id): "why", Known(at_a.fingerprint, RULE.id, "a"): "only there"})
    made = update(old, report(known, at_a, new), "new", by_path=True)
    assert made.reasons == {
        **old.reasons,
        Known(at_a.fingerprint, RULE.id, "b"): "new",
        Known(new.fingerprint, RULE.id, "c"): "new",
    }
    assert update(made, report(known, at_a, new), "other", by_path=True) == made


def test_prune_drops_what_a_complete_scan_did_not_meet() -> None:
    stays, suppressed, gone, other_rule = finding("a"), finding("b"), finding("c"), finding("d", rule_id="not-searched")
    old = baseline(stays, suppressed, gone, other_rule)
    scanned = report(stays, suppressed=(Suppressed(suppressed, SuppressedBy.BASELINE, "old"),))
    assert prune(old, scanned) == baseline(stays, suppressed, other_rule)


def test_prune_goes_by_the_path_of_an_entry() -> None:
    found = finding("new")
    old = Baseline({Known(found.fingerprint, RULE.id, path): "r" for path in ("old", "new", None)})
    assert {each.path for each in prune(old, report(found)).reasons} == {"new", None}


@pytest.mark.parametrize("fault", [{"skipped": (Skipped("a", "b"),)}, {"errors": (Problem("a", "b", "c"),)}])
def test_an_incomplete_scan_prunes_nothing(fault: dict[str, tuple[Skipped | Problem, ...]]) -> None:
    incomplete = replace(report(), **fault)  # type: ignore[arg-type]
    with pytest.raises(OperationError, match="incomplete") as caught:
        prune(baseline(finding("a")), incomplete)
    assert caught.value.exit_code == 3


def test_order_blanks_repeats_and_line_ends_do_not_matter() -> None:
    one, two = f"{'1' * 32} a-rule * # one", f"{'2' * 32} a-rule x/y # two # three"
    plain = parse(f"{HEADER}{one}\n{two}\n".encode(), NAME)
    assert plain.reasons == {Known("1" * 32, "a-rule"): "one", Known("2" * 32, "a-rule", "x/y"): "two # three"}
    for text in (
        f"{HEADER}{two}\n{one}",
        f"{HEADER}\n{two}  \n\n{one}\n{two}\n",
        f"\ufeff{HEADER}{one}\n{two}\n".replace("\n", "\r\n"),
        f"{HEADER}{one}\n{HEADER}{two}\n",
    ):
        assert parse(text.encode(), NAME) == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": empty, not a baseline; make it anew: tokenguard baseline create"),
        (f"{HEX} r * # why\n", ":1: not a baseline; its first line has to be: tokenguard-baseline 1"),
        ("{}", ":1: not a baseline"),
        ("tokenguard-baseline 2\n", ":1: a baseline of version 2; update tokenguard"),
        (f"{HEADER}{HEX} r *\n", ":2: not an entry; an entry is: FINGERPRINT RULE PATH-or-* # REASON"),
        (f"{HEADER}{HEX} r * #\n", ":2: not an entry"),
        (f"{HEADER}{HEX} r * # \n", ":2: not an entry"),
        (f"{HEADER}{HEX} r a b # why\n", ":2: not an entry"),
        (f"{HEADER}{HEX.upper()} r * # why\n", ":2: not an entry"),
        (f"{HEADER}# a comment\n", ":2: not an entry"),
        (f"{HEADER}\n<<<<<<< ours\n", ":3: a merge conflict; keep the entries of both sides, remove the marks"),
        (f"{HEADER}=======\n", ":2: a merge conflict"),
        (f"{HEADER}>>>>>>> theirs\n", ":2: a merge conflict"),
        (b"tokenguard-baseline 1\n\xff\n", ":2: not UTF-8"),
    ],
)
def test_each_fault_names_file_and_line(text: str | bytes, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode() if isinstance(text, str) else text, NAME)
    assert str(caught.value).startswith(NAME + expected)


fingerprints = st.binary(min_size=16, max_size=16).map(bytes.hex)
rule_ids = st.sampled_from((*plant.RULES, "x", "a" * 300))
paths = st.binary(min_size=1, max_size=30).map(lambda octets: os.fsdecode(octets.replace(b"\0", b"/")))
knowns = st.builds(Known, fingerprints, rule_ids, st.none() | paths)
reasons = (
    st.text(string.printable + "é…", min_size=1, max_size=20).map(lambda text: " ".join(text.split())).filter(bool)
)
baselines = st.dictionaries(knowns, reasons, max_size=4).map(Baseline)


@given(baselines)
def test_what_is_written_is_read_back(made: Baseline) -> None:
    text = render(made)
    assert parse(text.encode(), NAME) == made
    assert text.count("\n") == len(made.reasons) + 1
    assert text.splitlines()[1:] == sorted(text.splitlines()[1:])


@given(baselines, baselines, st.data())
def test_both_sides_of_a_merge_in_any_order_are_one_baseline(
    ours: Baseline, theirs: Baseline, data: st.DataObject
) -> None:
    lines = [*render(ours).splitlines()[1:], *render(theirs).splitlines()[1:]]
    lines = data.draw(st.permutations(lines))
    merged = parse("\n".join((HEADER, *lines)).encode(), NAME)
    assert merged.reasons.keys() == ours.reasons.keys() | theirs.reasons.keys()
    assert render(merged) == render(parse("\n".join((HEADER, *reversed(lines))).encode(), NAME))


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: (HEADER + text).encode("utf-8", "replace")))
def test_any_bytes_are_a_baseline_or_one_clear_error(data: bytes) -> None:
    try:
        assert parse(data, NAME) == parse(render(parse(data, NAME)).encode(), NAME)
    except TokenguardError as error:
        clear = isinstance(error, ConfigError) and str(error).isprintable()
        assert clear


def test_half_a_character_of_a_windows_name_is_written_all_the_same() -> None:
    made = Baseline({Known(HEX, "r", "a\ud800b"): "why"})
    assert "a%ED%A0%80b" in render(made)


def test_git_merges_it_as_union(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    file = tmp_path / NAME
    base, ours, theirs = finding("a"), finding("b"), finding("c")
    git("init", "-q")
    (tmp_path / ".gitattributes").write_text(f"{NAME} merge=union\n")
    write(file, baseline(base))
    git("add", ".")
    git("commit", "-qm", "base")
    git("switch", "-qc", "other")
    write(file, baseline(base, theirs))
    git("commit", "-qam", "theirs")
    git("switch", "-q", "main")
    write(file, baseline(base, ours))
    git("commit", "-qam", "ours")
    git("merge", "-q", "other", "-m", "merge")
    assert read(file) == baseline(base, ours, theirs)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert read(path) is None
    assert read_repositorys(tmp_path, NAME) is None
    made = baseline(finding("a"))
    write(path, made)
    assert read(path) == read_repositorys(tmp_path, NAME) == made
    assert list(tmp_path.glob(".tokenguard-*")) == [path]


def test_a_repositorys_baseline_is_neither_read_nor_written_through_a_link(tmp_path: Path) -> None:
    top, victim = tmp_path / "repository", tmp_path / ".bashrc"
    top.mkdir()
    victim.write_text("mine\n")
    (top / NAME).symlink_to(victim)
    with pytest.raises(ConfigError, match="symbolic link"):
        read_repositorys(top, NAME)
    write(top / NAME, Baseline())
    assert victim.read_text() == "mine\n"


def test_a_baseline_that_cannot_be_written_leaves_the_old(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="none"):
        write(tmp_path / "none" / NAME, Baseline())


def test_whether_a_baseline_lies_in_the_repository(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    top.mkdir()
    (tmp_path / "link").symlink_to(top)
    assert within(top / "ci" / "known", top) == "ci/known"
    assert within(tmp_path / "link" / "known", top) == "known"
    assert within(top / ".." / "known", top) is None
    assert within(tmp_path / "repository-known", top) is None
