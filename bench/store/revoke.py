"""All leaked tokens of one report, revoked through the client over HTTP.

    python -m bench.store.revoke URL_FILE DATABASE --tokens N [--seed N]

The report is a tokenguard report: hashes, no values. After every thousand, one of the revoked tokens is used at once:
it must be refused. At the end every token must be revoked in the database, each with one audit event.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.store.made import CALLER, token
from tokenguard.model.revocation import Outcome, Target
from tokenguard.respond.client import BATCH, Client

_REVOKED = "SELECT count(*) FROM tokens WHERE revoked_at IS NOT NULL"
_AUDITED = """
SELECT count(DISTINCT a.token_id) FROM audit a JOIN tokens t ON t.id = a.token_id
WHERE t.revoked_at IS NOT NULL AND a.action = 'token.revoked'
"""


def main() -> None:
    """Revoke, and print how long it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.store.revoke")
    parser.add_argument("url_file", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    targets = targets_of(report(wanted.seed, wanted.tokens))
    client = Client(wanted.url_file.read_text("ascii"), token(wanted.seed, CALLER))
    client.whoami()
    seconds, revoked, accepted = 0.0, 0, 0
    for start in range(0, len(targets), BATCH):
        started = time.perf_counter()
        results = client.revoke(targets[start : start + BATCH], reason="leaked")
        seconds += time.perf_counter() - started
        revoked += sum(result.outcome is Outcome.REVOKED for result in results)
        accepted += client.introspect(token=token(wanted.seed, start)).active
    client.close()
    complete = revoked == wanted.tokens and not accepted and written(wanted.database) == (revoked, revoked)
    print(json.dumps({"count": revoked, "complete": complete, "seconds": seconds}))


def report(seed: int, tokens: int) -> dict[str, Any]:
    """What a scan would have written, as far as a revocation reads it."""
    return {"findings": [{"token_sha256": token(seed, number).sha256()} for number in range(tokens)]}


def targets_of(document: dict[str, Any]) -> Sequence[Target]:
    """The tokens that a report names."""
    return [Target(token_sha256=finding["token_sha256"]) for finding in document["findings"]]


def written(database: Path) -> tuple[int, int]:
    """How many tokens are revoked, and how many of these have their audit event."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        revoked, audited = (connection.execute(query).fetchone()[0] for query in (_REVOKED, _AUDITED))
    return revoked, audited


if __name__ == "__main__":
    main()
