"""The relay: messages of the outbox to their channels, by a thread for each, so that a slow one keeps no other waiting.

Several relays on one store share the work. What they tell of has long happened: a failure here undoes nothing.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tokenguard.config.notifications import secret_at
from tokenguard.errors import ConfigError, StoreError
from tokenguard.model.notification import Channel, Kind, MailChannel, Notifications, SlackChannel, WebhookChannel
from tokenguard.respond.post import Wire
from tokenguard.respond.public_address import Resolve, resolve
from tokenguard.respond.sender import NotDeliveredError, Sender
from tokenguard.respond.slack import Slack
from tokenguard.respond.smtp import Mail
from tokenguard.respond.webhook import Webhook
from tokenguard.store import deliveries
from tokenguard.store.clock import SECOND
from tokenguard.store.context import Context
from tokenguard.store.deliveries import Delivery
from tokenguard.store.engine import Database
from tokenguard.store.notices import notice

LOOK_SECONDS = 0.25
"""How often the outbox is looked at for what other processes put there; what this one writes wakes the relay."""
_IDLE_SECONDS = 5.0
_TROUBLE_SECONDS = 2.0
_BURY_SECONDS = 3600.0
"""How often it is looked for deliveries to channels that are not configured any more."""
_STOP_SECONDS = 10.0
"""How long a stop waits for attempts that are under way; what is broken off is sent again."""

_log = logging.getLogger("tokenguard.relay")


@dataclass(frozen=True, slots=True)
class Tally:
    """What one round came to."""

    taken: int = 0
    """Messages that were taken out of the outbox."""
    delivered: int = 0
    failed: int = 0
    """Attempts that are repeated later."""
    dead: int = 0
    """Messages that were given up."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel that is ready to be used, and what it is told of."""

    sender: Sender
    kinds: frozenset[Kind]


def lanes(notifications: Notifications, environ: Mapping[str, str], *, resolver: Resolve = resolve) -> tuple[Lane, ...]:
    """The channels of a configuration, with their secrets read.

    Raises:
        ConfigError: a secret is missing, or cannot be one.
    """
    return tuple(Lane(_sender(each, notifications, environ, resolver), each.kinds) for each in notifications.channels)


def _sender(channel: Channel, said: Notifications, environ: Mapping[str, str], resolver: Resolve) -> Sender:
    if isinstance(channel, MailChannel):
        if said.smtp is None:
            raise ConfigError(f"{channel.name}: mails need `smtp`", remedy="name the mail server")
        return Mail(channel.name, channel.to, said.smtp, secret_at(said.smtp.password, environ), link=said.link)
    wire = Wire(channel.allowed, resolver)
    secret = secret_at(channel.secret if isinstance(channel, WebhookChannel) else channel.url, environ)
    if secret is None:
        raise ConfigError(f"{channel.name}: without a secret", remedy="name where it is read from")
    if isinstance(channel, SlackChannel):
        return Slack(channel.name, secret, wire=wire, link=said.link)
    return Webhook(channel.name, channel.url, secret, wire=wire, link=said.link)


class Relay:
    """The lanes of one store: `once`, or from `start` to `close`."""

    def __init__(
        self,
        database: Database,
        context: Context,
        ways: Sequence[Lane],
        note: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        """`note` is told of each attempt: the channel, and what became of it (the names of a Tally)."""
        self._note = note
        self._database = database
        self._context = context
        self._ways = {way.sender.name: way for way in ways}
        self._routes = {name: way.kinds for name, way in self._ways.items()}
        self._closed = threading.Event()
        self._news = threading.Event()
        self._bells = {name: threading.Event() for name in self._ways}
        self._threads: list[threading.Thread] = []

    def once(self) -> Tally:
        """Take everything out of the outbox, and try each delivery that is due, once.

        Raises:
            UnavailableError: the store does not answer.
            StoreError: it is broken.
        """
        taken = self._take_out_all()
        buried = self._bury()
        results = [result for name in self._ways for result in self._drain(name)]
        return Tally(taken, results.count("delivered"), results.count("failed"), results.count("dead") + buried)

    def start(self) -> None:
        """Begin in threads of its own. Without a channel there is nothing to do."""
        if not self._ways:
            return
        self._database.listeners.append(self._news.set)
        self._run("tokenguard-relay", self._watch_outbox)
        for name in self._ways:
            self._run(f"tokenguard-relay-{name}"[:60], self._serve_lane, name)

    def close(self) -> None:
        """Stop; attempts that are under way are waited for, but not for long."""
        self._closed.set()
        for bell in (self._news, *self._bells.values()):
            bell.set()
        with suppress(ValueError):
            self._database.listeners.remove(self._news.set)
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def _run(self, name: str, target: object, *arguments: str) -> None:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _bury(self) -> int:
        with self._database.writing() as connection:
            return deliveries.bury(connection, self._context, tuple(self._routes))

    def _watch_outbox(self) -> None:
        burial = 0.0
        while not self._closed.is_set():
            try:
                if monotonic() >= burial and not self._bury():
                    burial = monotonic() + _BURY_SECONDS
                with self._database.reading() as connection:
                    waiting = deliveries.waiting(connection)
                if waiting and self._take_out_all():
                    for bell in self._bells.values():
                        bell.set()
            except StoreError as error:
                _log.warning("messages cannot be taken out of the outbox yet: %s", error.message)
                self._closed.wait(_TROUBLE_SECONDS)
            self._news.wait(LOOK_SECONDS)
            self._news.clear()

    def _take_out_all(self) -> int:
        total = 0
        while True:
            with self._database.writing() as connection:
                taken = deliveries.take_out(connection, self._context, self._routes)
            total += taken
            if not taken:
                return total

    def _serve_lane(self, name: str) -> None:
        bell = self._bells[name]
        while not self._closed.is_set():
            bell.clear()
            try:
                self._drain(name)
                pause = self._pause(name)
            except StoreError as error:
                _log.warning("%s: waits for the store: %s", name, error.message)
                pause = _TROUBLE_SECONDS
            bell.wait(pause)

    def _pause(self, name: str) -> float:
        with self._database.reading() as connection:
            due = deliveries.next_due(connection, name)
        return _IDLE_SECONDS if due is None else max(0.0, min(_IDLE_SECONDS, (due - self._context.now()) / SECOND))

    def _drain(self, name: str) -> list[str]:
        """Try what is due now, one after the other; what became of each."""
        results = []
        while not self._closed.is_set():
            with self._database.reading() as connection:
                due = deliveries.next_due(connection, name)
            if due is None or due > self._context.now():
                break
            with self._database.writing() as connection:
                claimed = deliveries.claim(connection, self._context, name)
            if claimed is None:
                # Another relay has it.
                break
            results.append(self._attempt(claimed))
            self._note(name, results[-1])
        return results

    def _attempt(self, claimed: Delivery) -> str:
        try:
            with self._database.reading() as connection:
                told = notice(connection, self._context, claimed)
            remark = self._ways[claimed.channel].sender.send(told)
        except NotDeliveredError as error:
            return self._failed(claimed, error)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one message does to a channel, the next ones are to go out
            return self._failed(claimed, NotDeliveredError(f"fails here ({_place(error)})"))
        with self._database.writing() as connection:
            deliveries.arrived(connection, self._context, claimed, remark)
        return "delivered"

    def _failed(self, claimed: Delivery, error: NotDeliveredError) -> str:
        with self._database.writing() as connection:
            dead = deliveries.failed(connection, self._context, claimed, error.why, error.retry_after)
        what = "given up" if dead else "tried again later"
        _log.warning("%s: message %s is %s: %s", claimed.channel, claimed.message_id, what, error.why)
        return "dead" if dead else "failed"


def _place(error: Exception) -> str:
    """Kind and place of a fault. Not its words, which may quote a password; outside a server nothing would cut them."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"
