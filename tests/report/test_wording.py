"""The summary line, sizes, and which of many locations are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokenguard.model import Coverage, Finding, Location, Report, Severity, Skipped, Status
from tokenguard.report.place import places, spread
from tokenguard.report.summary import counted, rules_to_act_on, size, summary


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (5_600_000, "5.6 MB"), (2_300_000_000, "2.3 GB"), (10**12, "1.0 TB")],
)
def test_sizes_are_decimal(number: int, expected: str) -> None:
    assert size(number) == expected


@pytest.mark.parametrize(("number", "expected"), [(0, "0 blobs"), (1, "1 blob"), (1234, "1,234 blobs")])
def test_counts_agree_with_their_noun(number: int, expected: str) -> None:
    assert counted(number, "blob") == expected


def _finding(paths: str) -> Finding:
    locations = tuple(Location("files", path, line, 1, line, 9) for line, path in enumerate(paths, 1))
    return Finding("rule", Severity.HIGH, "Title", "…", "", None, "5f" * 16, locations)


def test_the_summary_says_what_was_read_and_what_not() -> None:
    findings = (_finding("aab"), _finding("cd"))
    report = Report("0", "sha256:", Coverage(1234, 5_600_000, 12, 3), findings)
    assert summary(report) == (
        "2 findings in 5 places; 1,234 blobs (5.6 MB, 12 commits) read; 3 published samples; state complete"
    )
    report = Report("0", "sha256:", Coverage(1, 12), skipped=(Skipped("a", "b"),))
    assert summary(report) == "no findings; 1 blob (12 B) read; 1 not read; state incomplete"


def test_only_what_may_live_is_acted_on() -> None:
    statuses = {status.value: replace(_finding("a"), rule_id=status.value, status=status) for status in Status}
    report = Report("0", "sha256:", Coverage(), tuple(statuses.values()))
    assert rules_to_act_on(report) == {"unverified", "active", "unknown"}
    assert rules_to_act_on(replace(report, findings=(statuses["revoked"], statuses["expired"]))) == set()


def test_places_are_by_path_in_order() -> None:
    found = [(place.path, [location.line for location in place.locations]) for place in places(_finding("abacb"))]
    assert found == [("a", [1, 3]), ("b", [2, 5]), ("c", [4])]


@pytest.mark.parametrize(
    ("paths", "limit", "lines"),
    [("aaaab", 2, [1, 5]), ("aaabc", 4, [1, 2, 4, 5]), ("ab", 9, [1, 2]), ("abc", 2, [1, 2])],
)
def test_few_locations_show_many_paths(paths: str, limit: int, lines: list[int]) -> None:
    assert [location.line for location in spread(_finding(paths).locations, limit)] == lines
