"""GitHub's secret scanning partner programme: a signed list of tokens, answered with what each of them is.

https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tokenguard.server.webhooks.alerts import Forge
from tokenguard.server.webhooks.entries import Listed, place, text

if TYPE_CHECKING:
    from tokenguard.model.leak import LeakPlace
    from tokenguard.store.alerts import Taken

_SOURCES = frozenset(
    (
        *("content", "commit", "commit_comment", "gist_content", "gist_comment", "npm"),
        *("issue_title", "issue_description", "issue_comment"),
        *("pull_request_title", "pull_request_description", "pull_request_comment"),
        *("discussion_title", "discussion_body", "discussion_comment"),
    )
)
_LABELS = {True: "true_positive", False: "false_positive"}


def _place(entry: Mapping[str, Any]) -> LeakPlace:
    source = text(entry, "source").lower()
    return place(f"github:{source if source in _SOURCES else 'unknown'}", text(entry, "url"))


def _feedback(listed: Listed, taken: Taken) -> Response:
    """One member for each entry that was read, in their order. The hash goes to whoever sent the token itself."""
    said = [
        {"token_hash": entry.token.sha256(), "token_type": kind, "label": _LABELS[known]}
        for entry, kind, known in zip(listed.entries, listed.types, taken.known, strict=True)
    ]
    return Response(json.dumps(said), media_type="application/json")


GITHUB = Forge(
    name="github",
    key_header=b"github-public-key-identifier",
    signature_header=b"github-public-key-signature",
    place_of=_place,
    answer=_feedback,
)
