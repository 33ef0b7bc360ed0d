"""Sessions and one-time links, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from stores import People, TestClock
from tokenguard.errors import RefusedError
from tokenguard.model.secret import Secret
from tokenguard.store.actor import Actor

MANAGE = "developer.manage_tokens"


def test_a_session_is_its_token_its_role_now_and_its_role_then(people: People) -> None:
    sessions = people.store.sessions
    user = people.user()
    value = sessions.open(people.actor(people.token(user, MANAGE)))
    found = sessions.find(value, address="192.0.2.9", agent="a browser")
    assert found is not None
    assert found.actor.rights == {MANAGE}
    assert found.actor.auth_mode == "session"
    assert sessions.find(Secret(b"x" * 43), address=None, agent=None) is None
    people.local.change_user(user.id, active=False)
    assert sessions.find(value, address=None, agent=None) is None
    people.local.change_user(user.id, active=True)
    assert sessions.end_all(found.actor) == 1
    assert sessions.find(value, address=None, agent=None) is None


def test_of_many_who_use_a_link_at_once_one_gets_in(people: People) -> None:
    sessions = people.store.sessions
    code = sessions.new_link(people.store.local("root"))
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: sessions.open_by_link(code, address=None, agent=None), range(8)))
    (value,) = (each for each in opened if each is not None)
    found = sessions.find(value, address=None, agent=None)
    assert found is not None
    assert found.actor.name == "local:root"
    assert not found.actor.local


def test_a_link_is_for_five_minutes_and_only_a_local_one_makes_it(people: People, clock: TestClock) -> None:
    sessions = people.store.sessions
    code = sessions.new_link(people.store.local("root"))
    clock.turn(seconds=300)
    assert sessions.open_by_link(code, address=None, agent=None) is None
    with pytest.raises(RefusedError, match="only who can read the store's file"):
        sessions.new_link(Actor(name="anyone", rights=frozenset()))
