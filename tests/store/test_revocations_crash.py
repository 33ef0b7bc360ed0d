"""Whoever revokes is killed in the middle: what was acknowledged stands, each once, and the store is sound."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stores import PEPPER, People, Place
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Outcome, Target
from tokenguard.model.token import NewToken
from tokenguard.store.check import check_database

_BATCH = 20
_ROUNDS = 4
_BATCHES = 4

_REVOKER = f"""\
import sys
from stores import peppers, ruleset
from tokenguard.model.leak import LeakPlace
from tokenguard.model.revocation import Target
from tokenguard.store.store import Store

with Store.open(sys.argv[1], peppers=peppers(), ruleset=ruleset()) as store:
    service = store.acting(store.local("revoker"))
    print("ready", flush=True)
    ids = sys.stdin.read().split()
    for start in range(0, len(ids), {_BATCH}):
        targets = [Target(id=each) for each in ids[start : start + {_BATCH}]]
        results = service.revoke(targets, reason="leaked", leak=LeakPlace("git", path="a.env"))
        print(*(each.token.id for each in results if each.outcome.dead and each.token), flush=True)
"""


def _killed_in_the_middle(url: str, ids: list[str], chance: random.Random) -> list[str]:
    """Start a process that revokes, kill it at some moment; the ids that it was told are revoked."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "tests"]), "TOKENGUARD_PEPPER": PEPPER}
    revoker = subprocess.Popen(
        [sys.executable, "-c", _REVOKER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=environ,
        text=True,
    )
    assert revoker.stdin is not None
    assert revoker.stdout is not None
    with revoker:
        assert revoker.stdout.readline() == "ready\n"
        revoker.stdin.write(" ".join(ids))
        revoker.stdin.close()
        heard = [revoker.stdout.readline() for _ in range(chance.randint(0, _BATCHES - 1))]
        time.sleep(chance.random() * 0.03)
        revoker.send_signal(signal.SIGKILL)
        # What it had written before it died counts as told, a last line that broke off does not.
        heard += [line for line in revoker.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    return " ".join(heard).split()


def _survives(place: Place, rounds: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    store = place.open()
    people = People(store)
    revoked_in_all = 0
    for number in range(rounds):
        user = people.user(f"user{number}", plan="SCALE")
        new = NewToken("x", family="binboi-access-token", owner=user.id)
        ids = [people.local.create_token(new).record.id for _ in range(_BATCH * _BATCHES)]
        told = _killed_in_the_middle(place.url, ids, chance)
        dead = [each for each in ids if people.local.token(each).revoked_at is not None]
        assert set(told) <= set(dead)
        # Whole calls, or nothing of them; and no more than one that nobody heard of.
        assert len(dead) % _BATCH == 0
        assert len(told) <= len(dead)
        for each in dead:
            actions = [event.action for event in people.local.audit(AuditFilter(token=each)).events]
            assert actions == ["token.revoked", "token.created"]
        found = check_database(store.database, store.context.peppers)
        assert found.faults == ()
        revoked_in_all += len(dead)
        assert found.revoked == found.leaks == revoked_in_all
        results = people.local.revoke([Target(id=each) for each in ids])
        outcomes = [Outcome.ALREADY_REVOKED if each in dead else Outcome.REVOKED for each in ids]
        assert [result.outcome for result in results] == outcomes
        people.local.revoke([Target(id=each) for each in ids], leak=LeakPlace("git"))
        revoked_in_all += len(ids) - len(dead)


def test_a_revoker_that_is_killed(place: Place) -> None:
    _survives(place, _ROUNDS, random.SystemRandom().randrange(1 << 32))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_revoker_that_is_killed_a_hundred_times(place: Place, seed: int) -> None:
    _survives(place, 20, seed)
