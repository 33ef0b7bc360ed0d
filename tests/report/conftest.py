"""Reports to write: one fixed, one with a hostile text in every field, and one of secrets made at run time."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest

from tokenguard.model import (
    Coverage,
    Finding,
    Location,
    Part,
    Problem,
    Report,
    Revocation,
    Rule,
    Secret,
    Severity,
    Skipped,
    Status,
    Suppressed,
    SuppressedBy,
    TokenFormat,
)
from tokenguard.model.revocation import Outcome
from tokenguard.report.format import Options
from tokenguard.report.registry import reporter

HEX = "0123456789abcdef"
KEEBAI = Rule(
    id="keebai-api-key",
    title="Keebai API key",
    severity=Severity.CRITICAL,
    pattern="kbai_pk_[0-9a-f]{64}",
    sieve="kbai_pk_[0-9a-f]{64}",
    max_length=72,
    description="A personal access token of Keebai: it acts as the user who created it.",
    remediation="Revoke the key under Developer, API Tokens, then issue a new one (see https://keebai.example/tokens).",
    token=TokenFormat("kbai_pk_", (Part(HEX, 64),), 12, 256.0),
    visible_prefix=12,
    random_bits=256.0,
)
GENERIC = Rule(
    id="generic-password",
    title="Password in a configuration",
    severity=Severity.LOW,
    pattern="password=(?P<secret>[a-z]{8,20})",
    sieve="password=[a-z]{8,20}",
    max_length=29,
    min_entropy=2.5,
)


@pytest.fixture(scope="session")
def render() -> Callable[..., str]:
    """What a format writes."""

    def _render(name: str, report: Report, options: Options | None = None) -> str:
        out = io.StringIO(newline="")
        reporter(name).write(report, out, options or Options(started=1774900000.0, finished=1774900007.0))
        return out.getvalue()

    return _render


@pytest.fixture(scope="session")
def fixed_report() -> Report:
    """Two findings, a suppressed one of each kind, a skipped thing and an error; nothing in it changes."""
    key = _finding(KEEBAI, "kbai_pk_a1b2", "5f" * 16, token_sha256="0d" * 32, locations=_history())
    password = _finding(GENERIC, "", "c0" * 16, locations=(Location("files", "etc/app.conf", 7, 10, 7, 21),))
    allowed = replace(key, locations=(Location("files", "docs/example.md", 2, 1, 2, 73),))
    key = replace(key, status=Status.REVOKED)
    changed = replace(password, locations=(Location("commits", "tests/data.ini", 1, 10, 1, 21, commit="be" * 20),))
    return Report(
        version="0.1.0",
        ruleset="sha256:" + "ab" * 32,
        coverage=Coverage(blobs=1234, bytes=5_600_000, commits=12, samples=3),
        findings=(password, key),
        suppressed=(
            Suppressed(allowed, SuppressedBy.INLINE, "made for the documentation", expires="2027-01-31"),
            Suppressed(changed, SuppressedBy.CONFIG, "a fixture", in_change=True),
        ),
        skipped=(Skipped("secret/locked.env", "permission denied; run it as the owner"),),
        errors=(Problem("git_failed", "HEAD~3", "object missing; fetch the whole history"),),
        revocations=(
            Revocation(key.fingerprint, "tokens.example.org", Outcome.REVOKED, "2026-03-30T22:00:00Z"),
            Revocation(password.fingerprint, "api.example.org:8443", Outcome.UNREACHABLE, "2026-03-30T22:00:01Z"),
        ),
        rules=(KEEBAI, GENERIC),
    )


@pytest.fixture(scope="session")
def clean_report() -> Report:
    """A scan that read everything and found nothing."""
    return Report("0.1.0", "sha256:" + "ab" * 32, Coverage(blobs=1, bytes=812), rules=(KEEBAI, GENERIC))


@pytest.fixture(scope="session")
def hostile_report() -> Callable[[str], Report]:
    """A report in which one text stands in every field that a scanned thing can fill."""

    def _hostile_report(text: str) -> Report:
        location = Location(
            "git", text, 3, 5, 3, 77, text, text, text, text, reachable=True, ref=text, via=(text, text), time=text,
            command=text,
        )  # fmt: skip
        rule = replace(KEEBAI, title=text, description=text, remediation=text)
        finding = replace(_finding(rule, "kbai_pk_a1b2", "5f" * 16, locations=(location,)), redacted=text, prefix=text)
        return Report(
            version="0.1.0",
            ruleset="sha256:" + "ab" * 32,
            coverage=Coverage(1, 1, 1, 1),
            findings=(finding,),
            suppressed=(
                Suppressed(finding, SuppressedBy.INLINE, text, expires=text),
                Suppressed(finding, SuppressedBy.BASELINE, text, in_change=True),
            ),
            skipped=(Skipped(text, text),),
            errors=(Problem("failed", text, text),),
            revocations=(Revocation(finding.fingerprint, text, Outcome.REFUSED, text),),
            rules=(rule,),
        )

    return _hostile_report


@pytest.fixture
def secret_report() -> tuple[Report, tuple[Secret, ...]]:
    """Findings of real secrets, named by the model's own hashes, and the secrets."""
    made = tuple(Secret(b"kbai_pk_" + secrets.token_hex(32).encode()) for _ in range(20))
    findings = tuple(_of_secret(secret) for secret in made)
    return Report("0.1.0", "sha256:" + "ab" * 32, Coverage(20, 2000), findings=findings, rules=(KEEBAI,)), made


def _of_secret(secret: Secret) -> Finding:
    prefix = secret.reveal()[: KEEBAI.visible_prefix].decode()
    finding = _finding(
        KEEBAI,
        prefix,
        secret.fingerprint(KEEBAI.id, KEEBAI.random_bits),
        token_sha256=secret.token_sha256(KEEBAI.random_bits),
        locations=_history(),
    )
    return replace(finding, status=Status.ACTIVE)


def _finding(
    rule: Rule,
    prefix: str,
    fingerprint: str,
    *,
    locations: tuple[Location, ...],
    token_sha256: str | None = None,
) -> Finding:
    return Finding(rule.id, rule.severity, rule.title, f"{prefix}…", prefix, token_sha256, fingerprint, locations)


def _history() -> tuple[Location, ...]:
    """Fourteen locations: a file with a history, a commit message, a shell history."""
    first = Location(
        "git", "conf/a.env", 3, 5, 3, 77, "1c" * 20, "2e" * 20, "Ada Lovelace <ada@example.org>",
        "2026-03-30T21:55:00Z", reachable=True, ref="refs/heads/main", via=("zip:b.env", "base64"),
    )  # fmt: skip
    older = tuple(
        Location("git", "conf/a.env", line, 5, line, 77, "3a" * 20, "4b" * 20, reachable=False) for line in range(4, 15)
    )
    said = Location("git", "commit message", 1, 9, 1, 81, "5d" * 20)
    shell = Location("shell", "/home/ada/.bash_history", 9, 1, 9, 73, time="2026-03-30T21:50:00Z", command="curl")
    return (first, *older, said, shell)
