"""What a scan does with its findings when `--verify` or `--revoke` asks for it; imported by such scans alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tokenguard.app.issuers import issuers_for
from tokenguard.app.outcome import Outcome
from tokenguard.app.respond import Responder, Wish
from tokenguard.app.token_service import approach
from tokenguard.cli.run import Respond
from tokenguard.cli.scan_options import ScanOptions
from tokenguard.config.settings import Settings
from tokenguard.errors import TokenguardError
from tokenguard.model import RuleSet
from tokenguard.respond import policy


@contextmanager
def prepared(
    options: ScanOptions, settings: Settings, ruleset: RuleSet, *, root: Path, hook: bool
) -> Iterator[Respond | None]:
    """Policy and issuers, read before the scan; then what to call with its outcome.

    Raises:
        UsageError: the policy, the issuers or a login are wrong; nothing is scanned then.
    """
    chosen = policy.Policy() if options.policy is None else policy.read(options.policy)
    way = approach(os.environ, rules=options.rules)
    policy.require_known(chosen, (ruleset, way.ruleset), str(options.policy))
    wish = Wish(verify=options.verify, revoke=options.revoke, yes=options.yes, policy=chosen)
    with issuers_for(ruleset, settings.issuers, os.environ, way=way) as issuers:
        responder = Responder(issuers, ruleset, os.environ, hook=hook)

        def respond(outcome: Outcome) -> tuple[Outcome, bool]:
            try:
                response = responder.respond(outcome.report, wish, root)
            except TokenguardError as error:
                # What was found is reported, whatever becomes of it.
                return replace(outcome, notes=(*outcome.notes, f"nothing was revoked: {error}")), False
            except KeyboardInterrupt:
                return replace(outcome, notes=(*outcome.notes, "interrupted; see: tokenguard doctor")), False
            return Outcome(response.report, (*outcome.notes, *response.notes)), response.finished

        yield respond
