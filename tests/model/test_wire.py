"""Values as JSON and back: the same for all of them, and nothing but what the API says is read."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenguard.model.audit import AuditEvent, AuditPage
from tokenguard.model.leak import LeakMatch, LeakRecord
from tokenguard.model.people import Identity, Role, User
from tokenguard.model.revocation import TargetResult
from tokenguard.model.secret import Secret
from tokenguard.model.token import Created, FamilyInfo, Introspection, TokenPage, TokenRecord
from tokenguard.model.wire import WireError, created_from_json, from_json, moment, to_json

TIMES = st.datetimes(timezones=st.just(UTC))
st.register_type_strategy(datetime, TIMES)
ANSWERED = (
    TokenRecord,
    TokenPage,
    FamilyInfo,
    Identity,
    TargetResult,
    Introspection,
    LeakRecord,
    LeakMatch,
    User,
    Role,
    AuditEvent,
    AuditPage,
)
FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def refusal(kind: type, data: Any) -> str:
    """Why that is none; empty where it is one."""
    try:
        from_json(kind, data)
    except WireError as error:
        return str(error)
    return ""


def values(kind: type) -> st.SearchStrategy[Any]:
    if kind in {AuditEvent, AuditPage}:
        detail = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
        event = st.builds(AuditEvent, detail=detail)
        return event if kind is AuditEvent else st.builds(kind, events=st.lists(event, max_size=2).map(tuple))
    return st.builds(kind)


@pytest.mark.parametrize("kind", ANSWERED)
@FEW
@given(data=st.data())
def test_there_and_back(kind: type, data: st.DataObject) -> None:
    value = data.draw(values(kind))
    assert from_json(kind, json.loads(json.dumps(to_json(value)))) == value


@pytest.mark.parametrize("kind", ANSWERED)
@FEW
@given(data=st.data())
def test_what_is_none_is_refused_and_not_repeated(kind: type, data: st.DataObject) -> None:
    plain = to_json(data.draw(values(kind)))
    key = data.draw(st.sampled_from(sorted(plain)))
    canary = secrets.token_hex(8)
    damaged = plain | {key: data.draw(ANYTHING | st.just(canary))}
    assert canary not in refusal(kind, damaged)


def record(**more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": "tok_1",
        "family": "acme",
        "name": "ci",
        "prefix": "acme_1",
        "owner": {"id": "usr_1", "name": "A", "email": "a@example.org"},
        "scopes": ["a", "b"],
        "status": "active",
        "created_at": "2026-11-22T04:00:00Z",
    }
    return plain | more


def test_the_names_that_clients_of_the_provider_look_for() -> None:
    written = to_json(from_json(TokenRecord, record(last_used_at="2026-11-22T05:00:00.000001+01:00")))
    assert written["label"] == "ci"
    assert written["createdAt"] == written["created_at"] == "2026-11-22T04:00:00Z"
    assert written["lastUsedAt"] == "2026-11-22T04:00:00.000001Z"
    assert written["revokedAt"] is None


def test_a_newer_server_may_say_more() -> None:
    assert from_json(TokenRecord, record(colour="red")).name == "ci"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "TokenRecord: dict expected"),
        ([], "TokenRecord: dict expected"),
        (record(name=1), "/name: str expected"),
        (record(owner={"id": "x", "name": "y"}), "/owner/email: missing"),
        (record(owner={"id": "x", "name": "y", "email": None}), "/owner/email: str expected"),
        (record(scopes="a"), "/scopes: list expected"),
        (record(scopes=["a", 1]), "/scopes: str expected"),
        (record(status="alive"), "/status: unknown value"),
        (record(status=["active"]), "/status: unknown value"),
        (record(created_at="yesterday"), "/created_at: not a time of RFC 3339"),
        (record(created_at="2026-11-22T04:00:00"), "/created_at: a time without an offset"),
        (record(created_at="9999-12-31T23:59:59-23:00"), "/created_at: a time out of range"),
        (record(created_at=0), "/created_at: str expected"),
        (record(addresses_30d=True), "/addresses_30d: int expected"),
        (record(honeytoken=1), "/honeytoken: bool expected"),
    ],
)
def test_the_message_names_the_key(data: Any, message: str) -> None:
    with pytest.raises(WireError) as caught:
        from_json(TokenRecord, data)
    assert str(caught.value) == message


def test_a_created_token_is_the_one_that_holds_a_value() -> None:
    value = secrets.token_hex(20)
    created = Created(from_json(TokenRecord, record()), Secret(value.encode()))
    written = to_json(created)
    assert written["token"] == value
    assert created_from_json(written) == created
    assert value not in repr(created)
    replayed = Created(created.record, None)
    assert "token" not in to_json(replayed)
    assert created_from_json(to_json(replayed)) == replayed


@pytest.mark.parametrize("data", [None, [], {}, {"token": "x"}, {"token": 1, "record": record()}, {"record": None}])
def test_what_is_no_created_token(data: Any) -> None:
    with pytest.raises(WireError):
        created_from_json(data)


def test_a_moment_is_in_utc() -> None:
    assert moment("2026-11-22T05:30:00+05:30") == datetime(2026, 11, 22, tzinfo=UTC)
    assert moment("2026-11-22T05:30:00+05:30").tzinfo is UTC
