"""The store as a whole: opened, asked who somebody is, and handed to whoever acts on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from tokenguard.config.server_file import default_policies
from tokenguard.errors import RefusedError, StoreError
from tokenguard.model.policy import Policies
from tokenguard.model.rule import RuleSet
from tokenguard.model.secret import Secret
from tokenguard.store.actor import Actor
from tokenguard.store.clock import Clock, wall_clock
from tokenguard.store.context import Context, context_for
from tokenguard.store.engine import Database, open_database
from tokenguard.store.lookup import Answer, Lookup, Question
from tokenguard.store.overview import Overview
from tokenguard.store.pepper import Peppers
from tokenguard.store.roles import LOCAL_EMAIL
from tokenguard.store.schema import check_version
from tokenguard.store.service import StoreService
from tokenguard.store.sessions import Sessions
from tokenguard.store.tables import tokens, users
from tokenguard.store.usage import UsageLog

_ANYONE = "anyone"


class Store:
    """One store. Safe to use from many threads; close it, so that the last uses are written."""

    def __init__(self, database: Database, context: Context) -> None:
        self.database = database
        self.context = context
        self._usage = UsageLog(database, context)
        self._lookup = Lookup(database, context, self._usage)
        self.sessions = Sessions(database, context)

    @classmethod
    def open(
        cls,
        url: str | Path,
        *,
        peppers: Peppers,
        ruleset: RuleSet,
        policies: Policies | None = None,
        clock: Clock = wall_clock,
    ) -> Self:
        """The store at a path, or at a URL `sqlite:///path` or `postgresql://…`. Policies: None is the default ones.

        Raises:
            StoreError: there is none, it is older or newer than this program, or the pepper is another store's.
            UnavailableError: the database does not answer.
            UsageError: not a store's URL, or the extra `postgres` is missing.
        """
        policies = default_policies() if policies is None else policies
        store = cls(open_database(url), context_for(peppers, ruleset, policies, clock))
        try:
            store.ready()
            store._check_pepper()
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the last uses, and let go of the database."""
        self._usage.close()
        self._lookup.close()
        self.database.close()

    def ready(self) -> None:
        """Whether it answers, and has the tables of this program.

        Raises:
            UnavailableError: it does not answer.
            StoreError: its tables are older or newer.
        """
        with self.database.reading() as connection:
            check_version(connection, self.database.name)

    def _check_pepper(self) -> None:
        """A wrong pepper would refuse every token without a word: look at the latest one."""
        with self.database.reading() as connection:
            latest = select(tokens.c.pepper_id).order_by(tokens.c.created_at.desc()).limit(1)
            pepper_id = connection.execute(latest).scalar()
        if pepper_id is not None and pepper_id not in self.context.peppers.ids:
            raise StoreError(
                f"{self.database.name}: the pepper {pepper_id} cannot be read", remedy="restore its pepper file"
            )

    def authenticate(self, token: Secret, *, address: str | None = None, agent: str | None = None) -> Actor | None:
        """Who the token stands for, for one call; None: nobody, for whatever reason. One look-up, and notes the use.

        Raises:
            UnavailableError: the database cannot be had now.
        """
        return self._lookup.authenticate(token, address=address, agent=agent)

    def introspect(self, questions: Sequence[Question]) -> list[Answer | RefusedError]:
        """Authentication and introspection of many in one look-up: the answer or the refusal of each, in their order.

        Refused is whoever may not introspect.

        Raises:
            UnavailableError: the database cannot be had now.
        """
        return self._lookup.introspect(questions)

    def local(self, user_name: str, *, agent: str | None = None) -> Actor:
        """Whoever can read the store's file and its pepper: `user_name` of this machine, who may everything."""
        with self.database.reading() as connection:
            user_id = connection.execute(select(users.c.id).where(users.c.email == LOCAL_EMAIL)).scalar()
        permissions = self.context.permissions
        return Actor(
            name=f"local:{user_name}"[:200],
            rights=frozenset(permissions),
            user_id=user_id,
            scopes=permissions,
            auth_mode="local",
            agent=agent,
            local=True,
        )

    def anyone(self, *, address: str | None = None, agent: str | None = None) -> Actor:
        """Whoever holds a whole token, and may do no more than end it."""
        return Actor(name=_ANYONE, rights=frozenset(), address=address, agent=agent)

    def acting(self, actor: Actor) -> StoreService:
        """The store on behalf of an actor."""
        return StoreService(self.database, self.context, self._lookup, actor)

    def overview(self, actor: Actor) -> Overview:
        """What people look at, on behalf of an actor."""
        return Overview(self.database, self.context, actor)

    def flush_uses(self) -> None:
        """Write the uses that were noted so far, now."""
        self._usage.flush()
