"""GitLab's two ways to hand in tokens: signed alerts of GitLab.com, and the revocation receiver for one's own GitLab.

https://docs.gitlab.com/development/sec/token_revocation_api/
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tokenguard.model.policy import OnLeak
from tokenguard.server.body import header
from tokenguard.server.problems import Problem, ProblemError
from tokenguard.server.webhooks.alerts import Forge, take_alert
from tokenguard.server.webhooks.entries import Listed, place, read_entries, text

if TYPE_CHECKING:
    from starlette.types import Scope

    from tokenguard.model.leak import LeakPlace
    from tokenguard.model.secret import Secret
    from tokenguard.server.admission import Admission
    from tokenguard.store.alerts import Taken

_SCANNERS = ("gitleaks_rule_id_", "tokenguard_rule_id_", "")
"""GitLab names a type by the kind and the value of a finding's first identifier."""
_UNAUTHORIZED = Problem(401, "the key in Authorization is not the one that was agreed on")
_UNPROCESSABLE = 422


def _alerted_place(entry: Mapping[str, Any]) -> LeakPlace:
    return place("gitlab", text(entry, "url"))


def _located_place(entry: Mapping[str, Any]) -> LeakPlace:
    return place("gitlab", text(entry, "location"))


def _processed(listed: Listed, taken: Taken) -> Response:
    del listed, taken
    return Response(status_code=204)


GITLAB = Forge(
    name="gitlab",
    key_header=b"gitlab-public-key-identifier",
    signature_header=b"gitlab-public-key-signature",
    place_of=_alerted_place,
    answer=_processed,
)


class Receiver:
    """The revocation receiver, for whoever knows the pre-shared key. Its functions wait for the store."""

    name = "gitlab-receiver"

    def __init__(self, admission: Admission, key: Secret) -> None:
        self._admission = admission
        # Of one length, whatever is sent: comparing then takes one time.
        self._key_hash = sha256(key.reveal()).digest()

    def admit(self, scope: Scope) -> None:
        """Let in whoever shows the key.

        Raises:
            ProblemError: 401; 429, one too many.
        """
        shown = header(scope, b"authorization") or b""
        scheme, _, rest = shown.partition(b" ")
        key = rest.strip(b" ") if scheme.lower() == b"bearer" else shown
        if hmac.compare_digest(sha256(key).digest(), self._key_hash):
            self._admission.limits.partner(self.name)
            return
        self._admission.metrics.refused()
        self._admission.limits.refused(scope["address"])
        raise ProblemError(_UNAUTHORIZED)

    def types(self, scope: Scope) -> Response:
        """The types that are revoked: families whose policy is to.

        Raises:
            ProblemError: 401, 429.
        """
        self.admit(scope)
        context = self._admission.store.context
        revoked = [each for each in context.families if context.policies.family(each).on_leak is OnLeak.REVOKE]
        types = [scanner + family for scanner in _SCANNERS for family in revoked]
        return Response(json.dumps({"types": types}), media_type="application/json")

    def revoke(self, scope: Scope, body: bytes) -> Response:
        """Work off what is listed.

        Raises:
            ProblemError: 400, no list of tokens; 413.
            StoreError: the store does not answer now.
        """
        try:
            listed = read_entries(body, _located_place)
        except ProblemError as error:
            if error.problem.status != _UNPROCESSABLE:
                raise
            raise ProblemError(Problem(400, error.problem.detail)) from None
        take_alert(self._admission, scope, self.name, body, listed)
        return Response(status_code=204)
