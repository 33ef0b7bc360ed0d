"""A process killed in the midst of its work: what it said was done is done, and nothing is half done."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

from sqlalchemy import select

from stores import People, Place
from tokenguard.model.audit import AuditFilter
from tokenguard.model.token import TokenStatus
from tokenguard.store.tables import audit, tokens

_ROUNDS = 4

_PROCESS = """
import sys
from stores import People, Place
from tokenguard.model.token import NewToken

place = Place(*sys.argv[1:])
service = People(place.open()).local
print("ready", flush=True)
while True:
    first = service.create_token(NewToken("x")).record.id
    print("made", first, flush=True)
    second = service.rotate_token(first).record.id
    print("revoked", first, flush=True)
    service.revoke_token(second)
    print("revoked", second, flush=True)
"""


def test_every_acknowledged_revocation_stands(people: People, place: Place) -> None:
    draw = random.Random()  # noqa: S311 - a moment, no secret
    program = f"import sys; sys.path[:] = {json.dumps(sys.path)}\n{_PROCESS}"
    said: list[list[str]] = []
    for _ in range(_ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-c", program, place.kind, place.url], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.02, 0.5))
        process.kill()
        said += [
            line.split() for line in process.communicate()[0].splitlines() if line.endswith(tuple("0123456789abcdef"))
        ]
    assert any(what == "revoked" for what, _ in said)
    for what, token_id in said:
        record = people.local.token(token_id)
        assert what == "made" or record.status is TokenStatus.REVOKED
        actions = {event.action for event in people.local.audit(AuditFilter(token=token_id)).events}
        assert "token.created" in actions
        assert what == "made" or "token.revoked" in actions
    with people.store.database.reading() as connection:
        revoked = set(connection.execute(select(tokens.c.id).where(tokens.c.revoked_at.is_not(None))).scalars())
        told = set(connection.execute(select(audit.c.token_id).where(audit.c.action == "token.revoked")).scalars())
        made = set(connection.execute(select(audit.c.token_id).where(audit.c.action == "token.created")).scalars())
        assert revoked == told
        assert made == set(connection.execute(select(tokens.c.id)).scalars())
        if place.kind == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
