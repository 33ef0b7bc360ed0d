"""What GitHub code scanning reads of a SARIF file, and what its rules for accepting one are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tokenguard.model import Location, Report
from tokenguard.report.format import Options

Render = Callable[..., str]


def _run(render: Render, report: Report) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(render("sarif", report))["runs"][0]
    return run


def _places(run: dict[str, Any]) -> list[str]:
    return [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]]


def test_one_result_a_finding_and_path(fixed_report: Report, render: Render) -> None:
    run = _run(render, fixed_report)
    assert _places(run) == [
        "etc/app.conf",
        "conf/a.env",
        ".git/commit%20message",
        "file:///home/ada/.bash_history",
        "docs/example.md",
        "tests/data.ini",
    ]
    assert [len(result["locations"]) for result in run["results"]] == [1, 12, 1, 1, 1, 1]
    assert [result["level"] for result in run["results"]] == ["note", "error", "error", "error", "error", "note"]


def test_the_hash_depends_on_secret_and_path_and_on_no_line(fixed_report: Report, render: Render) -> None:
    def hashes(report: Report) -> list[str]:
        return [item["partialFingerprints"]["primaryLocationLineHash"] for item in _run(render, report)["results"]]

    moved = replace(
        fixed_report,
        findings=tuple(
            replace(found, locations=tuple(replace(place, line=place.line + 9) for place in found.locations))
            for found in fixed_report.findings
        ),
    )
    assert hashes(moved) == hashes(fixed_report)
    assert len(set(hashes(fixed_report))) == 6
    assert all(value.endswith(":1") for value in hashes(fixed_report))


def test_the_suppressed_part_of_a_path_is_a_result_of_its_own(fixed_report: Report, render: Render) -> None:
    allowed = fixed_report.suppressed[0]
    same_path = replace(allowed.finding, locations=fixed_report.findings[1].locations[:1])
    report = replace(fixed_report, suppressed=(replace(allowed, finding=same_path),))
    results = _run(render, report)["results"]
    assert results[-1]["partialFingerprints"]["primaryLocationLineHash"].endswith(":2")
    assert "suppressions" not in results[1]


def test_a_place_that_is_no_file_still_has_a_physical_location(fixed_report: Report, render: Render) -> None:
    location = _run(render, fixed_report)["results"][2]["locations"][0]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": ".git/commit%20message", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 1, "startColumn": 9, "endLine": 1, "endColumn": 81},
    }
    assert location["logicalLocations"] == [
        {"name": "commit message", "kind": "object", "fullyQualifiedName": "5d" * 20 + ":commit message"}
    ]


def test_only_paths_below_the_root_are_relative_to_it(fixed_report: Report, render: Render) -> None:
    places = tuple(Location("files", path, 1, 1, 1, 2) for path in ("a b/ñ", "caf\udce9", "/etc/x", "../up"))
    report = replace(fixed_report, findings=(replace(fixed_report.findings[0], locations=places),), suppressed=())
    artifacts = [r["locations"][0]["physicalLocation"]["artifactLocation"] for r in _run(render, report)["results"]]
    assert artifacts == [
        {"uri": "a%20b/%C3%B1", "uriBaseId": "%SRCROOT%"},
        {"uri": "caf%E9", "uriBaseId": "%SRCROOT%"},
        {"uri": "file:///etc/x"},
        {"uri": "../up"},
    ]


def test_suppressions_say_who_allowed_what(fixed_report: Report, render: Render) -> None:
    *_, inline, config = _run(render, fixed_report)["results"]
    assert inline["suppressions"] == [
        {
            "kind": "inSource",
            "status": "accepted",
            "justification": "made for the documentation",
            "properties": {"by": "inline", "expires": "2027-01-31"},
        }
    ]
    assert config["suppressions"] == [
        {"kind": "external", "status": "underReview", "justification": "a fixture", "properties": {"by": "config"}}
    ]


def test_an_incomplete_scan_was_no_success(fixed_report: Report, clean_report: Report, render: Render) -> None:
    invocation = _run(render, fixed_report)["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert [item["message"]["text"] for item in invocation["toolExecutionNotifications"]] == [
        "Not read: secret/locked.env: permission denied; run it as the owner",
        "Not read: HEAD~3: object missing; fetch the whole history",
    ]
    assert _run(render, clean_report)["invocations"][0]["executionSuccessful"] is True


def test_times_are_given_where_they_are_known(clean_report: Report, render: Render) -> None:
    known = json.loads(render("sarif", clean_report, Options(started=0.0, finished=61.0)))["runs"][0]["invocations"][0]
    assert (known["startTimeUtc"], known["endTimeUtc"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:01:01Z")
    unknown = json.loads(render("sarif", clean_report, Options()))["runs"][0]["invocations"][0]
    assert set(unknown) == {"executionSuccessful"}


def test_rules_have_what_github_asks_for(fixed_report: Report, render: Render) -> None:
    rules = _run(render, fixed_report)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["keebai-api-key", "generic-password"]
    for rule in rules:
        assert rule["name"]
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert 0.0 < float(rule["properties"]["security-severity"]) <= 10.0
        assert "security" in rule["properties"]["tags"]
    assert [rule["properties"]["precision"] for rule in rules] == ["very-high", "medium"]
    assert [rule["properties"]["security-severity"] for rule in rules] == ["9.5", "2.0"]


def test_a_finding_of_an_undescribed_rule_is_not_lost(fixed_report: Report, render: Render) -> None:
    run = _run(render, replace(fixed_report, rules=()))
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == 6
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize("count", [1000, 1500])
def test_githubs_limit_of_locations_holds(count: int, fixed_report: Report, render: Render) -> None:
    places = tuple(Location("files", "a", line, 1, line, 2) for line in range(1, count + 1))
    report = replace(fixed_report, findings=(replace(fixed_report.findings[0], locations=places),))
    result = _run(render, report)["results"][0]
    assert len(result["locations"]) == 1000
    assert result["properties"]["locationCount"] == count
