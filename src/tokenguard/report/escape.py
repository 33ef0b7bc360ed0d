"""Text from a scanned thing, written so that it can be read and never obeyed.

Names, authors, refs and reasons are hostile: they may hold terminal sequences, commands to a CI runner, marks that
reorder or hide what is read, or bytes that are no text. Whatever is unsafe is quoted as git quotes a path.
"""

from __future__ import annotations

import re
from functools import cache

_UNSAFE = (
    r"[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: they drive terminals
    r"\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # unseen, or reordering what is seen
    r"\ud800-\udfff"  # lone surrogates: bytes that were not UTF-8
    r"\ufff0-\ufffb\ufffe\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # unseen too, or no character at all
)
# What a CI runner would obey in a job's log. GitHub's `::stop-commands::`, where a line may begin; its older
# `##[stop-commands]`, Azure's `##vso[` and TeamCity's `##teamcity[`, which are taken anywhere in a line
# (actions/runner, ActionCommand.cs).
_COMMAND = r"(?<!\S):(?=:[A-Za-z])|#(?=#[A-Za-z]*\[)"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPE = re.compile(r'\\([0-3][0-7]{2}|["\\nrt])')
_QUOTED_TEXT = re.compile(r'(?:[^"\\]|\\(?:[0-3][0-7]{2}|["\\nrt]))*+')
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NAMES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@cache
def unsafe(also: str = "", *, commands: bool = True) -> re.Pattern[str]:
    """The first character of what may not be written as it is, or one of `also`. No clean commit needs it."""
    patterns = (_UNSAFE, *((_COMMAND,) if commands else ()), *((f"[{re.escape(also)}]",) if also else ()))
    return re.compile("|".join(patterns))


def unsafe_in(text: str) -> re.Pattern[str]:
    """The same for a long text: commands are looked for only where there can be one, since that takes longer."""
    return unsafe(commands="::" in text or "##" in text)


def octets(text: str) -> bytes:
    """The bytes that `text` was decoded from (UTF-8 with surrogate escapes)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # A lone surrogate outside U+DC80..DCFF stands for no byte; it is kept distinct instead.
        return text.encode("utf-8", "surrogatepass")


def shown(text: str, *, also: str = "", limit: int | None = None) -> str:
    r"""One line that is safe to show, the same as `text` wherever that is safe already.

    Else it is in double quotes with `\\`, `\"`, `\n`, `\r`, `\t` and octal escapes of bytes (git's core.quotePath
    form), which can be undone. Characters of `also` are escaped too; beyond `limit` characters the text ends in `…`.
    """
    if limit is not None and len(text) > limit:
        return shown(text[:limit], also=also) + "…"
    if not also and text.isascii() and text.isprintable() and not any(each in text for each in ('"', "::", "##")):
        return text
    found = unsafe(also)
    return _quoted(text, found) if text.startswith('"') or found.search(text) else text


def flowed(text: str) -> str:
    """Prose that may have several lines, such as a rule's description, as one safe line."""
    return shown(" ".join(text.split()))


def may_be_quoted(encoded: str) -> bool:
    """Whether `portable` may have something to do in what this JSON was made of."""
    return '"\\"' in encoded or (not encoded.isascii() and _SURROGATE.search(encoded) is not None)


def portable(text: str) -> str:
    """`text` as a string that every JSON reader accepts, quoted like `shown` only where it is not UTF-8.

    Control characters are left to JSON's own escapes. A text that starts with a double quote is quoted
    as well, so that a leading double quote always means: undo the quoting.
    """
    return _quoted(text, _SURROGATE) if text.startswith('"') or _SURROGATE.search(text) else text


def unquoted(text: str) -> str:
    """What `portable` or `shown` was given; ValueError where they cannot have written this."""
    if not text.startswith('"'):
        return text
    inner = text[1:-1]
    if len(text) < 2 or not text.endswith('"') or not _QUOTED_TEXT.fullmatch(inner):
        raise ValueError("not quoted as it should be")
    data = _ESCAPE.sub(lambda found: _NAMES.get(found[1]) or chr(int(found[1], 8)), octets(inner).decode("latin-1"))
    return data.encode("latin-1").decode("utf-8", "surrogateescape")


def _quoted(text: str, escaped: re.Pattern[str]) -> str:
    delimited = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.sub(_escaped, delimited)}"'


def _escaped(found: re.Match[str]) -> str:
    return _NAMED.get(found[0]) or "".join(f"\\{byte:03o}" for byte in octets(found[0]))
