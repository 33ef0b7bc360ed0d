"""What people look at beside single records, on behalf of one actor: each call reads in one transaction.

It is no part of TokenService: programs have no use for it, and another machine's store is not asked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from tokenguard.model.people import Owner, User
from tokenguard.store import cases, directory, figures

if TYPE_CHECKING:
    from tokenguard.store.actor import Actor
    from tokenguard.store.context import Context
    from tokenguard.store.engine import Database


class Overview:
    """Each call raises `RefusedError` for what the actor may not, `UnavailableError` when the store cannot answer."""

    def __init__(self, database: Database, context: Context, actor: Actor) -> None:
        self._database = database
        self._context = context
        self._actor = actor

    def token_figures(self) -> figures.TokenFigures:
        """Live tokens by age and last use: everybody's for a responder, else one's own."""
        with self._database.reading() as connection:
            return figures.token_figures(connection, self._context, self._actor)

    def leak_figures(self) -> figures.LeakFigures:
        """Leaks of the last weeks."""
        with self._database.reading() as connection:
            return figures.leak_figures(connection, self._context, self._actor)

    def leak_case(self, leak_id: str) -> cases.LeakCase:
        """One leak, and what is known around it."""
        with self._database.reading() as connection:
            return cases.leak_case(connection, self._context, self._actor, leak_id)

    def people(self, ids: Collection[str]) -> Mapping[str, Owner]:
        """Whom ids stand for."""
        with self._database.reading() as connection:
            return directory.people(connection, self._context, self._actor, ids)

    def users_page(self, *, text: str = "", cursor: str | None = None, limit: int = 50) -> directory.UserPage:
        """One page of users, by address."""
        with self._database.reading() as connection:
            return directory.users_page(connection, self._context, self._actor, text=text, cursor=cursor, limit=limit)

    def user(self, user_id: str) -> User:
        """One user."""
        with self._database.reading() as connection:
            return directory.user(connection, self._context, self._actor, user_id)
