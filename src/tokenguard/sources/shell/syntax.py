"""Whether a shell command goes on in the next line: quotes, here-documents, compound commands.

No parser: where it is unsure, a command goes on, and the next time stamp of the history ends it.
"""

from __future__ import annotations

import re

_PIECE = re.compile(
    rb"""(?P<escape>\\.)
    | (?P<quote>['"`])
    | <<<
    | <<(?P<dash>-?)\s*\\?(?P<mark>['"]?)(?P<delimiter>[\w.]+)(?P=mark)
    | (?P<comment>(?<![^\s;&|()])\#.*)
    | (?P<joint>&&|\|\|?)
    | (?P<end>[;&]+)
    | (?P<parenthesis>[()])
    | (?P<word>[^\s\\'"`<;&|()]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {
    b"'": re.compile(rb"[^']*'"),
    b'"': re.compile(rb'(?:[^"\\]|\\.)*"', re.DOTALL),
    b"`": re.compile(rb"(?:[^`\\]|\\.)*`", re.DOTALL),
}
_OPENERS = frozenset((b"if", b"case", b"for", b"while", b"until", b"select", b"{"))
_CLOSERS = frozenset((b"fi", b"esac", b"done", b"}"))
_BEFORE_COMMAND = frozenset((b"do", b"then", b"else", b"elif", b"if", b"while", b"until", b"!", b"{", b"time"))


class Syntax:
    """The state of one command while its lines go by."""

    __slots__ = ("_delimiters", "_depth", "_expects_command", "_joined", "_parentheses", "_quote")

    def __init__(self) -> None:
        self._quote = b""
        self._delimiters: list[tuple[bytes, bool]] = []
        self._depth = 0
        self._parentheses = 0
        self._joined = False
        self._expects_command = True

    def unfinished_after(self, line: bytes) -> bool:
        """Take the next line; True where the command needs yet another one."""
        if self._delimiters and not self._quote:
            delimiter, dash = self._delimiters[0]
            if (line.lstrip(b"\t") if dash else line) == delimiter:
                del self._delimiters[0]
        else:
            self._take(line)
        return bool(self._quote or self._delimiters or self._depth or self._parentheses or self._joined)

    def _take(self, line: bytes) -> None:
        self._expects_command = not self._quote
        position = 0
        while position < len(line):
            if self._quote:
                closing = _CLOSING[self._quote].match(line, position)
                if closing is None:
                    return
                self._quote, position = b"", closing.end()
                continue
            piece = _PIECE.search(line, position)
            if piece is None:
                return
            position = piece.end()
            self._take_piece(piece)

    def _take_piece(self, piece: re.Match[bytes]) -> None:
        match piece.lastgroup:
            case "comment":
                return
            case "joint" | "end":
                self._expects_command = True
            case "parenthesis":
                self._parentheses = max(0, self._parentheses + (1 if piece[0] == b"(" else -1))
                self._expects_command = True
            case "word":
                self._take_word(piece[0])
            case "quote":
                self._quote = piece[0]
                self._expects_command = False
            case "delimiter":
                self._delimiters.append((piece["delimiter"], bool(piece["dash"])))
            case _:
                self._expects_command = False
        self._joined = piece.lastgroup == "joint"

    def _take_word(self, word: bytes) -> None:
        if self._expects_command:
            self._depth = max(0, self._depth + (word in _OPENERS) - (word in _CLOSERS))
        self._expects_command = self._expects_command and word in _BEFORE_COMMAND
