"""Whether a token lives (RFC 7662): the call that every request to a protected service waits for.

It passes neither router nor models, and on SQLite not even a thread: looking caller and target up takes less time than
handing that to one.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as _text
from time import monotonic
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from tokenguard.errors import RefusedError, StoreError
from tokenguard.model.secret import Secret
from tokenguard.server.authentication import credential
from tokenguard.server.body import FORM_TYPE, parse_form, read_body, require_type
from tokenguard.server.problems import ProblemError, problem_of
from tokenguard.store.readers import MustWaitError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tokenguard.model.token import Introspection
    from tokenguard.server.admission import Admission

FORM_LIMIT = 16 * 1024
"""Bytes: a token, its hint, and what else a client of RFC 7662 or 7009 may send."""

_SLOW_SECONDS = 0.1
_THREADS_SECONDS = 10.0
_DEAD = b'{"active": false}'
_TYPE = (b"content-type", b"application/json")


class IntrospectionCall:
    """The call as an ASGI application."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._store = admission.store
        self._near = admission.store.database.is_sqlite
        self._slow_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one."""
        try:
            body = await self.answer(scope, receive)
        except (ProblemError, RefusedError, StoreError) as error:
            await problem_of(error).response()(scope, receive, send)
            return
        headers = [_TYPE, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, scope: Scope, receive: Receive) -> bytes:
        """The body of the answer.

        Raises:
            ProblemError, RefusedError, StoreError: it is no success.
        """
        try:
            form = await read_form(scope, receive)
        except ProblemError:
            # Whoever has no live token learns that, and not what is wrong with the form.
            await run_in_threadpool(self._admission.bearer, scope)
            raise
        began = monotonic()
        if self._near and began >= self._slow_until:
            try:
                return self._at_once(scope, form, began)
            except MustWaitError:
                pass
            except RefusedError:
                await run_in_threadpool(self._admission.bearer, scope)
                raise
        return await run_in_threadpool(self._found, scope, form)

    def _at_once(self, scope: Scope, form: dict[str, str], began: float) -> bytes:
        try:
            return self._found(scope, form, at_once=True)
        finally:
            if monotonic() - began > _SLOW_SECONDS:
                # The disk is slow: let requests wait in threads, not all of them in here.
                self._slow_until = monotonic() + _THREADS_SECONDS

    def _found(self, scope: Scope, form: dict[str, str], *, at_once: bool = False) -> bytes:
        caller = credential(scope)
        admission = self._admission
        token, digest = form.get("token"), form.get("token_sha256")
        try:
            found = self._store.introspect(
                caller.secret,
                token=Secret(token.encode()) if token else None,
                token_sha256=digest or None,
                address=scope["address"],
                agent=admission.agent(scope),
                at_once=at_once,
            )
        except RefusedError:
            # Also a request that is refused is counted, and nobody is told so before they were asked who they are.
            if not at_once:
                admission.bearer(scope)
            raise
        if found is None:
            raise admission.refusal(scope, caller)
        actor, introspection = found
        admission.limits.token(actor)
        return encoded(introspection)


async def read_form(scope: Scope, receive: Receive) -> dict[str, str]:
    """The fields of a request's form; ProblemError 413, 415, 422."""
    require_type(scope, FORM_TYPE)
    return parse_form(await read_body(scope, receive, FORM_LIMIT))


def encoded(found: Introspection) -> bytes:
    """As RFC 7662 writes it: of a dead token nothing else is said, of a live one what there is."""
    if not found.active:
        return _DEAD
    exp = "" if found.exp is None else f', "exp": {found.exp}'
    iat = "" if found.iat is None else f', "iat": {found.iat}'
    return (
        f'{{"active": true, "scope": {_text(found.scope)}, "username": {_text(found.username)}, '
        f'"sub": {_text(found.sub)}, "client_id": {_text(found.client_id)}, "token_type": "Bearer"{exp}{iat}}}'
    ).encode()
