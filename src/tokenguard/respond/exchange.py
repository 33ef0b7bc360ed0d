"""JSON to a tokenguard server and back, with its refusals as exceptions.

Which calls there are is for `client`; how HTTP is spoken, for `http`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tokenguard.errors import RefusedError, TokenguardError, UnavailableError
from tokenguard.respond.http import Http, HttpAnswer, Patience

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokenguard.model.secret import Secret

_LONGEST_MESSAGE = 500


class Exchange:
    """Calls with one token to one server.

    Each raises RefusedError with the code of the server's problem (RFC 9457), and UnavailableError where it did not
    answer, asks to come again later, or answered what no tokenguard server does.
    """

    def __init__(self, url: str, token: Secret | None, *, patience: Patience | None = None) -> None:
        self._http = Http(url, patience=patience)
        self._token = token

    @property
    def name(self) -> str:
        """Host and port of the server."""
        return self._http.address.name

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The JSON under a path. What is None or False in the query is left out."""
        return self._answer("GET", path + _query(query or {}), {}, None, repeatable=True)

    def send(  # noqa: PLR0913 - the parts of a call, each by its name
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        repeatable: bool = False,
        idempotency_key: str = "",
        anonymous: bool = False,
        holds: Sequence[Secret] = (),
    ) -> Any:
        """The JSON answered to JSON; None where the answer is empty. `holds`: the secrets in the body."""
        headers = {} if body is None else {"Content-Type": b"application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key.encode("ascii", "replace")
        sent = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self._answer(method, path, headers, sent, repeatable=repeatable, anonymous=anonymous, holds=holds)

    def send_form(self, path: str, form: Mapping[str, bytes], *, holds: Sequence[Secret] = ()) -> Any:
        """The JSON answered to a form, as OAuth's calls take it; it may be repeated. `holds`: as in `send`."""
        from urllib.parse import urlencode

        headers = {"Content-Type": b"application/x-www-form-urlencoded"}
        return self._answer("POST", path, headers, urlencode(form).encode(), repeatable=True, holds=holds)

    def malformed(self, what: str) -> UnavailableError:
        """The error for an answer that is not what the API promises."""
        detail = f" ({_one_line(what)})"
        return UnavailableError(
            f"{self.name}: not the answer of a tokenguard server{detail}", remedy="is the server's URL right?"
        )

    def _answer(  # noqa: PLR0913 - the parts of a call, each by its name
        self,
        method: str,
        path: str,
        headers: dict[str, bytes],
        body: bytes | None,
        *,
        repeatable: bool,
        anonymous: bool = False,
        holds: Sequence[Secret] = (),
    ) -> Any:
        if self._token is not None and not anonymous:
            headers = headers | {"Authorization": b"Bearer " + self._token.reveal()}
        answer = self._http.ask(method, path, headers=headers, body=body, repeatable=repeatable)
        data = _read(answer.body)
        if not 200 <= answer.status < 300:
            raise self._refusal(answer, data if isinstance(data, dict) else {}, holds)
        if answer.body and data is None:
            raise self.malformed("no JSON")
        return data

    def _refusal(self, answer: HttpAnswer, problem: dict[str, Any], holds: Sequence[Secret]) -> TokenguardError:
        if answer.status == 401:
            return RefusedError(
                "UNAUTHORIZED", f"{self.name}: this token is not accepted", remedy="log in with one that is active"
            )
        if answer.status == 429 or answer.status >= 500:
            why = "asked too often" if answer.status == 429 else f"cannot answer now (status {answer.status})"
            return UnavailableError(f"{self.name}: {why}", remedy="try again later", retry_after=answer.retry_after)
        inner = problem.get("error")
        error = inner if isinstance(inner, dict) else {}
        code = problem.get("code") or error.get("code")
        if not isinstance(code, str) or not re.fullmatch(r"[A-Z_]{1,40}", code):
            return self.malformed(f"status {answer.status}")
        text = problem.get("detail") or error.get("message") or problem.get("title") or ""

        def texts(key: str) -> tuple[str, ...]:
            found = problem.get(key)
            listed = found if isinstance(found, list) else []
            return tuple(self.shown(each, holds) for each in listed if isinstance(each, str))

        return RefusedError(
            code,
            self.shown(str(text), holds) or f"{self.name}: refused",
            required=texts("required"),
            missing=texts("missing"),
            pointers=texts("pointers"),
        )

    def shown(self, text: str, holds: Sequence[Secret]) -> str:
        """The server's words without the tokens that it was sent: one that repeats its input would show them."""
        text = text[: 16 * _LONGEST_MESSAGE]
        for secret in holds if self._token is None else (*holds, self._token):
            text = text.replace(secret.reveal().decode("utf-8", "replace") or "…", "…")
        return _one_line(text)


def _read(body: bytes) -> Any:
    """The JSON of a body; None where it is none."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _query(query: Mapping[str, object]) -> str:
    from urllib.parse import urlencode

    # By identity: 0 is said, though it equals False.
    said = {
        key: "true" if value is True else value
        for key, value in query.items()
        if value is not None and value is not False
    }
    return "?" + urlencode(said) if said else ""


def _one_line(text: str) -> str:
    """Words of a server, fit for a terminal and bounded."""
    return "".join(each if each.isprintable() else " " for each in text[:_LONGEST_MESSAGE])
