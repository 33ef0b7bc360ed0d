"""Notices as texts for an incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat, Discord).

What others wrote stands in code spans: nothing in there is markup, a link, or a call to everybody.
"""

from __future__ import annotations

import json

from tokenguard.config.web_address import web_address
from tokenguard.errors import ConfigError
from tokenguard.model.notification import Notice
from tokenguard.model.secret import Secret
from tokenguard.respond.message import Line, Quoted, message
from tokenguard.respond.post import Wire, post

_LONGEST = 3500
"""Characters; Slack cuts a message at 4,000 of them."""
_LONGEST_QUOTED = 300
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""docs.slack.dev, Formatting message text: these three, and no others."""


class Slack:
    """A Sender to one incoming webhook."""

    def __init__(self, name: str, url: Secret, *, wire: Wire, link: str = "") -> None:
        self.name = name
        self._wire = wire
        self._link = link
        try:
            web_address(url.reveal().decode("ascii", "replace"))
        except ValueError as error:
            raise ConfigError(f"{name}: its URL is {error}") from None
        self._url = url

    def send(self, notice: Notice) -> str:
        """As Sender says."""
        said = message(notice, self._link)
        body = json.dumps({"text": text(said.subject, said.lines)}).encode()
        post(self._url.reveal().decode(), body, {"Content-Type": "application/json"}, self._wire)
        return ""


def text(subject: str, lines: tuple[Line, ...]) -> str:
    """A message in Slack's markup, of no more than 3,500 characters: whole lines, and a mark where some are missing."""
    found, room = [f"*{subject.translate(_MARKUP)}*"], _LONGEST
    for line in lines:
        shown = "".join(_quoted(part) if isinstance(part, Quoted) else part.translate(_MARKUP) for part in line)
        room -= len(shown) + 1
        if room < 0:
            found.append("…")
            break
        found.append(shown)
    return "\n".join(found)


def _quoted(part: Quoted) -> str:
    # A backtick would end the span, and there is no way to escape one.
    bare = part.text.replace("`", "'")
    if len(bare) > _LONGEST_QUOTED:
        bare = bare[: _LONGEST_QUOTED - 1] + "…"
    return f"`{bare.translate(_MARKUP)}`" if bare.strip() else ""
