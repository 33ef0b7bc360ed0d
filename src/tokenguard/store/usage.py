"""When and from where tokens are used: noted in memory, written in batches, at most once a minute a token.

What is noted never moves a last use back, and never fails or delays the request that it tells of.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic

from sqlalchemy import BindParameter, Connection, Update, bindparam, case, func, or_, select, update

from tokenguard.errors import StoreError
from tokenguard.store.actor import Actor
from tokenguard.store.audit import Action, note
from tokenguard.store.bulk import insert_into
from tokenguard.store.clock import HOUR, MINUTE
from tokenguard.store.context import Context
from tokenguard.store.engine import Database
from tokenguard.store.outbox import Kind, put
from tokenguard.store.tables import token_uses, tokens

EVERY_SECONDS = 60.0

_AT_ONCE = 1000
"""Rows of one transaction: others that write wait no longer than for that."""
_KEPT = 200_000
"""Different uses kept in memory. Beyond, they are not noted: a flood of addresses must not fill it."""
_LONGEST_ADDRESS = 64
_MOST_ALARMS = 10
"""Of one honeytoken in a minute: after so many addresses another one says no more."""

_Key = tuple[str, int, str]
"""A token's id, the hour, the address."""

_log = logging.getLogger("tokenguard.store")


@dataclass(frozen=True, slots=True)
class _Use:
    """Uses of one token in one hour from one address."""

    token_id: str
    hour: int
    address: str
    """Empty: of a service that was shown it, and does not say from where."""
    uses: int
    last_used_at: int


@dataclass(frozen=True, slots=True)
class _Touched:
    """A use of a honeytoken."""

    token_id: str
    at: int
    caller: Actor
    shown: bool


class UsageLog:
    """The uses that are not written yet, and the thread that writes them."""

    def __init__(self, database: Database, context: Context, every_seconds: float = EVERY_SECONDS) -> None:
        self._database = database
        self._context = context
        self._every = every_seconds
        self._lock = threading.Lock()
        # Numbers by key and no objects: a hundred thousand of those would keep the garbage collector busy.
        self._uses: dict[_Key, int] = {}
        self._last: dict[_Key, int] = {}
        self._sprung: dict[str, dict[str, int]] = {}
        """When a honeytoken's use was told of last, by the address that it came from."""
        self._to_tell: list[_Touched] = []
        self._telling = threading.Lock()
        """Held while alarms are written: whoever flushes waits for those that another thread has begun with."""
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def note(self, token_id: str, at: int, address: str | None) -> None:
        """Note an accepted use. Costs no more than an entry in a dict."""
        key = (token_id, at // HOUR, address or "")
        with self._lock:
            uses = self._uses.get(key, 0)
            if uses or len(self._uses) < _KEPT:
                self._uses[key] = uses + 1
                self._last[key] = max(at, self._last.get(key, at))
        if self._thread is None:
            self._start()

    def spring(self, token_id: str, at: int, address: str | None, agent: str | None, *, shown: bool = False) -> None:
        """A honeytoken was used: an audit event and an alarm soon, for each address once a minute.

        Not at once: a refusal that waits for the disk would tell the bait from a token that never was. `shown`: to a
        service, whose address it is.
        """
        with self._lock:
            if not self._is_news(token_id, at, f"service {address}" if shown else address or ""):
                return
            caller = Actor(name="anyone", rights=frozenset(), address=address, agent=agent)
            self._to_tell.append(_Touched(token_id, at, caller, shown))
        self._wake.set()
        if self._thread is None:
            self._start()

    def _is_news(self, token_id: str, at: int, address: str) -> bool:
        """Whether that is worth an alarm of its own: a flood of addresses is not."""
        lately = {each: told for each, told in self._sprung.get(token_id, {}).items() if at - told < MINUTE}
        self._sprung[token_id] = lately
        if address in lately or len(lately) >= _MOST_ALARMS:
            return False
        lately[address] = at
        return True

    def flush(self) -> None:
        """Write what was noted; what cannot be written is kept for the next time. Never raises."""
        self._tell()
        with self._lock:
            (counts, self._uses), (last, self._last) = (self._uses, {}), (self._last, {})
        uses = [_Use(*key, counts[key], last[key]) for key in sorted(counts)]
        for some in _portions(uses):
            try:
                with self._database.writing() as connection:
                    _write(connection, some)
            except StoreError as error:
                _log.warning("last uses are not written yet: %s", error.message)
                self._put_back(some)

    def close(self) -> None:
        """Stop the thread, and write the rest."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _put_back(self, uses: Iterable[_Use]) -> None:
        with self._lock:
            for use in uses:
                key = (use.token_id, use.hour, use.address)
                self._uses[key] = self._uses.get(key, 0) + use.uses
                self._last[key] = max(self._last.get(key, 0), use.last_used_at)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="tokenguard-last-used", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        due = monotonic() + self._every
        while not self._closed:
            if self._wake.wait(max(0.0, due - monotonic())):
                self._wake.clear()
                self._tell()
            else:
                self.flush()
                due = monotonic() + self._every

    def _tell(self) -> None:
        with self._telling:
            with self._lock:
                sprung, self._to_tell = self._to_tell, []
            for each in sprung:
                try:
                    with self._database.writing() as connection:
                        _sound_alarm(connection, self._context, each)
                except StoreError as error:
                    _log.warning("the use of honeytoken %s is not in the audit yet: %s", each.token_id, error.message)
                    with self._lock:
                        self._to_tell.append(each)


def _sound_alarm(connection: Connection, context: Context, touched: _Touched) -> None:
    """The event in the audit, and the message to whoever is to know."""
    caller = touched.caller
    detail = {"shown_to_a_service": True} if touched.shown else {}
    note(connection, context, caller, Action.HONEYTOKEN_USED, token_id=touched.token_id, detail=detail)
    owner = connection.execute(select(tokens.c.owner_id).where(tokens.c.id == touched.token_id)).scalar()
    told = {
        "owner": {"id": owner},
        "tokens": [{"id": touched.token_id}],
        "address": caller.address or "",
        "agent": caller.agent or "",
        **detail,
    }
    put(connection, context, Kind.HONEYTOKEN_USED, [told], touched.at)


def _portions(uses: Iterable[_Use]) -> Iterator[list[_Use]]:
    left = iter(uses)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _write(connection: Connection, uses: list[_Use]) -> None:
    rows = [
        {
            "token_id": use.token_id,
            "hour": use.hour,
            "address": use.address[:_LONGEST_ADDRESS],
            "uses": use.uses,
            "last_used_at": use.last_used_at,
        }
        for use in uses
    ]
    added = insert_into(connection, token_uses)
    later = added.excluded.last_used_at
    latest = case((later > token_uses.c.last_used_at, later), else_=token_uses.c.last_used_at)
    total = token_uses.c.uses + added.excluded.uses
    connection.execute(
        added.on_conflict_do_update(
            index_elements=[token_uses.c.token_id, token_uses.c.hour, token_uses.c.address],
            set_={"uses": total, "last_used_at": latest},
        ),
        rows,
    )
    connection.execute(_forward(), [_last(use) for use in _latest(uses)])


def _forward() -> Update:
    at: BindParameter[int] = bindparam("at")
    older = or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at < at)
    changes = {"last_used_at": at, "last_used_ip": func.coalesce(bindparam("ip"), tokens.c.last_used_ip)}
    return update(tokens).where(tokens.c.id == bindparam("token"), older).values(changes)


def _latest(uses: Iterable[_Use]) -> list[_Use]:
    """The last use of each token, with the last address that is known; in the order of ids, as everybody locks."""
    last: dict[str, _Use] = {}
    for use in sorted(uses, key=lambda use: use.last_used_at):
        before = last.get(use.token_id)
        last[use.token_id] = replace(use, address=use.address or (before.address if before else ""))
    return [last[token_id] for token_id in sorted(last)]


def _last(use: _Use) -> dict[str, object]:
    return {"token": use.token_id, "at": use.last_used_at, "ip": use.address[:_LONGEST_ADDRESS] or None}
