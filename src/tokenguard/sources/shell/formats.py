"""The registry: for each kind of history, how its bytes and lines are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from tokenguard.model.lazy_dataclass import dataclass
from tokenguard.sources.shell import bash, fish, powershell, psql, viminfo, zsh
from tokenguard.sources.shell.decoding import Decoder
from tokenguard.sources.shell.history import Span
from tokenguard.sources.shell.lines import Line


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of history is read; the defaults are those of a file without an inner structure."""

    tool: str | None = None
    """The program that every entry belongs to; None: each command names its own."""
    spans: Callable[[Iterator[Line]], Iterator[Span]] | None = None
    decoder: Callable[[], Decoder] | None = None


_BASH = Format(spans=bash.spans)

# What is no line of text (SQLite files, bolt and JSON sessions) has no entries, only bytes to scan.
_OPAQUE = Format()

_SHELLS = {
    "bash": _BASH,
    "ksh": _BASH,
    "sh": _BASH,
    "tcsh": _BASH,
    "zsh": Format(spans=zsh.spans, decoder=zsh.Unmetafy),
    "fish": Format(spans=fish.spans),
    "powershell": Format(spans=powershell.spans),
    "nushell": _BASH,
    "elvish": _OPAQUE,
    "xonsh": _OPAQUE,
    "eshell": _BASH,
    "atuin": _OPAQUE,
    "mcfly": _OPAQUE,
    "histdb": _OPAQUE,
}
_TOOLS = {
    "psql": Format("psql", decoder=psql.LineBreaksToSpaces),
    "viminfo": Format("vim", viminfo.spans),
    "shada": Format("nvim"),
    "sqlite": Format("sqlite3"),
}
_PLAIN_TOOLS = (
    *("aws", "bc", "clickhouse", "cqlsh", "deno", "duckdb", "erl", "gdb", "ghci", "gnuplot", "iex", "influx"),
    *("ipython", "irb", "jshell", "julia", "less", "lftp", "litecli", "lldb", "lua", "mongosh", "mycli", "mysql"),
    *("node", "octave", "pgcli", "php", "pry", "psysh", "python", "R", "redis-cli", "scala", "snowsql"),
    *("ts-node", "usql"),
)

FORMATS: Mapping[str, Format] = MappingProxyType(
    _SHELLS | _TOOLS | {tool: Format(tool) for tool in _PLAIN_TOOLS},
)


def kinds() -> tuple[str, ...]:
    """Every kind of history that is known, shells first."""
    return tuple(FORMATS)
