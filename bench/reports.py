"""Reading the reports of all contestants: how many findings, complete or not. No secret is kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from bench.contestant import Outcome


def nothing(_report: Path, _errors: Path) -> Outcome:
    """The command has no report that could be counted."""
    return Outcome()


def lines(report: Path, _errors: Path) -> Outcome:
    """grep, ripgrep: a line each."""
    with report.open("rb") as file:
        return Outcome(sum(1 for _ in file))


def tokenguard(report: Path, _errors: Path) -> Outcome:
    """JSON of tokenguard: a finding is a secret, wherever and however often it is seen."""
    document = _load(report)
    names = sorted(finding["fingerprint"] for finding in document["findings"])
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    return Outcome(len(names), document["state"] == "complete", digest)


def objects(report: Path, _errors: Path) -> Outcome:
    """What bench/objects.py prints."""
    document = _load(report)
    return Outcome(document["hits"], not document["skipped"])


def own_clock(report: Path, _errors: Path) -> Outcome:
    """What the bench's own programs print: how many they did, whether all went as it should, in how many seconds."""
    document = _load(report)
    return Outcome(document["count"], document["complete"], seconds=document["seconds"])


def gitleaks(report: Path, errors: Path) -> Outcome:
    """JSON of gitleaks: a finding is an occurrence. That it broke off is said on standard error alone."""
    return Outcome(len(_load(report)), b"ERR" not in errors.read_bytes())


def betterleaks(report: Path, _errors: Path) -> Outcome:
    """JSON of betterleaks: a finding is an occurrence."""
    document = _load(report)
    return Outcome(len(document["findings"] or ()), document["scan"]["state"] == "complete")


def kingfisher(report: Path, _errors: Path) -> Outcome:
    """JSON of kingfisher: a finding is a secret under a rule."""
    document = _load(report)
    done = document["audit"]["summary"]
    whole = not any(done[state] for state in ("scan_partial", "scan_failed", "pending"))
    return Outcome(len(document["findings"]), whole)


def _load(report: Path) -> Any:
    return json.loads(report.read_text(encoding="utf-8"))
