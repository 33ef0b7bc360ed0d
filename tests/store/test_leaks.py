"""Leaks that are handed in: matched, recorded, looked at, resolved. A report is untrusted and revokes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

import plant
from stores import People, TestClock
from tokenguard.api import scan_bytes
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.people import User
from tokenguard.model.revocation import Target
from tokenguard.model.secret import Secret
from tokenguard.model.token import Created, NewToken
from tokenguard.report.format import Options
from tokenguard.report.registry import reporter
from tokenguard.store import leak_reports
from tokenguard.store.clock import moment
from tokenguard.store.pepper import Pepper, Peppers
from tokenguard.store.service import StoreService
from tokenguard.store.store import Store
from tokenguard.store.tables import leaks as leak_table
from tokenguard.store.tables import outbox

KEEBAI = "keebai-api-key"
FINGERPRINT = "0123456789abcdef" * 2


@pytest.fixture
def dana(people: People) -> User:
    return people.user("dana")


@pytest.fixture
def responder(people: People) -> StoreService:
    return people.acting(people.user("riley", role="responder"), "security.respond")


@pytest.fixture
def scanner(people: People) -> StoreService:
    return people.acting(people.user("ci", role="scanner"), "leaks:report")


@pytest.fixture
def leaked(people: People, dana: User) -> Created:
    return people.local.create_token(NewToken("leaked soon", family=KEEBAI, owner=dana.id))


def value(created: Created) -> Secret:
    assert created.token is not None
    return created.token


def finding(rule_id: str = KEEBAI, /, **more: object) -> dict[str, object]:
    return {"rule_id": rule_id, "prefix": "", "token_sha256": None, "fingerprint": FINGERPRINT, **more}


def of_token(created: Created, **more: object) -> dict[str, object]:
    secret = value(created)
    return finding(prefix=created.record.prefix, token_sha256=secret.sha256(), **more)


def location(path: str, **more: object) -> dict[str, object]:
    return {"source": "git", "path": path, "commit": None, "date": None, "time": None, **more}


def report_of(data: bytes) -> dict[str, object]:
    """What `--format json` writes of a scan."""
    out = StringIO()
    reporter("json").write(scan_bytes(data, "conf/a.env"), out, Options())
    loaded: dict[str, object] = json.loads(out.getvalue())
    return loaded


def test_a_report_names_a_token_by_its_hash_and_revokes_nothing(
    people: People, leaked: Created, scanner: StoreService, responder: StoreService
) -> None:
    store, dana = people.store, leaked.record.owner
    unknown = plant.token("binboi-access-token")
    report = report_of(b"KEY=" + value(leaked).reveal() + b"\nOTHER=" + unknown.encode())
    matches = scanner.report_leaks(report)
    assert sorted(match.matched for match in matches) == ["hash", "none"]
    assert store.authenticate(value(leaked)) is not None
    leaks = responder.leaks().leaks
    assert {leak.id for leak in leaks} == {match.id for match in matches}
    (leak,) = (leak for leak in leaks if leak.token)
    assert leak.token == people.local.token(leaked.record.id)
    assert (leak.rule_id, leak.prefix, leak.state, leak.candidates) == (KEEBAI, leaked.record.prefix, "open", ())
    (sighting,) = leak.sightings
    assert (sighting.place.path, sighting.reported_by) == ("conf/a.env", scanner.actor.user_id)
    (other,) = (leak for leak in leaks if leak.token is None)
    assert (other.rule_id, other.candidates) == ("binboi-access-token", ())
    assert responder.leak(leak.id) == leak
    (event,) = people.local.audit(AuditFilter(token=leaked.record.id, limit=1)).events
    assert (event.action, event.detail["leak"], event.detail["matched"]) == ("leak.reported", leak.id, "hash")
    with store.database.reading() as connection:
        (told,) = map(json.loads, connection.execute(select(outbox.c.payload)).scalars())
    assert (told["owner"]["id"], [each["id"] for each in told["tokens"]]) == (dana.id, [leaked.record.id])


def test_the_same_leak_twice_is_one_with_two_sightings(
    leaked: Created, scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    single = {"finding": of_token(leaked), "url": "https://example.org/a", "seen_at": "2026-02-03T04:05:06+02:00"}
    (first,) = scanner.report_leaks(single)
    clock.turn(seconds=60)
    (again,) = scanner.report_leaks({"findings": [of_token(leaked, locations=[location("b.env")])]})
    assert again == first
    leak = responder.leak(first.id)
    assert [sighting.place for sighting in leak.sightings] == [
        LeakPlace(url="https://example.org/a", seen_at=datetime(2026, 2, 3, 2, 5, 6, tzinfo=UTC)),
        LeakPlace("git", path="b.env"),
    ]
    assert leak.first_seen == datetime(2026, 2, 3, 2, 5, 6, tzinfo=UTC)


def test_a_leak_turns_out_to_be_older(leaked: Created, scanner: StoreService, responder: StoreService) -> None:
    for date, first_seen in (
        ("2026-05-01T00:00:00Z", (2026, 5, 1)),
        ("2025-05-01T00:00:00Z", (2025, 5, 1)),
        ("2026-01-01T00:00:00Z", (2025, 5, 1)),
        ("9999-12-31T23:59:59Z", (2025, 5, 1)),
    ):
        places = [location("a.env", date=date)]
        (match,) = scanner.report_leaks({"findings": [of_token(leaked, locations=places)]})
        assert responder.leak(match.id).first_seen == datetime(*first_seen, tzinfo=UTC)


def test_one_that_comes_back_opens_again(
    people: People, leaked: Created, scanner: StoreService, responder: StoreService
) -> None:
    report = {"finding": of_token(leaked)}
    (match,) = scanner.report_leaks(report)
    resolved = responder.resolve_leak(match.id, "rotated\x1b[31m, history rewritten")
    assert (resolved.state, resolved.resolution) == ("resolved", "rotated [31m, history rewritten")
    assert responder.resolve_leak(match.id, "again") == resolved
    assert [event.action for event in people.local.audit(AuditFilter(actor=responder.actor.user_id)).events] == [
        "leak.resolved"
    ]
    assert scanner.report_leaks(report) == (match,)
    leak = responder.leak(match.id)
    assert (leak.state, leak.resolution, len(leak.sightings)) == ("open", None, 2)
    responder.resolve_leak(match.id, "done")
    people.local.revoke([Target(id=leaked.record.id)], leak=LeakPlace("github"))
    assert responder.leak(match.id).state == "open"


COMMIT = "0123456789" * 4
READ = [location("a.env", commit=COMMIT, date="2026-02-03T04:05:06Z"), location("b.env", commit=COMMIT)]
NEW = [
    location("a.env", commit="9" * 40, date="2026-02-03T04:05:06Z"),
    location("c.env", commit=COMMIT, date="2026-02-03T04:05:06Z"),
    location("a.env", commit=COMMIT, date="2026-02-03T04:05:06Z", url="https://git.example/fork"),
    location("a.env"),
]


def test_a_commit_that_is_read_again_opens_nothing(
    people: People, leaked: Created, scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    report = {"findings": [of_token(leaked, locations=READ)]}
    (match,) = scanner.report_leaks(report)
    people.local.revoke([Target(id=leaked.record.id)])
    clock.turn(seconds=1)
    responder.resolve_leak(match.id, "rotated, the history stays")
    done = people.local.audit(AuditFilter(token=leaked.record.id)).events
    assert scanner.report_leaks(report) == (match,)
    leak = responder.leak(match.id)
    assert (leak.state, leak.resolution, len(leak.sightings)) == ("resolved", "rotated, the history stays", 4)
    assert people.local.audit(AuditFilter(token=leaked.record.id)).events == done
    with people.store.database.reading() as connection:
        assert len(connection.execute(select(outbox.c.id)).all()) == 2
    place = LeakPlace("git", path="a.env", commit=COMMIT, seen_at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))
    people.local.revoke([Target(id=leaked.record.id)], leak=place)
    assert responder.leak(match.id).state == "resolved"


@pytest.mark.parametrize("new", NEW)
def test_a_place_that_nobody_had_seen_opens_it_again(
    scanner: StoreService, responder: StoreService, new: dict[str, object]
) -> None:
    (match,) = scanner.report_leaks({"findings": [finding(locations=READ)]})
    for places, state in ((READ, "resolved"), ([*READ, new], "open")):
        responder.resolve_leak(match.id, "rotated, the history stays")
        scanner.report_leaks({"findings": [finding(locations=places)]})
        assert responder.leak(match.id).state == state


def test_while_its_token_lives_a_leak_opens_again_wherever_it_is_seen(
    people: People, leaked: Created, scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    report = {"findings": [of_token(leaked, locations=READ)]}
    (match,) = scanner.report_leaks(report)
    responder.resolve_leak(match.id, "taken out of the file")
    scanner.report_leaks(report)
    assert responder.leak(match.id).state == "open"
    responder.resolve_leak(match.id, "taken out again")
    place = LeakPlace("git", path="b.env", commit=COMMIT)
    people.local.revoke([Target(id=leaked.record.id)], leak=place)
    assert responder.leak(match.id).state == "open", "it lived when it was seen"
    clock.turn(seconds=1)
    responder.resolve_leak(match.id, "revoked")
    people.local.revoke([Target(id=leaked.record.id)], leak=place)
    assert responder.leak(match.id).state == "resolved"


def test_a_file_that_holds_it_still_or_again_opens_it_again(
    leaked: Created, scanner: StoreService, responder: StoreService
) -> None:
    report = {"findings": [of_token(leaked, locations=[location("a.env", time="2026-02-03T04:05:06Z")])]}
    (match,) = scanner.report_leaks(report)
    responder.resolve_leak(match.id, "taken out of the file")
    scanner.report_leaks(report)
    assert responder.leak(match.id).state == "open"


def test_places_that_are_told_often_crowd_out_no_other(
    scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    weekly = [location(f"weekly/{each}", commit=COMMIT) for each in range(3)]
    hourly = [location(f"hourly/{each}", commit=COMMIT) for each in range(30)]
    (match,) = scanner.report_leaks({"findings": [finding(locations=weekly)]})
    responder.resolve_leak(match.id, "dealt with")
    for _ in range(5):
        clock.turn(seconds=3600)
        scanner.report_leaks({"findings": [finding(locations=hourly)]})
    responder.resolve_leak(match.id, "dealt with")
    scanner.report_leaks({"findings": [finding(locations=weekly)]})
    leak = responder.leak(match.id)
    assert (leak.state, len(leak.sightings)) == ("resolved", 100)


def test_a_prefix_names_candidates_only_where_there_is_no_hash(
    people: People, leaked: Created, scanner: StoreService, responder: StoreService
) -> None:
    prefix = leaked.record.prefix
    other_hash = Secret(plant.token(KEEBAI).encode()).sha256()
    loose, exact, foreign = scanner.report_leaks(
        {
            "findings": [
                finding(prefix=prefix),
                finding(prefix=prefix, token_sha256=other_hash, fingerprint="f" * 32),
                finding("another-rule", prefix=prefix),
            ]
        }
    )
    assert [match.matched for match in (loose, exact, foreign)] == ["prefix", "none", "none"]
    assert responder.leak(loose.id).candidates == (people.local.token(leaked.record.id),)
    assert responder.leak(loose.id).token is None
    assert responder.leak(exact.id).candidates == ()
    assert responder.leak(foreign.id).candidates == ()


def test_uses_since_it_was_seen(
    store: Store, leaked: Created, scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    def use(times: int) -> None:
        for _ in range(times):
            assert store.authenticate(value(leaked), address="198.51.100.7") is not None
        store.flush_uses()

    use(3)
    clock.turn(days=1)
    (match,) = scanner.report_leaks({"finding": of_token(leaked)})
    assert responder.leak(match.id).uses_since == 0
    clock.turn(seconds=7200)
    use(2)
    clock.turn(days=1)
    use(1)
    assert responder.leak(match.id).uses_since == 3


PLACES: dict[str, Callable[[str], dict[str, object]]] = {
    "prefix": lambda token: {"findings": [finding(), finding(prefix=token)]},
    "path": lambda token: {"findings": [finding(locations=[location(f"a/{token}/b")])]},
    "url": lambda token: {"finding": finding(), "url": f"https://example.org/?key={token}"},
    "error": lambda token: {"findings": [], "errors": [{"code": "x", "what": token, "why": ""}]},
    "key": lambda token: {"findings": [], token: 1},
    "unknown": lambda token: {"findings": [finding(more=[[[{"deep": [token]}]]])]},
    "rule": lambda token: {"finding": finding(token)},
}


def test_a_report_with_a_token_in_it_is_refused_as_a_whole(scanner: StoreService, responder: StoreService) -> None:
    for family, where in product(plant.RULES, PLACES.values()):
        token = plant.token(family)
        with pytest.raises(RefusedError) as refused:
            scanner.report_leaks(where(token))
        assert refused.value.code == "VALIDATION"
        assert token[:20] not in f"{refused.value!r} {refused.value} {refused.value.pointers}"
    assert not responder.leaks().leaks


WRONG: list[tuple[dict[str, object], str]] = [
    ({}, "/findings"),
    ({"findings": "x"}, "/findings"),
    ({"findings": [1]}, "/findings/0"),
    ({"findings": [finding(), {}]}, "/findings/1/rule_id"),
    ({"findings": [finding()], "schema": "other/1"}, "/schema"),
    ({"findings": [finding()] * 10_001}, "/findings"),
    ({"findings": [finding(token_sha256="x" * 2)]}, "/findings/0/token_sha256"),
    ({"findings": [finding(token_sha256=["0" * 64])]}, "/findings/0/token_sha256"),
    ({"findings": [finding(token_sha256="A" * 64)]}, "/findings/0/token_sha256"),
    ({"findings": [finding(fingerprint=None)]}, "/findings/0"),
    ({"findings": [finding(rule_id="x" * 101)]}, "/findings/0/rule_id"),
    ({"findings": [finding(prefix="x" * 201)]}, "/findings/0/prefix"),
    ({"findings": [finding(locations={})]}, "/findings/0/locations"),
    ({"findings": [finding(locations=[[]])]}, "/findings/0/locations/0"),
    ({"findings": [finding(locations=[{"path": 1}])]}, "/findings/0/locations/0/path"),
    ({"findings": [finding(locations=[{"date": "yesterday"}])]}, "/findings/0/locations/0/date"),
    ({"finding": []}, "/finding"),
    ({"finding": finding(), "seen_at": "2026-01-01"}, "/seen_at"),
    ({"finding": finding(), "seen_at": "0001-01-01T00:00:00+23:59"}, "/seen_at"),
    ({"finding": finding(), "seen_at": 5}, "/seen_at"),
    ({"finding": finding(), "ur1": "x"}, ""),
]


def test_what_is_wrong_is_named_without_the_input(scanner: StoreService) -> None:
    for report, pointer in WRONG:
        with pytest.raises(RefusedError) as refused:
            scanner.report_leaks(report)
        assert (refused.value.code, refused.value.pointers) == ("VALIDATION", (pointer,))
        assert "yesterday" not in str(refused.value)


def test_untrusted_texts_are_bounded_and_cleaned(scanner: StoreService, responder: StoreService) -> None:
    hostile = "<img src=x onerror=alert(1)>\x1b[2J\0\ud800\u202e" + "A" * 10_000
    places = [location(hostile, source=hostile, commit=hostile) for _ in range(3)]
    (match,) = scanner.report_leaks(
        {"finding": finding("x\x1b\0<b>", prefix="y\0\x9b", locations=places), "url": hostile}
    )
    leak = responder.leak(match.id)
    (sighting,) = leak.sightings
    texts = [leak.rule_id, leak.prefix, sighting.place.source, sighting.place.path, sighting.place.url]
    assert all(text.isprintable() and len(text) <= 2000 for text in texts)
    assert sighting.place.path.startswith("<img src=x onerror=alert(1)>")


def test_sightings_without_end_do_not_fill_the_store(
    leaked: Created, scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    for number in range(13):
        clock.turn(seconds=1)
        many = [location(f"{number}/{each}.env") for each in range(20)]
        scanner.report_leaks({"findings": [of_token(leaked, locations=many)]})
    (leak,) = responder.leaks().leaks
    sightings = leak.sightings
    assert len(sightings) == 100
    assert sightings[0].place.path.startswith("0/")
    assert [sighting.place.path.partition("/")[0] for sighting in sightings[-20:]] == ["12"] * 20
    assert scanner.report_leaks({"findings": [of_token(leaked, locations=[location("x")] * 5000)]})[0].id == leak.id


def test_the_places_of_a_whole_report_are_bounded(
    scanner: StoreService, responder: StoreService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leak_reports, "_MOST_PLACES_IN_ALL", 6)
    places = [location(str(each)) for each in range(20)]
    for number in (1, 3, 8):
        findings = [finding(fingerprint=f"{number:016}{each:016}", locations=places) for each in range(number)]
        (*_, last) = scanner.report_leaks({"findings": findings})
        assert len(responder.leak(last.id).sightings) == max(1, 6 // number)


class Witness(dict[str, object]):
    """A report that does something while it is read."""

    def __init__(self, report: dict[str, object], done: Callable[[], object]) -> None:
        super().__init__(report)
        self._done = done

    def values(self) -> Any:
        self._done()
        return super().values()


def test_nobody_waits_while_a_report_is_read(people: People, scanner: StoreService) -> None:
    witness = Witness({"finding": finding()}, lambda: people.role("made meanwhile"))
    assert scanner.report_leaks(witness)
    assert "made meanwhile" in {role.name for role in people.local.roles()}


def test_who_may(people: People, dana: User, scanner: StoreService, responder: StoreService) -> None:
    report = {"finding": finding()}
    for other in (responder, people.acting(dana, "developer.manage_tokens")):
        with pytest.raises(RefusedError) as refused:
            other.report_leaks(report)
        assert refused.value.missing == ("leaks:report",)
    (match,) = scanner.report_leaks(report)
    for call in (
        scanner.leaks,
        lambda: scanner.leak(match.id),
        lambda: scanner.resolve_leak(match.id, "gone"),
    ):
        with pytest.raises(RefusedError) as refused:
            call()
        assert refused.value.missing == ("security.respond",)


def test_forged_reports_kill_nothing(store: Store, people: People, leaked: Created, scanner: StoreService) -> None:
    victim = people.token(people.user("sam"), "developer.manage_tokens")
    hashes = [victim.sha256(), value(leaked).sha256()]
    matches = scanner.report_leaks({"findings": [finding(token_sha256=each) for each in hashes]})
    assert [match.matched for match in matches] == ["hash", "hash"]
    with pytest.raises(RefusedError) as refused:
        scanner.revoke([Target(token_sha256=each) for each in hashes])
    assert refused.value.code == "INSUFFICIENT_SCOPE"
    assert all(store.authenticate(token) is not None for token in (victim, value(leaked)))


def test_pages_have_open_ones_first_then_the_latest(
    scanner: StoreService, responder: StoreService, clock: TestClock
) -> None:
    ids = []
    for number in range(7):
        clock.turn(seconds=1)
        (match,) = scanner.report_leaks({"finding": finding(fingerprint=f"{number:032x}")})
        ids.append(match.id)
    for number in (2, 5):
        responder.resolve_leak(ids[number], "gone")
    expected = [ids[number] for number in (6, 4, 3, 1, 0, 5, 2)]
    for limit in (1, 2, 3, 5, 7, 100):
        listed, cursor = [], None
        while True:
            page = responder.leaks(cursor=cursor, limit=limit)
            listed += [leak.id for leak in page.leaks]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert listed == expected
    assert [leak.id for leak in responder.leaks(state="resolved").leaks] == expected[5:]
    assert [leak.id for leak in responder.leaks(state="open").leaks] == expected[:5]
    for wrong in ({"state": "x"}, {"cursor": "x"}, {"limit": 0}):
        with pytest.raises(RefusedError):
            responder.leaks(**wrong)
    for nothing in ("leak_" + "0" * 24, "", "\0", "x" * 10_000):
        with pytest.raises(RefusedError) as refused:
            responder.leak(nothing)
        assert refused.value.code == "NOT_FOUND"
    with pytest.raises(RefusedError):
        responder.resolve_leak(ids[0], " \t")


def test_a_leak_is_known_again_after_the_pepper_was_rotated(store: Store, scanner: StoreService) -> None:
    (match,) = scanner.report_leaks({"finding": finding()})
    old = store.context.peppers
    rotated = replace(store.context, peppers=Peppers((*old._all, Pepper("pep_ffffffff", b"x" * 32))))
    again = StoreService(store.database, rotated, store._lookup, scanner.actor)
    assert again.report_leaks({"finding": finding()}) == (match,)


def test_what_is_kept_of_a_finding_confirms_no_known_secret(store: Store, scanner: StoreService) -> None:
    """A thief of the database who knows a token can compute its hash and its fingerprint."""
    secret = Secret(plant.token(KEEBAI).encode())
    fingerprint = secret.fingerprint(KEEBAI, 256)
    scanner.report_leaks({"finding": finding(token_sha256=secret.sha256(), fingerprint=fingerprint)})
    with store.database.reading() as connection:
        kept = repr([tuple(row) for row in connection.execute(select(leak_table))])
    assert secret.sha256() not in kept
    assert fingerprint not in kept


def test_times_are_the_stores(scanner: StoreService, responder: StoreService, clock: TestClock) -> None:
    (match,) = scanner.report_leaks({"finding": finding()})
    leak = responder.leak(match.id)
    assert leak.first_seen == leak.sightings[0].reported_at == moment(clock.now)
