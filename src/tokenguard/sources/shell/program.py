"""The name of the program that a command line runs, and nothing else of that line.

Fails towards None: an option that is not known, a quote, a substitution, or a word that does not
look like a program's name gives no answer, since the next word could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenguard.model.lazy_dataclass import dataclass

_LONGEST = 64
_LONGEST_SEGMENT = 20
_MOST_DIGITS = 8
_WORD = re.compile(rb"""(?:[^\s;|&()<>"'`\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""", re.DOTALL)
_BEFORE_COMMAND = b"\0 \t(&"
"""ksh ends each command with NUL bytes; `(` and PowerShell's `&` introduce one."""
_AFTER_WORD = (b"", *(bytes((byte,)) for byte in b" \t\r\n;|&()<>"))
_ASSIGNMENT = re.compile(rb"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")
# A name is made of segments such as `docker`, `x86`, `Get`, `sha256sum`: few changes of case, digits
# in one place. A run of eight hex digits is more often a piece of a token than of a name.
_SEGMENT = re.compile(
    r"(?:\d{1,4}|\d{0,2}(?:[A-Z]{1,8}|[A-Z]{0,4}[a-z]+(?:[A-Z]{1,3}[a-z]+){0,3})(?:\d{1,4}[a-z]{0,4})?)\Z"
)
_HEX_RUN = re.compile(r"[0-9a-fA-F]{8}")
_PUNCTUATION = frozenset(("[", "[[", ".", ":"))


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """A word that runs what follows it: its options, and how many operands stand before the command."""

    flags: str = ""
    with_argument: str = ""
    operands: int = 0


_KEYWORD = _Wrapper()
_WRAPPERS = {
    **dict.fromkeys(("!", "{", "if", "then", "else", "elif", "while", "until", "do"), _KEYWORD),
    **dict.fromkeys(("and", "or", "not", "begin", "builtin", "nohup", "noglob", "nocorrect"), _KEYWORD),
    "command": _Wrapper("pvV"),
    "doas": _Wrapper("Lns", "aCu"),
    "env": _Wrapper("0iv", "uC"),
    "exec": _Wrapper("cl", "a"),
    "ionice": _Wrapper("t", "cn"),
    "nice": _Wrapper("", "n"),
    "setsid": _Wrapper("cfw"),
    "stdbuf": _Wrapper("", "ioe"),
    "sudo": _Wrapper("AbEHiKklnPSsVv", "CDgGhpRrTtUu"),
    "time": _Wrapper("apvV", "fo"),
    "timeout": _Wrapper("fpv", "ks", 1),
}


def program(text: bytes) -> str | None:
    """The basename of the first word behind assignments and wrappers (`sudo -u root`, `env A=1`, `time`, …).

    At most 64 printable ASCII characters; the wrapper's own name where nothing follows it; None where in doubt.
    """
    words = list(_words(text))
    found: str | None = None
    while words:
        word = words.pop(0)
        if _ASSIGNMENT.match(word):
            continue
        found = _name(word)
        wrapper = _WRAPPERS.get(found) if found else None
        if wrapper is None:
            return found
        operands = _behind_options(words, wrapper)
        if operands is None:
            return None
        words = operands[wrapper.operands :]
    return found


def _words(text: bytes) -> Iterator[bytes]:
    """The words up to the first operator; a word with an open quote or a substitution ends them before it."""
    position = len(text) - len(text.lstrip(_BEFORE_COMMAND))
    while match := _WORD.match(text, position):
        position = match.end()
        if text[position : position + 1] not in _AFTER_WORD:
            return
        yield match[0]
        position += len(text[position:]) - len(text[position:].lstrip(b" \t"))


def _behind_options(words: list[bytes], wrapper: _Wrapper) -> list[bytes] | None:
    """What stands behind the wrapper's options; None where one of them is unknown."""
    index = 0
    while index < len(words) and words[index].startswith(b"-"):
        option = words[index].decode("ascii", "replace")
        index += 1
        if option == "--":
            break
        arguments = _arguments(option, wrapper)
        if arguments is None:
            return None
        index += arguments
    return words[index:]


def _arguments(option: str, wrapper: _Wrapper) -> int | None:
    """How many further words belong to the option; None for an unknown one."""
    if option.startswith("--"):
        return 0 if "=" in option else None
    for index, letter in enumerate(option[1:], start=2):
        if letter in wrapper.with_argument:
            return 1 if index == len(option) else 0
        if letter not in wrapper.flags:
            return None
    return 0 if len(option) > 1 else None


def _name(word: bytes) -> str | None:
    """The word's basename, where it looks like the name of a program and not like a piece of a secret."""
    if not word.isascii() or b"://" in word or b"@" in word:
        return None
    name = re.split(r"[/\\]", word.decode("ascii"))[-1]
    if name in _PUNCTUATION or name in _WRAPPERS:
        return name
    return name if _plausible(name) else None


def _plausible(name: str) -> bool:
    segments = re.split(r"[._+-]", name)
    return (
        len(name) <= _LONGEST
        and not name.startswith(("-", "+"))
        and any(character.isalpha() for character in name)
        and sum(character.isdigit() for character in name) <= _MOST_DIGITS
        and not _HEX_RUN.search(name)
        and all(len(segment) <= _LONGEST_SEGMENT and _SEGMENT.match(segment) for segment in segments if segment)
    )
