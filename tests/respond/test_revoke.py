"""Bulk revocation: whatever breaks off, and wherever, `resume` ends with all dead, each killed once, nothing lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from respond.simulated_store import FAULTS, SimulatedStore, hashes
from respond.web import Web, serving
from tokenguard.errors import JournalError, RefusedError, UnavailableError
from tokenguard.model import Location
from tokenguard.model.revocation import Outcome, TargetResult
from tokenguard.model.secret import Secret
from tokenguard.respond.channel import NEEDS_TOKEN, Channel, IssuerChannel, ServiceChannel
from tokenguard.respond.client import Client
from tokenguard.respond.http import Patience
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import FILE, Journal, pending_in
from tokenguard.respond.revoke import Route, Settled, preview, resume, revoke
from tokenguard.respond.store_issuer import StoreIssuer
from tokenguard.ruleset.assemble import load_builtin

QUICK = Patience(connect=2, read=0.5, total=1.5, attempts=2, first_pause=0.01, longest_pause=0.05)
MANY = 25
BATCH = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / FILE


@pytest.fixture
def store() -> SimulatedStore:
    return SimulatedStore(hashes(MANY))


@pytest.fixture
def web(store: SimulatedStore) -> Iterator[Web]:
    with serving(store.answer) as running:
        yield running


def intents(names: Sequence[str], issuer: str = "store") -> list[Intent]:
    return [Intent(issuer, "keebai-api-key", token_sha256=name, fingerprint=name[:32]) for name in names]


def channel(web: Web, store: SimulatedStore) -> Route:
    client = Client(web.url, Secret(store.bearer.encode()), patience=QUICK)
    return only(ServiceChannel("store", client, batch=BATCH))


def issuing(web: Web, store: SimulatedStore) -> Route:
    """As a scan goes, through an issuer."""
    client = Client(web.url, Secret(store.bearer.encode()), patience=QUICK)
    rules = {rule.id: rule for rule in load_builtin().rules}
    return only(IssuerChannel(StoreIssuer(client), rules, lambda _: None, batch=BATCH))


def only(*ways: Channel) -> Route:
    by_name = {way.name: way for way in ways}
    return lambda intent: by_name.get(intent.issuer)


def outcomes(settled: Sequence[Settled]) -> list[Outcome]:
    return [each.outcome for each in settled]


def test_all_of_them_die_in_order(web: Web, store: SimulatedStore, path: Path) -> None:
    live, unknown = sorted(store.live), hashes(1)
    with Journal(path) as journal:
        settled = revoke(intents([*live, *unknown]), channel(web, store), journal)
        assert journal.pending() == ()
    assert [each.intent.token_sha256 for each in settled] == [*live, *unknown]
    assert outcomes(settled) == [*[Outcome.REVOKED] * MANY, Outcome.NOT_FOUND]
    assert len(web.asked) == 3
    assert not store.live


def test_a_preview_kills_and_writes_nothing(web: Web, store: SimulatedStore, path: Path) -> None:
    settled = preview(intents(sorted(store.live)), channel(web, store))
    assert outcomes(settled) == [Outcome.REVOKED] * MANY
    assert len(store.live) == MANY
    assert not path.exists()


def test_a_token_that_stands_there_twice_is_sent_once(web: Web, store: SimulatedStore, path: Path) -> None:
    twice = intents(sorted(store.live)[:2]) * 7
    twice = [*twice, *(replace(each, locations=()) for each in twice)]
    with Journal(path) as journal:
        settled = revoke(twice, channel(web, store), journal)
    assert outcomes(settled) == [Outcome.REVOKED] * 28
    assert [len(asked.json()["targets"]) for asked in web.asked] == [2]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("at", "way"), [(0, channel), (2, issuing)])
def test_a_fault_is_finished_later(  # noqa: PLR0913, PLR0917 - fixtures
    fault: str,
    at: int,
    way: Callable[[Web, SimulatedStore], Route],
    web: Web,
    store: SimulatedStore,
    path: Path,
) -> None:
    wanted = sorted(store.live)
    store.faults = [""] * at + [fault] * 4
    with Journal(path) as journal:
        first = revoke(intents(wanted), way(web, store), journal)
        done = min(at * BATCH, MANY)
        assert outcomes(first) == [Outcome.REVOKED] * done + [Outcome.UNREACHABLE] * (MANY - done)
        assert all(each.detail for each in first[done:])
        assert len(journal.pending()) == MANY - done
        store.faults = []
        second = resume(journal, way(web, store))
        assert [each.intent.token_sha256 for each in second] == wanted[done:]
        assert all(each.outcome.dead for each in second)
        assert journal.pending() == ()
        assert resume(journal, channel(web, store)) == []
    assert store.killed == dict.fromkeys(wanted, 1)


def test_nothing_is_said_to_the_place_that_a_redirect_names(web: Web, store: SimulatedStore, path: Path) -> None:
    def elsewhere(_: object) -> object:
        raise AssertionError

    with serving(elsewhere) as other, Journal(path) as journal:  # type: ignore[arg-type]
        good = store.answer
        web.answer = lambda asked: replace(good(asked), status=308, headers={"Location": other.url})
        settled = revoke(intents(sorted(store.live)), channel(web, store), journal)
        assert set(outcomes(settled)) == {Outcome.UNREACHABLE}
        assert other.asked == []


def test_a_server_that_is_not_there(path: Path, store: SimulatedStore) -> None:
    with serving(store.answer) as gone:
        pass
    with Journal(path) as journal:
        settled = revoke(intents(sorted(store.live)), channel(gone, store), journal)
        assert {each.detail for each in settled[BATCH:]} == {"not asked: the issuer did not answer before"}
        assert len(journal.pending()) == MANY


def test_one_issuer_that_fails_keeps_no_token_of_another_alive(web: Web, store: SimulatedStore, path: Path) -> None:
    class Broken:
        name, batch = "broken", 10

        def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
            raise ZeroDivisionError(intents, dry_run)

    live = sorted(store.live)
    wanted = [*intents(live[:1], "broken"), *intents(live), *intents(live[:1], "unheard of")]
    whole = channel(web, store)
    with Journal(path) as journal:
        settled = revoke(wanted, lambda intent: Broken() if intent.issuer == "broken" else whole(intent), journal)
        assert [entry.intent.issuer for entry in journal.pending()] == ["broken", "unheard of"]
    assert outcomes(settled[1:-1]) == [Outcome.REVOKED] * MANY
    assert settled[0].detail.startswith("internal error: ZeroDivisionError at ")
    assert live[0] not in settled[0].detail
    assert "no issuer is called unheard of" in settled[-1].detail


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RefusedError("UNAUTHORIZED", "who?"), Outcome.UNREACHABLE),
        (RefusedError("RATE_LIMITED", "later"), Outcome.UNREACHABLE),
        (RefusedError("INSUFFICIENT_SCOPE", "not you"), Outcome.REFUSED),
        (UnavailableError("later"), Outcome.UNREACHABLE),
    ],
)
def test_what_an_issuer_raises_is_an_outcome(error: Exception, outcome: Outcome, path: Path) -> None:
    class Raising:
        name, batch = "store", 10

        def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
            del intents, dry_run
            raise error

    with Journal(path) as journal:
        (settled,) = revoke(intents(hashes(1)), only(Raising()), journal)
        assert settled.outcome is outcome
        assert len(journal.pending()) == (outcome is Outcome.UNREACHABLE)


def test_nothing_is_sent_that_cannot_be_written(web: Web, store: SimulatedStore, path: Path) -> None:
    with Journal(path) as journal:
        journal._database.execute("PRAGMA query_only = ON")
        with pytest.raises(JournalError):
            revoke(intents(sorted(store.live)), channel(web, store), journal)
    assert web.asked == []


def test_an_outcome_that_cannot_be_written_stays_open(web: Web, store: SimulatedStore, path: Path) -> None:
    class Filling(ServiceChannel):
        def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
            journal._database.execute("PRAGMA query_only = ON")
            return super().revoke(intents, dry_run=dry_run)

    service = Client(web.url, Secret(store.bearer.encode()), patience=QUICK)
    with Journal(path) as journal:
        settled = revoke(intents(sorted(store.live)), only(Filling("store", service)), journal)
        assert outcomes(settled) == [Outcome.REVOKED] * MANY
        assert all("cannot be used" in each.unrecorded for each in settled)
        journal._database.execute("PRAGMA query_only = OFF")
        assert len(journal.pending()) == MANY
        again = resume(journal, channel(web, store))
    assert set(outcomes(again)) == {Outcome.ALREADY_REVOKED}
    assert set(store.killed.values()) == {1}


def test_an_interruption_leaves_the_rest_open(web: Web, store: SimulatedStore, path: Path) -> None:
    class Interrupted(ServiceChannel):
        def revoke(self, intents: Sequence[Intent], *, dry_run: bool) -> list[TargetResult]:
            if len(intents) < BATCH:
                raise KeyboardInterrupt
            return super().revoke(intents, dry_run=dry_run)

    service = Client(web.url, Secret(store.bearer.encode()), patience=QUICK)
    with Journal(path) as journal:
        settled = revoke(intents(sorted(store.live)), only(Interrupted("store", service, batch=BATCH)), journal)
        assert outcomes(settled) == [Outcome.REVOKED] * 20 + [Outcome.UNREACHABLE] * 5
        assert len(journal.pending()) == 5


def test_a_token_that_was_handed_over_cannot_be_sent_again(web: Web, store: SimulatedStore, path: Path) -> None:
    """Of a family that is too weak for a hash nothing is kept; what lies somewhere may be read there later."""
    weak = Intent("store", "weak", fingerprint="ab" * 16)
    placed = replace(weak, fingerprint="cd" * 16, locations=(Location("files", "a", 1, 1, 1, 2),))
    with Journal(path) as journal:
        gone, left = revoke([weak, placed], channel(web, store), journal)
        assert gone.outcome is Outcome.INVALID
        assert "--token-stdin" in gone.detail
        assert (left.outcome, left.detail) == (Outcome.UNREACHABLE, NEEDS_TOKEN)
        assert [(entry.intent, entry.note) for entry in journal.pending()] == [(placed, NEEDS_TOKEN)]
    assert web.asked == []


# Kills. The child counts the points at which it could die, and dies at the one that it is told.

CHILD = """
import json, os, signal, sys
from pathlib import Path
from tokenguard.model.secret import Secret
from tokenguard.respond.channel import ServiceChannel
from tokenguard.respond.client import Client
from tokenguard.respond.intent import Intent
from tokenguard.respond.journal import Journal
from tokenguard.respond.revoke import revoke, resume

path, url, at, what = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
bearer, *names = json.load(sys.stdin)
points = 0

def point():
    global points
    points += 1
    if points == at:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(Journal):
    def write(self, intents):
        point()
        entries = super().write(intents)
        point()
        return entries
    def settle(self, closings):
        point()
        super().settle(closings)
        point()

class Way(ServiceChannel):
    def revoke(self, intents, *, dry_run):
        point()
        results = super().revoke(intents, dry_run=dry_run)
        point()
        return results

way = Way("store", Client(url, Secret(bearer.encode())), batch=10)
with Dying(path) as journal:
    if what == "resume":
        resume(journal, lambda _: way)
    else:
        intents = [Intent("store", "keebai-api-key", token_sha256=name, fingerprint=name[:32]) for name in names]
        revoke(intents, lambda _: way, journal)
print(points)
"""


def child(  # noqa: PLR0913 - what it works with, and where it dies
    path: Path, web: Web, store: SimulatedStore, names: Sequence[str], *, at: int, what: str = ""
) -> int:
    """Its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), web.url, str(at), what],
        input=json.dumps([store.bearer, *names]).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    if done.returncode == 0 and not at:
        assert int(done.stdout) == POINTS
    return done.returncode


POINTS = 2 + 3 * 4
"""Before and after writing it down; of three batches, before and after the request and before and after closing."""


def test_the_points_are_counted(web: Web, store: SimulatedStore, path: Path) -> None:
    assert child(path, web, store, sorted(store.live), at=0) == 0


@pytest.mark.parametrize("at", range(1, POINTS + 1))
def test_killed_at_every_point(at: int, web: Web, store: SimulatedStore, path: Path) -> None:
    wanted = sorted(store.live)
    assert child(path, web, store, wanted, at=at) == -signal.SIGKILL
    if at == 1:
        assert pending_in(path) == ()
        assert len(store.live) == MANY  # it died before it was asked for anything that it had to keep
        return
    assert {entry.intent.token_sha256 for entry in pending_in(path)} >= store.live
    # Killed in the middle of the resumption too.
    child(path, web, store, (), at=2, what="resume")
    with Journal(path) as journal:
        assert all(each.outcome.dead for each in resume(journal, channel(web, store)))
        assert journal.pending() == ()
    assert store.killed == dict.fromkeys(wanted, 1)


def test_killed_at_any_moment(web: Web, store: SimulatedStore, path: Path) -> None:
    """From outside, while the server is slow."""
    wanted = sorted(store.live)
    good = store.answer
    web.answer = lambda asked: replace(good(asked), wait=0.05)
    for patience in (0.25, 0.35, 0.45):
        running = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), web.url, "0", ""], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert running.stdin is not None
        running.stdin.write(json.dumps([store.bearer, *wanted]).encode())
        running.stdin.close()
        time.sleep(patience)  # to be killed at a moment that nobody chose
        running.kill()
        running.wait()
        if path.exists():
            assert store.live <= {entry.intent.token_sha256 for entry in pending_in(path)} or not pending_in(path)
    with Journal(path) as journal:
        revoke(intents(wanted), channel(web, store), journal)
    assert store.killed == dict.fromkeys(wanted, 1)
