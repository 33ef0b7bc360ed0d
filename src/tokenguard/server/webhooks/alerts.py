"""A signed alert, from the request to the answer: headers, key, signature, and only then what it says.

It passes no router, as introspection does not: a forge waits half a minute at most, and sends thousands at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tokenguard.errors import RefusedError, StoreError
from tokenguard.server.body import header, read_body
from tokenguard.server.logs import LOGGER
from tokenguard.server.problems import Problem, ProblemError, problem_of
from tokenguard.server.webhooks.entries import Listed, read_entries
from tokenguard.server.webhooks.signature import is_signed
from tokenguard.store.actor import Actor
from tokenguard.store.alerts import Alert, Taken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from starlette.types import Receive, Scope, Send

    from tokenguard.model.leak import LeakPlace
    from tokenguard.server.admission import Admission
    from tokenguard.server.webhooks.keys import KeyRing
    from tokenguard.server.webhooks.unsigned import UnsignedMessages

_LONGEST_ID = 200
_LONGEST_SIGNATURE = 200
"""Characters; a signature on P-256 has at most 96 in base64."""
_log = logging.getLogger(LOGGER)
_FORGED = Problem(401, "the signature is not that of the message by a key of the forge")


@dataclass(frozen=True, slots=True)
class Forge:
    """How one forge sends alerts."""

    name: str
    """Also who it is in the audit."""
    key_header: bytes
    signature_header: bytes
    place_of: Callable[[Mapping[str, Any]], LeakPlace]
    answer: Callable[[Listed, Taken], Response]


class AlertCall:
    """The call as an ASGI application."""

    def __init__(self, admission: Admission, forge: Forge, keys: KeyRing, unsigned: UnsignedMessages) -> None:
        self._admission = admission
        self._forge = forge
        self._keys = keys
        self._unsigned = unsigned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one."""
        try:
            response = await self.answer(scope, receive)
        except (ProblemError, RefusedError, StoreError) as error:
            response = problem_of(error).response()
        await response(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """The answer.

        Raises:
            ProblemError, RefusedError, StoreError: it is no success.
        """
        key_id, signature = self._signed(scope)
        key = self._keys.at_hand(key_id)
        if key is None:
            key = await run_in_threadpool(self._key, scope, key_id)
        with self._unsigned.one() as count:
            body = await read_body(scope, receive, self._admission.settings.report_limit, count)
            return await run_in_threadpool(self._take, scope, key, signature, body)

    def _signed(self, scope: Scope) -> tuple[str, bytes]:
        key_id, signature = header(scope, self._forge.key_header), header(scope, self._forge.signature_header)
        if not key_id or not signature:
            missing = self._forge.signature_header if key_id else self._forge.key_header
            raise ProblemError(Problem(400, f"the header {missing.decode()} is missing"))
        if len(key_id) > _LONGEST_ID or len(signature) > _LONGEST_SIGNATURE:
            raise ProblemError(_FORGED)
        return key_id.decode("latin-1"), signature

    def _key(self, scope: Scope, key_id: str) -> EllipticCurvePublicKey:
        key = self._keys.key(key_id)
        if key is None:
            raise self._refusal(scope, "names a key that the forge does not publish")
        return key

    def _refusal(self, scope: Scope, why: str) -> ProblemError:
        """401, or 429 for one too many. Only the log says why: whoever sets this up needs it, whoever forges not."""
        self._admission.metrics.refused()
        try:
            self._admission.limits.refused(scope["address"])
        except ProblemError as error:
            return error
        _log.warning("a message to the door of %s %s", self._forge.name, why)
        return ProblemError(_FORGED)

    def _take(self, scope: Scope, key: EllipticCurvePublicKey, signature: bytes, body: bytes) -> Response:
        if not is_signed(key, signature, body):
            raise self._refusal(scope, "is not signed over the bytes that came; a proxy may have changed them")
        listed = read_entries(body, self._forge.place_of)
        taken = take_alert(self._admission, scope, self._forge.name, body, listed)
        return self._forge.answer(listed, taken)


def take_alert(admission: Admission, scope: Scope, name: str, body: bytes, listed: Listed) -> Taken:
    """Have the store work it off.

    Raises:
        StoreError: it does not answer now; what it has done of the alert stays done.
    """
    actor = Actor(name=name, rights=frozenset(), address=scope["address"], agent=admission.agent(scope))
    taken = admission.store.acting(actor).take_alert(Alert(name, sha256(body).digest(), listed.entries))
    admission.metrics.revoked("revoked", taken.revoked)
    return taken
