"""Stores for tests, on SQLite and on PostgreSQL: made once, copied for each test, with a clock that a test turns."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import postgres
from tokenguard.config.server_file import default_policies
from tokenguard.errors import RefusedError
from tokenguard.model import RuleSet
from tokenguard.model.people import User
from tokenguard.model.policy import Policies
from tokenguard.model.secret import Secret
from tokenguard.model.token import NewToken
from tokenguard.ruleset.assemble import load_builtin
from tokenguard.store.actor import Actor
from tokenguard.store.clock import SECOND, Clock, wall_clock
from tokenguard.store.initialise import FirstAdmin, initialise
from tokenguard.store.lookup import Answer, Question
from tokenguard.store.pepper import Peppers, from_text
from tokenguard.store.service import StoreService, introspected
from tokenguard.store.store import Store

SQLITE = "sqlite"
POSTGRES = "postgresql"

PEPPER = "a pepper that is only for tests, and long enough"
ADMIN = "admin@example.org"


def question(
    caller: Secret,
    *,
    token: Secret | None = None,
    token_sha256: str | None = None,
    address: str | None = None,
    agent: str | None = None,
) -> Question:
    """An introspection, as the API's call asks it."""
    return Question(caller, introspected(token, token_sha256), address, agent)


def answer(store: Store, asked: Question) -> Answer:
    """The answer to one introspection; raises its refusal."""
    (found,) = store.introspect([asked])
    if isinstance(found, RefusedError):
        raise found
    return found


class TestClock:
    """A clock that stands until a test turns it, forwards or backwards. Microseconds since the epoch."""

    __test__ = False

    def __init__(self, now: int | None = None) -> None:
        self.now = wall_clock() if now is None else now

    def __call__(self) -> int:
        return self.now

    def turn(self, *, seconds: float = 0, days: float = 0) -> None:
        self.now += int(seconds * SECOND) + int(days * 86400 * SECOND)


def peppers() -> Peppers:
    """The pepper of all test stores."""
    return from_text(PEPPER)


@cache
def ruleset() -> RuleSet:
    """The built-in rules."""
    return load_builtin()


@dataclass
class Place:
    """Where one test's store is."""

    kind: str
    url: str
    opened: list[Store] = field(default_factory=list)

    def open(
        self, *, policies: Policies | None = None, clock: Clock = wall_clock, rules: RuleSet | None = None
    ) -> Store:
        """Open it, once more if a test wants; closed with the test."""
        store = Store.open(self.url, peppers=peppers(), ruleset=rules or ruleset(), policies=policies, clock=clock)
        self.opened.append(store)
        return store

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()

    @property
    def path(self) -> Path:
        """SQLite's file."""
        assert self.kind == SQLITE
        return Path(self.url)


def make(url: str) -> None:
    """A store with its first admin, whose token nobody keeps: tests sign in with tokens of their own."""
    store, _ = initialise(url, peppers=peppers(), ruleset=ruleset(), admin=FirstAdmin(ADMIN))
    store.close()


class SqlitePlaces:
    """Files, each a copy of one that was made once."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"

    def place(self, folder: Path) -> Place:
        if not self._template.exists():
            make(str(self._template))
        path = folder / "store.db"
        shutil.copyfile(self._template, path)
        return Place(SQLITE, str(path))


class PostgresPlaces:
    """Databases of the process's cluster, each a copy of one that was made once."""

    def __init__(self, cluster: postgres.Cluster) -> None:
        self._cluster = cluster

    def place(self) -> Place:
        name = self._cluster.database(self._cluster.template("store", make))
        return Place(POSTGRES, self._cluster.url(name))

    def drop(self, place: Place) -> None:
        self._cluster.drop(place.url.partition("/")[2].strip("/").partition("/")[2].partition("?")[0])


@dataclass
class People:
    """Users of a store and their tokens, as few lines as a test can say them in."""

    store: Store

    @property
    def local(self) -> StoreService:
        return self.store.acting(self.store.local("tester"))

    def user(self, name: str = "dana", *, role: str = "developer", plan: str = "FREE") -> User:
        return self.local.create_user(email=f"{name}@example.org", name=name, role=role, plan=plan)

    def role(self, name: str, *permissions: str) -> str:
        return self.local.create_role(name=name, permissions=permissions).name

    def token(self, user: User, *scopes: str, **more: object) -> Secret:
        """A token of that user; of the store's own family unless `family` says otherwise."""
        new = NewToken(name="for a test", scopes=scopes, owner=user.id, **more)  # type: ignore[arg-type]
        created = self.local.create_token(new)
        assert created.token is not None
        return created.token

    def actor(self, token: Secret) -> Actor:
        actor = self.store.authenticate(token, address="192.0.2.1", agent="test")
        assert actor is not None
        return actor

    def acting(self, user: User, *scopes: str) -> StoreService:
        """The store on behalf of a user, signed in with a token of these scopes."""
        return self.store.acting(self.actor(self.token(user, *scopes)))


def with_policy(family: str, policies: Policies | None = None, **changes: object) -> Policies:
    """The default policies with one family's changed."""
    from dataclasses import replace

    policies = policies or default_policies()
    changed = replace(policies.family(family), **changes)  # type: ignore[arg-type]
    return replace(policies, families={**policies.families, family: changed})
