"""From a revocation to the receivers: at least once, whoever dies; a channel that fails keeps no other waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from typing import Any

import pytest

from respond.post_office import post_office
from respond.web import Reply, Web, serving
from stores import People, Place, TestClock
from tokenguard.errors import ConfigError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.leak import LeakPlace
from tokenguard.model.leak_intake import SecretPlace
from tokenguard.model.notification import (
    OWNERS,
    OWNERS_KINDS,
    Encryption,
    Kind,
    MailChannel,
    MailServer,
    Notice,
    Notifications,
    SlackChannel,
    WebhookChannel,
)
from tokenguard.model.revocation import Outcome, Target
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken
from tokenguard.respond.post import Wire
from tokenguard.respond.relay import Lane, Relay, Tally, lanes
from tokenguard.respond.webhook import Webhook
from tokenguard.store import deliveries
from tokenguard.store.clock import SECOND
from tokenguard.store.deliveries import LEASE
from tokenguard.store.store import Store

KEY = Secret(b"a key that is only for tests, and long enough")
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def people(place: Place, clock: TestClock) -> People:
    return People(place.open(clock=clock))


def to_web(web: Web, name: str = "siem", **more: Any) -> Lane:
    return Lane(Webhook(name, web.url, KEY, wire=Wire(LOOPBACK, seconds=3), **more), frozenset(Kind))


def relay(store: Store, *ways: Lane) -> Relay:
    return Relay(store.database, store.context, ways)


def leaked(people: People, name: str = "owner") -> str:
    """A token that was revoked for it leaked."""
    user = people.user(name)
    made = people.local.create_token(NewToken(f"ci of {name}", owner=user.id))
    place = LeakPlace(source="github", url="https://example.org/x", path="src/a.py", commit="0123abcd")
    (result,) = people.local.revoke([Target(id=made.record.id)], reason="leaked", leak=place)
    assert result.outcome is Outcome.REVOKED
    assert made.token is not None
    return made.token.reveal().decode()


def test_the_owner_and_the_security_channels_are_told(people: People) -> None:
    raw = leaked(people)
    with post_office() as office, serving(lambda _: Reply(200)) as web:
        said = Notifications(
            (
                MailChannel("owners", OWNERS, OWNERS_KINDS),
                MailChannel("security", "security@example.org", frozenset({Kind.TOKENS_REVOKED})),
                WebhookChannel("siem", f"{web.url}/siem", SecretPlace(variable="KEY"), allowed=LOOPBACK),
                SlackChannel("team", SecretPlace(variable="SLACK"), allowed=LOOPBACK),
                SlackChannel("baits", SecretPlace(variable="SLACK"), frozenset({Kind.HONEYTOKEN_USED}), LOOPBACK),
            ),
            MailServer("127.0.0.1", "tokenguard@example.org", office.port, Encryption.NONE),
            "https://tokens.example.org",
        )
        environ = {"KEY": KEY.reveal().decode(), "SLACK": f"{web.url}/slack"}
        sending = relay(people.store, *lanes(said, environ))
        assert sending.once() == Tally(taken=1, delivered=4)
        assert sending.once() == Tally()
    assert [each.rcpt_tos for each in office.envelopes] == [["owner@example.org"], ["security@example.org"]]
    text = office.mails[0].get_content()
    for part in ("ci of owner", "https://example.org/x", "src/a.py", "0123abcd", "What to do"):
        assert part in text
    everything = b"".join([*(each.body for each in web.asked), *(bytes(each) for each in office.mails)])
    assert raw.encode() not in everything
    assert sorted(each.path for each in web.asked) == ["/siem", "/slack"]


def test_a_secret_that_is_missing_is_named_at_the_start() -> None:
    said = Notifications((WebhookChannel("siem", "https://siem.example.org", SecretPlace(variable="NOT_SET")),))
    with pytest.raises(ConfigError, match="NOT_SET"):
        lanes(said, {})


def test_what_fails_is_tried_again_with_the_same_id_and_undoes_nothing(people: People, clock: TestClock) -> None:
    leaked(people)
    answers = iter([Reply(500), Reply(503, headers={"Retry-After": "30"}), Reply(200)])
    with serving(lambda _: next(answers)) as web:
        sending = relay(people.store, to_web(web))
        assert sending.once() == Tally(taken=1, failed=1)
        assert sending.once() == Tally(), "not at once"
        clock.turn(seconds=10)
        assert sending.once() == Tally(failed=1)
        clock.turn(seconds=29)
        assert sending.once() == Tally()
        clock.turn(seconds=1)
        assert sending.once() == Tally(delivered=1)
    assert len({each.headers["webhook-id"] for each in web.asked}) == 1
    assert [each.revoked_at is not None for each in all_tokens(people, "owner")] == [True]


def all_tokens(people: People, name: str) -> tuple[Any, ...]:
    from tokenguard.model.token import TokenFilter

    return people.local.list_tokens(TokenFilter(owner=f"{name}@example.org")).tokens


def test_a_receiver_that_is_down_for_a_day_is_given_up_and_shown(people: People, clock: TestClock) -> None:
    leaked(people)
    with serving(lambda _: Reply(500)) as web:
        sending = relay(people.store, to_web(web))
        tally = sending.once()
        while not tally.dead:
            clock.turn(seconds=3600)
            tally = sending.once()
        assert 20 < len(web.asked) < 27
    (event,) = [each for each in people.local.audit(AuditFilter()).events if each.action == "delivery.dead"]
    assert (event.detail["channel"], event.detail["failure"]) == ("siem", "answered with status 500")


def test_whoever_dies_between_sending_and_marking_has_it_sent_again(
    people: People, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked(people)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with serving(lambda _: Reply(200)) as web:
        sending = relay(people.store, to_web(web))
        with monkeypatch.context() as patched:
            patched.setattr("tokenguard.store.deliveries.arrived", die)
            with pytest.raises(Killed):
                sending.once()
        assert relay(people.store, to_web(web)).once() == Tally(), "the lease holds"
        clock.turn(seconds=LEASE / SECOND)
        assert relay(people.store, to_web(web)).once() == Tally(delivered=1)
    first, second = (each.headers["webhook-id"] for each in web.asked)
    assert first == second, "by which a receiver knows the repetition"


class Recorder:
    """A sender in memory."""

    def __init__(self, name: str, wait: float = 0.0) -> None:
        self.name = name
        self.sent: list[tuple[float, Notice]] = []
        self.wait = threading.Event()
        self._seconds = wait

    def send(self, notice: Notice) -> str:
        self.wait.wait(self._seconds)
        self.sent.append((time.monotonic(), notice))
        return ""


class Broken(Recorder):
    def send(self, notice: Notice) -> str:
        raise RuntimeError(notice.owner_email)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(running: ExitStack, store: Store, *senders: Recorder) -> Relay:
    found = relay(store, *(Lane(each, frozenset(Kind)) for each in senders))
    found.start()
    running.callback(found.close)
    for each in senders:
        running.callback(each.wait.set)
    return found


def wait_for(condition: Any, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)  # the relay has threads of its own; there is a deadline


def test_a_bait_rings_within_a_second_while_another_channel_hangs(place: Place, running: ExitStack) -> None:
    people = People(place.open())
    slow, fast = Recorder("slow", wait=60), Recorder("fast")
    start(running, people.store, slow, fast)
    leaked(people)
    bait = people.local.create_token(NewToken("bait", honeytoken=True))
    assert bait.token is not None
    wait_for(lambda: fast.sent)
    for _ in range(3):
        time.sleep(0.3)  # the slow channel hangs, and the fast one sleeps again
    used = time.monotonic()
    assert people.store.authenticate(bait.token, address="192.0.2.66", agent="curl/8") is None
    wait_for(lambda: len(fast.sent) == 2)
    at, notice = fast.sent[-1]
    assert at - used < 1
    assert (notice.kind, notice.address, notice.agent) == (Kind.HONEYTOKEN_USED, "192.0.2.66", "curl/8")
    assert abs(notice.at.timestamp() - time.time()) < 5
    assert not slow.sent


def test_what_another_process_writes_is_told_within_a_second(place: Place, running: ExitStack) -> None:
    here, there = People(place.open()), People(place.open())
    told = Recorder("told")
    start(running, here.store, told)
    leaked(there)
    written = time.monotonic()
    wait_for(lambda: told.sent)
    assert told.sent[0][0] - written < 1


def test_several_relays_share_the_work(place: Place, running: ExitStack) -> None:
    people = People(place.open())
    told = [Recorder("siem") for _ in range(3)]
    for each in told:
        start(running, place.open(), each)
    for number in range(15):
        leaked(people, f"owner{number}")
    wait_for(lambda: sum(len(each.sent) for each in told) >= 15)
    time.sleep(0.5)  # what is sent twice would come now
    ids = [notice.id for each in told for _, notice in each.sent]
    assert len(ids) == len(set(ids)) == 15


def test_a_fault_of_one_message_does_not_end_the_relay(people: People, caplog: pytest.LogCaptureFixture) -> None:
    leaked(people)
    good = Recorder("good")
    ways = (Lane(Broken("bad"), frozenset(Kind)), Lane(good, frozenset(Kind)))
    assert relay(people.store, *ways).once() == Tally(taken=1, delivered=1, failed=1)
    # What a fault says may be anybody's: in cron's mail it would be read.
    assert "fails here (RuntimeError in test_relay.py:" in caplog.text
    assert "owner@" not in caplog.text


def test_a_server_gives_up_what_was_for_a_channel_that_is_gone(
    people: People, clock: TestClock, running: ExitStack
) -> None:
    leaked(people)
    with people.store.database.writing() as connection:
        deliveries.take_out(connection, people.store.context, {"gone": frozenset(Kind)})
    clock.turn(days=2)
    start(running, people.store, Recorder("siem"))

    def given_up() -> int:
        with people.store.database.reading() as connection:
            return deliveries.counts(connection).dead

    wait_for(given_up)
    assert people.local.audit(AuditFilter()).events[0].action == "delivery.dead"


def test_a_stop_waits_for_what_is_under_way_and_no_longer(place: Place) -> None:
    people = People(place.open())
    told = Recorder("told", wait=0.5)
    sending = relay(people.store, Lane(told, frozenset(Kind)))
    sending.start()
    for number in range(5):
        leaked(people, f"owner{number}")
    time.sleep(0.4)  # in the middle of the first message, which takes half a second
    started = time.monotonic()
    sending.close()
    assert time.monotonic() - started < 2
    assert 1 <= len(told.sent) < 5
    assert not [each for each in threading.enumerate() if each.name.startswith("tokenguard-relay")]
