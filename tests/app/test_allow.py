"""Allowances of every kind against findings with several places."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.app.allow import Allowances, Proposal, Verdict, suppress, unknown_rules
from tokenguard.app.baseline import Baseline, Known
from tokenguard.config.file import parse
from tokenguard.config.ignore import Ignore
from tokenguard.config.path_glob import PathGlob
from tokenguard.model import Allowance, Finding, Location, Rule, RuleSet, Severity, SuppressedBy
from tokenguard.scan.redact import Redactor

if TYPE_CHECKING:
    from pathlib import Path

RULE = plant.KEEBAI
TODAY = date(2027, 1, 31)


def place(path: str, line: int = 1, **more: str) -> Location:
    return replace(Location("files", path, line, 1, line, 73), **more)  # type: ignore[arg-type]


def finding(*paths: str, rule_id: str = RULE, fingerprint: str | None = None) -> Finding:
    return Finding(
        rule_id,
        Severity.CRITICAL,
        "A key",
        "kbai_pk_a1b2…",
        "kbai_pk_a1b2",
        None,
        fingerprint or secrets.token_hex(16),
        tuple(place(path, line) for line, path in enumerate(paths, 1)),
    )


def entries(text: str) -> tuple[Ignore, ...]:
    return parse(f"ignore:\n{text}".encode(), ".tokenguard.yaml").ignore


def judge(
    *findings: Finding, settled: Allowances | None = None, proposal: Proposal | None = None, today: date = TODAY
) -> Verdict:
    return suppress(findings, settled=settled or Allowances(), proposal=proposal, today=today, clean=str)


def paths(part: Finding) -> list[str]:
    return [location.path for location in part.locations]


def test_without_allowances_everything_counts() -> None:
    found = (finding("a", "b"), finding("c"))
    assert judge(*found) == Verdict(found, ())


def test_what_is_ignored_at_some_places_counts_at_the_others() -> None:
    found = finding("src/a", "tests/b", "src/c", "tests/d", "e")
    verdict = judge(found, settled=Allowances(entries=entries("- {path: tests/**, reason: made up}\n")))
    (kept,), (allowed,) = verdict.findings, verdict.suppressed
    assert paths(kept) == ["src/a", "src/c", "e"]
    assert paths(allowed.finding) == ["tests/b", "tests/d"]
    assert (allowed.by, allowed.reason, allowed.expires, allowed.in_change) == (
        SuppressedBy.CONFIG,
        "made up",
        None,
        False,
    )


def test_all_that_an_entry_names_has_to_apply() -> None:
    mine, other = finding("a/x"), finding("a/x", rule_id=plant.BINBOI_ACCESS)

    def left(text: str) -> tuple[Finding, ...]:
        return judge(mine, other, settled=Allowances(entries=entries(text))).findings

    assert left(f"- {{rule: {RULE}, reason: r}}\n") == (other,)
    assert left(f"- {{fingerprint: {mine.fingerprint}, reason: r}}\n") == (other,)
    assert left(f"- {{fingerprint: {mine.fingerprint}, rule: {plant.BINBOI_ACCESS}, reason: r}}\n") == (mine, other)
    assert left(f"- {{path: b, rule: {RULE}, reason: r}}\n") == (mine, other)
    assert left("- {path: a, reason: r}\n") == ()


def test_what_lies_in_an_archive_goes_by_the_archives_path() -> None:
    packed = replace(finding(), locations=(replace(place("x/a.zip"), via=("zip:conf/a.env",)),))
    assert judge(packed, settled=Allowances(entries=entries("- {path: conf/a.env, reason: r}\n"))).findings == (packed,)
    assert judge(packed, settled=Allowances(entries=entries("- {path: '*.zip', reason: r}\n"))).findings == ()


@pytest.mark.parametrize("named", ["{top}/conf/a.env", "../conf/a.env", "./../conf/a.env", "{link}/conf/a.env"])
def test_files_go_by_their_path_from_the_top_however_they_were_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    top, link = tmp_path / "top", tmp_path / "link"
    (top / "conf").mkdir(parents=True)
    (top / "sub" / "conf").mkdir(parents=True)
    link.symlink_to(top)
    monkeypatch.chdir(top / "sub")
    found = finding(named.format(top=top, link=link), "conf/a.env", "../../elsewhere/conf/a.env")
    baseline = Baseline({Known(found.fingerprint, RULE, "conf/a.env"): "r"})
    for settled in (Allowances(entries=entries("- {path: /conf/*.env, reason: r}\n")), Allowances(baseline=baseline)):
        verdict = judge(found, settled=replace(settled, top=top))
        assert paths(verdict.findings[0]) == ["conf/a.env", "../../elsewhere/conf/a.env"]


def test_places_in_a_repository_are_named_from_its_top_already(tmp_path: Path) -> None:
    found = replace(finding(), locations=(replace(place("conf/a.env"), source="git"),))
    settled = Allowances(entries=entries("- {path: /conf/*.env, reason: r}\n"), top=tmp_path)
    assert judge(found, settled=settled).findings == ()


@pytest.mark.parametrize(("today", "counts"), [(date(2027, 1, 30), 0), (TODAY, 1), (date(2028, 1, 1), 1)])
def test_from_its_date_on_an_entry_no_longer_holds(today: date, counts: int) -> None:
    settled = Allowances(entries=entries("- {path: a, reason: r, expires: 2027-01-31}\n"))
    verdict = judge(finding("a"), finding("b"), settled=settled, today=today)
    assert len(verdict.findings) == 1 + counts
    assert len(verdict.expired) == counts
    assert [each.expires for each in verdict.suppressed] == ["2027-01-31"] * (1 - counts)


def test_an_expired_entry_does_not_stand_before_one_that_holds() -> None:
    text = "- {path: a, reason: old, expires: 2020-01-01}\n- {path: a, reason: new}\n"
    verdict = judge(finding("a"), settled=Allowances(entries=entries(text)))
    assert [each.reason for each in verdict.suppressed] == ["new"]
    assert verdict.expired == ()


def test_inline_allowances_are_of_one_place() -> None:
    found = finding("a", "b")
    key = (found.fingerprint, found.locations[0])
    verdict = judge(found, settled=Allowances({key: Allowance(RULE, "a sample")}))
    assert paths(verdict.findings[0]) == ["b"]
    assert [(each.by, each.reason) for each in verdict.suppressed] == [(SuppressedBy.INLINE, "a sample")]


@pytest.mark.parametrize(
    "allowance", [Allowance(RULE, ""), Allowance(RULE, " "), Allowance("*", "all"), Allowance(plant.BINBOI_LIVE, "r")]
)
def test_an_allowance_without_reason_or_for_another_rule_does_not_count(allowance: Allowance) -> None:
    found = finding("a")
    assert judge(found, settled=Allowances({(found.fingerprint, found.locations[0]): allowance})).findings == (found,)


def test_a_baseline_covers_a_secret_anywhere_or_at_one_path() -> None:
    known, at_b = finding("a", "b"), finding("a", "b")
    baseline = Baseline({Known(known.fingerprint, RULE): "old", Known(at_b.fingerprint, RULE, "b"): "also old"})
    verdict = judge(known, at_b, settled=Allowances(baseline=baseline))
    assert [paths(each) for each in verdict.findings] == [["a"]]
    assert [(each.by, each.reason, paths(each.finding)) for each in verdict.suppressed] == [
        (SuppressedBy.BASELINE, "old", ["a", "b"]),
        (SuppressedBy.BASELINE, "also old", ["b"]),
    ]


def test_each_place_is_listed_under_the_first_kind_that_covers_it() -> None:
    found = finding("a", "b", "c", "d")
    everything = Allowances(
        {(found.fingerprint, found.locations[0]): Allowance(RULE, "one")},
        entries("- {path: a, reason: two}\n- {path: b, reason: two}\n- {path: c, reason: three}\n"),
        Baseline({Known(found.fingerprint, RULE): "four"}),
    )
    verdict = judge(found, settled=everything)
    assert verdict.findings == ()
    assert [(each.by.value, each.reason, paths(each.finding)) for each in verdict.suppressed] == [
        ("inline", "one", ["a"]),
        ("config", "two; three", ["b", "c"]),
        ("baseline", "four", ["d"]),
    ]


def test_of_several_dates_the_first_is_given_and_of_many_reasons_some() -> None:
    text = "".join(
        f"- {{path: p{number}, reason: r{number}, expires: 2030-01-0{number}}}\n" for number in range(9, 0, -1)
    )
    found = finding(*(f"p{number}" for number in range(1, 10)))
    (allowed,) = judge(found, settled=Allowances(entries=entries(text))).suppressed
    assert allowed.expires == "2030-01-01"
    assert allowed.reason == "r1; r2; r3; r4; r5; and 4 other reasons"


def proposals(found: Finding) -> list[Allowances]:
    return [
        Allowances({(found.fingerprint, found.locations[0]): Allowance(RULE, "why")}),
        Allowances(entries=entries("- {path: a, reason: why}\n")),
        Allowances(baseline=Baseline({Known(found.fingerprint, RULE): "why"})),
    ]


@pytest.mark.parametrize("kind", range(3))
def test_what_a_change_allows_itself_is_named_and_strictly_does_not_count(kind: int) -> None:
    found = finding("a")
    proposed = proposals(found)[kind]
    lenient, strict = (judge(found, proposal=Proposal(proposed, strict=strict)) for strict in (False, True))
    assert (lenient.findings, lenient.refused) == ((), ())
    (allowed,) = lenient.suppressed
    assert (allowed.in_change, allowed.reason, paths(allowed.finding)) == (True, "why", ["a"])
    assert (strict.findings, strict.suppressed, strict.refused) == ((found,), (), (allowed,))


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("strict", [False, True])
def test_what_held_before_the_change_holds_in_it(kind: int, *, strict: bool) -> None:
    found = finding("a")
    verdict = judge(found, settled=proposals(found)[kind], proposal=Proposal(proposals(found)[0], strict=strict))
    assert (verdict.findings, verdict.refused) == ((), ())
    assert [each.in_change for each in verdict.suppressed] == [False]


def test_a_change_that_puts_off_a_date_allows_it_itself() -> None:
    settled = Allowances(entries=entries("- {path: a, reason: r, expires: 2027-01-01}\n"))
    proposed = Allowances(entries=entries("- {path: a, reason: r, expires: 2099-01-01}\n"))
    verdict = judge(finding("a"), settled=settled, proposal=Proposal(proposed))
    assert [(each.in_change, each.expires) for each in verdict.suppressed] == [(True, "2099-01-01")]
    assert len(judge(finding("a"), settled=settled, proposal=Proposal(proposed, strict=True)).findings) == 1


def test_settled_and_proposed_places_of_one_finding_are_listed_apart() -> None:
    found = finding("a", "b")
    settled = Allowances(entries=entries("- {path: a, reason: r}\n"))
    proposed = Allowances(entries=entries("- {path: '**', reason: r}\n"))
    verdict = judge(found, settled=settled, proposal=Proposal(proposed))
    assert [(each.in_change, paths(each.finding)) for each in verdict.suppressed] == [(False, ["a"]), (True, ["b"])]


def test_no_secret_of_a_reason_reaches_the_report() -> None:
    token = plant.token(RULE)
    rule = Rule(
        RULE, "t", Severity.CRITICAL, "kbai_pk_[0-9a-f]{64}", "", 72, literal_prefix="kbai_pk_", visible_prefix=12
    )
    found = finding("a")
    settled = Allowances({(found.fingerprint, found.locations[0]): Allowance(RULE, f"same as {token}\t{'x' * 600}")})
    clean = Redactor(RuleSet((rule,), "sha256:0")).clean
    (allowed,) = suppress([found], settled=settled, today=TODAY, clean=clean).suppressed
    assert allowed.reason.startswith(f"same as {plant.visible_prefix(token)}… xxx")
    assert len(allowed.reason) == 500
    assert token[12:20] not in repr(allowed)


def test_a_token_in_the_place_of_a_rule_is_not_repeated() -> None:
    token = plant.token(RULE)
    (line,) = unknown_rules(entries(f"- {{rule: {token}, reason: r}}\n"), plant.RULES)
    assert token[12:20] not in line


def test_an_entry_for_a_rule_that_does_not_exist_is_named() -> None:
    found = entries(f"- {{rule: keebai-api-kye, reason: r}}\n- {{path: a, reason: r}}\n- {{rule: {RULE}, reason: r}}\n")
    assert unknown_rules(found, plant.RULES) == (
        ".tokenguard.yaml:2: no rule has the id 'keebai-api-kye'; did you mean keebai-api-key?",
    )


PATHS = st.lists(st.sampled_from(["a", "tests/a", "src/b", "x.env"]), min_size=1, max_size=6)


@given(found=st.lists(PATHS, max_size=4), globs=st.lists(st.sampled_from(["a", "tests/", "*.env", "**"]), max_size=3))
@pytest.mark.parametrize("strict", [False, True])
def test_no_place_is_lost_and_none_is_judged_twice(found: list[list[str]], globs: list[str], *, strict: bool) -> None:
    findings = [finding(*each) for each in found]
    allowances = Allowances(entries=tuple(Ignore("r", PathGlob.parse(glob)) for glob in globs))
    verdict = judge(*findings, proposal=Proposal(allowances, strict=strict))
    seen = Counter(
        (part.fingerprint, location)
        for part in (*verdict.findings, *(each.finding for each in verdict.suppressed))
        for location in part.locations
    )
    assert seen == Counter((each.fingerprint, location) for each in findings for location in each.locations)
    assert not (strict and verdict.suppressed)
