"""Whether a token lives (RFC 7662): the call that every request to a protected service waits for.

It passes neither router nor models, and those who ask at the same time are looked up together.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as _text
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from tokenguard.errors import RefusedError, StoreError
from tokenguard.server.authentication import Credential, credential, token_sent
from tokenguard.server.body import FORM_TYPE, parse_form, read_body, require_type
from tokenguard.server.problems import ProblemError, problem_of
from tokenguard.server.together import Together
from tokenguard.store.lookup import Question
from tokenguard.store.service import introspected

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tokenguard.model.token import Introspection
    from tokenguard.server.admission import Admission

FORM_LIMIT = 16 * 1024
"""Bytes: a token, its hint, and what else a client of RFC 7662 or 7009 may send."""

_DEAD = b'{"active": false}'
_TYPE = (b"content-type", b"application/json")


class IntrospectionCall:
    """The call as an ASGI application."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._together = Together(admission.store.introspect)

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
            caller = credential(scope)
            question = self._question(scope, caller, form)
        except (ProblemError, RefusedError):
            # Whoever has no live token learns that, and not what is wrong with the form.
            await run_in_threadpool(self._admission.bearer, scope)
            raise
        found = await self._together.ask(question)
        if isinstance(found, RefusedError):
            # Also a request that is refused is counted.
            await run_in_threadpool(self._admission.bearer, scope)
            raise found
        if found is None:
            raise self._admission.refusal(scope, caller)
        actor, introspection = found
        self._admission.limits.token(actor)
        return encoded(introspection)

    def _question(self, scope: Scope, caller: Credential, form: dict[str, str]) -> Question:
        token = form.get("token")
        asked = introspected(token_sent(token) if token else None, form.get("token_sha256") or None)
        return Question(caller.secret, asked, scope["address"], self._admission.agent(scope))


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
