"""A report from a file, as somebody handed it in: nothing in it is trusted, and what is wrong with it is one line.

Its hashes count: they name tokens and nothing else. A prefix counts where whoever runs this says so. At its places a
token may be read again, which has to prove itself by its hash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tokenguard.app.conceal import Concealer
from tokenguard.config.ignore import FINGERPRINT, RULE_ID
from tokenguard.errors import ConfigError, UsageError
from tokenguard.model import Finding, Location, Rule, RuleSet, Severity, Status
from tokenguard.model.secret import Secret, fingerprint_of_hash
from tokenguard.report.escape import unquoted
from tokenguard.report.json_document import SCHEMA

LIMIT = 256 << 20
"""Bytes of a report: some hundred thousand findings."""

_HASH = re.compile(r"[0-9a-f]{64}")
_PLACES = 100
"""Locations of a finding that are looked at."""
_LONGEST_TEXT = 10_000
_LONGEST_NAME = 100
_SUMMARY = "summary"
"""The type of the last of JSON lines."""


def read_report(source: Path | BinaryIO, ruleset: RuleSet, *, by_prefix: bool) -> tuple[Finding, ...]:
    """The findings of a report in JSON or JSON lines; without `by_prefix` they have no prefix.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        ConfigError: it is no report, with the place of the first thing that is wrong.
    """
    name, data = _read(source)
    document = _parsed(data, name)
    findings = document.get("findings")
    if document.get("schema") != SCHEMA or not isinstance(findings, list):
        raise ConfigError(f"{name}: not a tokenguard report", remedy="write one with: --format json -o FILE")
    reader = _Reader(name, ruleset, by_prefix=by_prefix)
    return tuple(reader.finding(each, f"/findings/{index}") for index, each in enumerate(findings))


def _read(source: Path | BinaryIO) -> tuple[str, bytes]:
    name = str(source) if isinstance(source, Path) else "standard input"
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                data = file.read(LIMIT + 1)
        else:
            data = source.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise UsageError(f"{name}: cannot be read ({reason})", remedy="name a report") from None
    if len(data) > LIMIT:
        raise ConfigError(f"{name}: larger than {LIMIT:,} bytes", remedy="split it")
    return name, data


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    """The document. Of JSON lines, which the format `jsonl` writes, the one that they stand for."""
    try:
        text = data.decode("utf-8-sig")
        try:
            document = json.loads(text)
        except json.JSONDecodeError:
            document = _joined([json.loads(line) for line in text.splitlines()])
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: not UTF-8", remedy="write it with: --format json -o FILE") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name}: not JSON (line {error.lineno})", remedy="was it cut off?") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{name}: JSON that no report has", remedy="write one with: --format json -o FILE") from None
    if not isinstance(document, dict):
        return {}
    # JSON lines without a finding are one line, the summary.
    return _joined([document]) if document.get("type") == _SUMMARY else document


def _joined(lines: list[Any]) -> dict[str, Any]:
    *findings, last = [each if isinstance(each, dict) else {} for each in lines] or [{}]
    return {**last, "findings": findings} if last.pop("type", None) == _SUMMARY else {}


class _Reader:
    """Reads findings one by one."""

    def __init__(self, name: str, ruleset: RuleSet, *, by_prefix: bool) -> None:
        self._name = name
        self._ruleset = ruleset
        self._by_prefix = by_prefix
        self._clean = Concealer(ruleset).clean

    def finding(self, data: Any, where: str) -> Finding:
        """One finding."""
        if not isinstance(data, dict):
            self._fail(where, "expected an object")
        rule_id = self._text(data, "rule_id", where, RULE_ID)
        rule = self._ruleset.by_id(rule_id)
        token_sha256 = None if data.get("token_sha256") is None else self._text(data, "token_sha256", where, _HASH)
        fingerprint = self._text(data, "fingerprint", where, FINGERPRINT)
        prefix = self._prefix(data, rule)
        return Finding(
            rule_id=rule_id,
            severity=rule.severity if rule is not None else Severity.INFO,
            title=rule.title if rule is not None else "",
            redacted=f"{prefix}…",
            prefix=prefix if self._by_prefix else "",
            token_sha256=token_sha256,
            fingerprint=_fingerprint(rule, fingerprint, token_sha256),
            locations=self._locations(data.get("locations"), f"{where}/locations"),
            status=Status.UNVERIFIED,
        )

    def _prefix(self, data: Mapping[str, Any], rule: Rule | None) -> str:
        """The visible prefix, if it is one: no character more than may be shown."""
        prefix = data.get("prefix")
        if rule is None or rule.token is None or not isinstance(prefix, str) or len(prefix) != rule.visible_prefix:
            return ""
        shown = prefix.startswith(rule.literal_prefix) and prefix.isascii() and prefix.isprintable()
        return prefix if shown else ""

    def _locations(self, data: Any, where: str) -> tuple[Location, ...]:
        if not isinstance(data, list):
            self._fail(where, "expected a list")
        return tuple(self._location(each, f"{where}/{index}") for index, each in enumerate(data[:_PLACES]))

    def _location(self, data: Any, where: str) -> Location:
        if not isinstance(data, dict):
            self._fail(where, "expected an object")
        via = data.get("via", [])
        if not isinstance(via, list) or not all(isinstance(each, str) for each in via):
            self._fail(f"{where}/via", "expected a list of texts")
        return Location(
            source=self._shown(data, "source", where) or "",
            path=self._shown(data, "path", where) or "",
            line=self._number(data, "line", where),
            column=self._number(data, "column", where),
            end_line=self._number(data, "end_line", where),
            end_column=self._number(data, "end_column", where),
            blob=self._shown(data, "blob", where),
            commit=self._shown(data, "commit", where),
            via=tuple(self._clean(each[:_LONGEST_TEXT]) for each in via[:_PLACES]),
        )

    def _text(self, data: Mapping[str, Any], key: str, where: str, shape: re.Pattern[str]) -> str:
        text = data.get(key)
        if not isinstance(text, str) or len(text) > _LONGEST_NAME or not shape.fullmatch(text):
            self._fail(f"{where}/{key}", "not what stands there in a report")
        return text

    def _shown(self, data: Mapping[str, Any], key: str, where: str) -> str | None:
        """A text of the scanned thing, without secrets: a report of somebody else's making may hold one."""
        text = data.get(key)
        if text is None:
            return None
        if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
            self._fail(f"{where}/{key}", "expected a text, of no more than a path's length")
        try:
            return self._clean(unquoted(text))
        except ValueError:
            self._fail(f"{where}/{key}", "not quoted as a report does it")

    def _number(self, data: Mapping[str, Any], key: str, where: str) -> int:
        number = data.get(key, 1)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 1 << 62:
            self._fail(f"{where}/{key}", "expected a number from 1")
        return number

    def _fail(self, where: str, why: str) -> NoReturn:
        raise ConfigError(f"{self._name}: {where}: {why}", remedy="write it anew with: --format json -o FILE")


def _fingerprint(rule: Rule | None, said: str, token_sha256: str | None) -> str:
    """The hash counts, whatever else the report says that the token is called."""
    if rule is None or token_sha256 is None or Secret(b"").token_sha256(rule.random_bits) is None:
        return said
    return fingerprint_of_hash(rule.id, token_sha256)
