"""Scans for proofs: in process through `app`, or tokenguard itself as a user starts it; and what they found."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import plant
from tokenguard.app.files import scan_files
from tokenguard.app.perform import Scan, perform
from tokenguard.app.repository import scan_repository
from tokenguard.app.sight import Sight
from tokenguard.config.settings import Settings
from tokenguard.model import Report, RuleSet
from tokenguard.report.format import Options
from tokenguard.report.registry import FORMATS, reporter
from tokenguard.ruleset.assemble import load_builtin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SLOW = 120
"""Seconds after which a tokenguard that hangs fails its test."""


def scan(work: Scan, *, ruleset: RuleSet | None = None, jobs: int = 2, respect_gitignore: bool = False) -> Report:
    """The report of a scan in this process, with no configuration, baseline or cache."""
    settings = Settings(jobs=jobs, cache=False, respect_gitignore=respect_gitignore)
    return perform(Sight({}), settings, ruleset or load_builtin(), work).report


def scan_git(path: Path, *, jobs: int = 2) -> Report:
    """`scan git`."""
    return scan(lambda session: scan_repository(session, str(path)), jobs=jobs)


def scan_folder(*paths: Path | str, respect_gitignore: bool = False) -> Report:
    """`scan files`."""
    given = [str(path) for path in paths]
    return scan(lambda session: scan_files(session, given), respect_gitignore=respect_gitignore)


def tokenguard(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    timeout: float = _SLOW,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """The program itself; a traceback in what it says fails the test, whatever it was asked."""
    done = subprocess.run(
        ["tokenguard", *arguments],
        cwd=cwd,
        input=stdin,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        check=False,
        timeout=timeout,
        preexec_fn=before,
    )
    assert b"Traceback" not in done.stderr, os.fsdecode(done.stderr)
    assert b"internal error" not in done.stderr + done.stdout, os.fsdecode(done.stderr + done.stdout)
    return done


def sha256(token: str) -> str:
    """What a report calls a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def hashes(report: Report) -> set[str | None]:
    """All tokens of a report, by hash."""
    return {finding.token_sha256 for finding in report.findings}


def names(report: Report) -> set[tuple[str, str | None, str]]:
    """Rule, hash and fingerprint of all tokens: what stays the same, however a repository is stored."""
    return {(finding.rule_id, finding.token_sha256, finding.fingerprint) for finding in report.findings}


@dataclass
class Planted:
    """Tokens by the name of the place that each was put into; every place has its own."""

    tokens: dict[str, str] = field(default_factory=dict)
    _rules: Iterator[str] = field(default_factory=lambda: itertools.cycle(plant.RULES))

    def __call__(self, place: str, rule: str | None = None) -> str:
        """A fresh token for the place, of each family in turn unless one is named."""
        assert place not in self.tokens, f"planted twice: {place}"
        self.tokens[place] = plant.token(rule or next(self._rules))
        return self.tokens[place]

    def not_found(self, report: Report) -> list[str]:
        """The places whose token is in no finding."""
        found = hashes(report)
        return [place for place, token in self.tokens.items() if sha256(token) not in found]

    def unplanted(self, report: Report) -> list[str]:
        """Findings, redacted and with their places, of what nobody planted."""
        known = {sha256(token) for token in self.tokens.values()}
        strange = [finding for finding in report.findings if finding.token_sha256 not in known]
        return [f"{finding.redacted} at {[place.path for place in finding.locations]}" for finding in strange]

    def shown_in(self, text: str) -> list[str]:
        """The places whose token a text gives away: twelve hidden characters in a row, or all of it encoded."""
        return [place for place, token in self.tokens.items() if _gives_away(text, token)]


def _gives_away(text: str, token: str) -> bool:
    hidden = token.removeprefix(plant.visible_prefix(token))
    encoded = (token.encode().hex(), base64.b64encode(token.encode()).decode()[:-4])
    # Twelve, not eight: reports hold so many hashes that eight characters of a hundred tokens occur in them by chance.
    return any(hidden[at : at + 12] in text for at in range(len(hidden) - 11)) or any(form in text for form in encoded)


def written(report: Report) -> dict[str, str]:
    """The report in every format there is, the text also in colour."""
    outputs = {name: _written(report, name, Options(started=0, finished=1)) for name in FORMATS}
    return outputs | {"text in colour": _written(report, "text", Options(colour=True))}


def _written(report: Report, name: str, options: Options) -> str:
    out = io.StringIO()
    reporter(name).write(report, out, options)
    return out.getvalue()
