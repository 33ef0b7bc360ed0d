"""Every format, byte for byte, for two fixed reports. Run with UPDATE_SNAPSHOTS=1 to write what is expected anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tokenguard.model import Report, Status
from tokenguard.report.format import Options
from tokenguard.report.registry import FORMATS

EXPECTED = Path(__file__).parent / "expected"


def _compare(name: str, actual: str) -> None:
    path = EXPECTED / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_bytes(actual.encode())
    assert actual == path.read_bytes().decode()


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_report_reads_as_expected(name: str, fixed_report: Report, render: Callable[..., str]) -> None:
    _compare(f"full.{name}", render(name, fixed_report))


@pytest.mark.parametrize("name", FORMATS)
def test_a_clean_report_reads_as_expected(name: str, clean_report: Report, render: Callable[..., str]) -> None:
    _compare(f"clean.{name}", render(name, clean_report))


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_only_what_may_live_has_a_remedy(name: str, fixed_report: Report, render: Callable[..., str]) -> None:
    living = tuple(replace(finding, status=Status.ACTIVE) for finding in fixed_report.findings)
    assert "What to do" not in render(name, fixed_report)
    assert "What to do" in render(name, replace(fixed_report, findings=living))


def test_colour_only_paints(fixed_report: Report, render: Callable[..., str]) -> None:
    painted = render("text", fixed_report, Options(colour=True))
    _compare("full.colour.text", painted)
    plain = painted
    for parameters in ("0", "1", "1;31", "36"):
        plain = plain.replace(f"\x1b[{parameters}m", "")
    assert plain == render("text", fixed_report, Options())
