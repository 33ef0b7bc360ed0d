"""What became of a finding's revocation, for formats that say it beside the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenguard.model.report import Report, Revocation


def by_fingerprint(report: Report) -> dict[str, list[Revocation]]:
    """The revocations of each finding; most reports have none."""
    found: dict[str, list[Revocation]] = {}
    for revocation in report.revocations:
        found.setdefault(revocation.fingerprint, []).append(revocation)
    return found


def words(revocation: Revocation) -> str:
    """`already revoked`, `not found`."""
    return revocation.outcome.value.replace("_", " ")
