"""A real mail server on loopback, with STARTTLS, TLS and logins: keeps what it is handed, or refuses as a test says."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "tokenguard", "correct horse battery staple"


@dataclass
class PostOffice:
    """The server's handler: `mails` is all that was taken."""

    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    answer: Callable[[int], str] = lambda _: "250 taken"
    """What is said to the mail of that number, from 0."""
    asked: int = 0
    port: int = 0

    async def handle_DATA(self, _: object, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        said = self.answer(self.asked)
        self.asked += 1
        if said.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(message_from_bytes(content, policy=default))
            self.envelopes.append(envelope)
            self.encrypted.append(session.ssl is not None)
        return said


def _login(_: object, __: object, ___: object, ____: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=good)


@contextmanager
def post_office(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[PostOffice]:
    """A server for the length of a test."""
    office = PostOffice()
    options: dict[str, Any] = {"authenticator": _login, "auth_required": True} if login else {}

    def conversation() -> SMTP:
        return SMTP(
            office, hostname="post.test", tls_context=starttls, require_starttls=starttls is not None, **options
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(conversation, "127.0.0.1", 0, ssl=tls))
    office.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield office
    finally:
        loop.call_soon_threadsafe(_end, loop, server)
        thread.join()
        loop.close()


def _end(loop: asyncio.AbstractEventLoop, server: asyncio.Server) -> None:
    """Let conversations see that they are over, then stop."""
    server.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_later(0.05, loop.stop)
