"""Formats are found by name, and asking for one imports no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tokenguard.errors import UsageError
from tokenguard.report.registry import FORMATS, reporter


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_found_by_its_name(name: str) -> None:
    assert reporter(name).name == name


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown report format 'yaml'.*text, json, jsonl, sarif") as raised:
        reporter("yaml")
    assert raised.value.exit_code == 2


def _imported_by(statement: str) -> set[str]:
    program = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def test_the_text_format_loads_nothing_of_the_others() -> None:
    modules = _imported_by("from tokenguard.report.registry import reporter; reporter('text')")
    assert not modules & {"json", "csv", "xml", "uuid", "urllib", "tempfile", "datetime", "time", "textwrap"}
    assert {module for module in modules if module.startswith("tokenguard.report.")} == {
        f"tokenguard.report.{module}" for module in ("escape", "registry", "summary", "text")
    }
