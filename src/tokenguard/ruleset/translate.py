r"""Patterns as other tools write them (Go's RE2, PCRE) into the syntax of `re`.

Only what occurs in their rule files and `re` refuses or reads differently: flags in the middle of a pattern,
`\z`, POSIX classes, `(?<name>`. Whatever else `re` does not know it refuses by itself, and the fault says so.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"(?P<escape>\\.)"
    r"|(?P<set>\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\])"
    r"|\(\?(?P<flags>[a-zA-Z]*(?:-[a-zA-Z]+)?)\)"
    r"|(?P<named>\(\?<(?=[A-Za-z_]))"
    r"|(?P<other>.)",
    re.DOTALL,
)
_LEADING_FLAGS = re.compile(r"(?:\(\?[a-zA-Z]+\))*")
_SET_MEMBER = re.compile(r"\[:(?P<posix>\w+):\]|\\.|(?P<bracket>\[)", re.DOTALL)
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r"\t ",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
}


def translate(pattern: str) -> str:
    """The same pattern for `re`; one that `re` takes as it stands comes back unchanged in meaning."""
    return _Translation().run(pattern)


class _Translation:
    """One pass over a pattern; `_scopes` has the flags that were switched on in each open group so far."""

    def __init__(self) -> None:
        self._scopes: list[list[str]] = [[]]

    def run(self, pattern: str) -> str:
        leading = _LEADING_FLAGS.match(pattern)
        start = leading.end() if leading else 0
        body = "".join(self._token(token) for token in _TOKEN.finditer(pattern, start))
        return pattern[:start] + body + ")" * len(self._scopes[-1])

    def _token(self, token: re.Match[str]) -> str:
        text = token.group()
        if token["set"]:
            return text[0] + _SET_MEMBER.sub(_set_member, text[1:])
        if token["flags"]:
            return self._switch(token["flags"])
        if token["escape"]:
            return r"\Z" if text == r"\z" else text
        return self._structure(text)

    def _switch(self, flags: str) -> str:
        """Flags hold to the end of their group, over its alternatives too."""
        opening = f"(?{flags}:"
        self._scopes[-1].append(opening)
        return opening

    def _structure(self, text: str) -> str:
        if text.startswith("("):
            self._scopes.append([])
            return "(?P<" if text == "(?<" else text
        if text == ")" and len(self._scopes) > 1:
            return ")" * len(self._scopes.pop()) + text
        if text == "|":
            opened = self._scopes[-1]
            return ")" * len(opened) + text + "".join(opened)
        return text


def _set_member(member: re.Match[str]) -> str:
    if member["bracket"]:
        return r"\["
    return _POSIX.get(member["posix"], member.group()) if member["posix"] else member.group()
