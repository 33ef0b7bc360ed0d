"""How a provider's API tells whether a token lives, and how it kills one: the `verify` and `revoke` sections of a rule.

Values only. Reading them from YAML is `tokenguard.ruleset`; asking is `tokenguard.respond`. Texts with `{…}` in them
are templates: `PLACEHOLDERS` says what may stand there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WHOLE = "."
"""The path that means the whole answer, in place of one of its keys."""

PLACEHOLDERS = {
    "token": "the leaked token",
    "credential": "the operator's token where one is configured, else the leaked one",
    "prefix": "the visible prefix",
    "sha256": "SHA-256 of the token, hex",
    "id": "what the first step's `find` took",
    "reason": "why it is revoked",
}
SECRETS = frozenset({"token", "credential"})
"""Those that may stand in headers and bodies only."""

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

VERIFY_MEANINGS = ("active", "revoked", "expired", "unknown")
"""As in `tokenguard.model.finding.Status`."""
CREDENTIAL_REFUSED = "credential_refused"
"""The API does not take the token that the call was made with, whosever it is."""
REVOKE_MEANINGS = ("revoked", "already_revoked", "not_found", "refused", CREDENTIAL_REFUSED)
"""As in `tokenguard.model.revocation.Outcome`, and `CREDENTIAL_REFUSED`."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer, or a record in it, means where all of this holds. Paths are keys joined by dots."""

    means: str
    statuses: tuple[int, ...] = ()
    """One of these; none for a record."""
    has: tuple[str, ...] = ()
    """All of these are there, and neither null nor empty."""
    equals: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Path and the texts of which its value is one; `true`, `false` and numbers as their texts."""


@dataclass(frozen=True, slots=True)
class Find:
    """Which record of an answered list is the token's. More than one: the prefix is ambiguous, and none is."""

    lists: tuple[str, ...]
    """Paths of the list; the first one that is there counts."""
    fields: tuple[str, ...]
    """Paths in a record; the first one that is there counts."""
    equals: str
    """A template."""
    take: tuple[str, ...]
    """Paths in that record whose value becomes `{id}`; the first one that is there counts."""
    statuses: tuple[int, ...] = (200,)
    next: str = ""
    """Path of what names the next page of the list; empty: there is one page."""
    parameter: str = ""
    """The parameter of the URL that takes it."""
    records: tuple[Meaning, ...] = ()
    """What the record itself says already: no further step is needed then."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call. The first of `answers` that holds counts; where none does, the API has not answered for certain."""

    method: str
    path: str
    """A template, appended to the API's address."""
    headers: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    json: str = ""
    """JSON whose texts are templates; empty: none is sent."""
    answers: tuple[Meaning, ...] = ()
    find: Find | None = None

    def placeholders(self) -> frozenset[str]:
        """The names of those that stand anywhere in it."""
        texts = [self.path, self.json, *(text for _, text in (*self.headers, *self.form))]
        if self.find is not None:
            texts.append(self.find.equals)
        return frozenset(name for text in texts for name in PLACEHOLDER.findall(text))


@dataclass(frozen=True, slots=True)
class IssuerApi:
    """A provider's API, as far as a leaked token needs it. Each section has at most two steps; none: not documented."""

    url: str = ""
    """Its documented address; empty: it depends on the user."""
    verify: tuple[Step, ...] = ()
    revoke: tuple[Step, ...] = ()
