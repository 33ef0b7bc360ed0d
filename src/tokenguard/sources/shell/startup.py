"""Where a shell's startup files say that its history is. The files are read as text and never run."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

_LONGEST = 1 << 20
"""Bytes of a startup file that are looked at."""
_SETTING = re.compile(
    r"""^(?:[^#\n]*[ \t;&])?HISTFILE=(?P<word>(?:"[^"\n\0]*"|'[^'\n\0]*'|[^\s\0;&|"'])+)""", re.MULTILINE
)
_PLAIN = re.compile(r"\$(?P<name>\w+)(?P<default>)")
_BRACED = re.compile(r"\$\{(?P<name>\w+)(?::?-(?P<default>[^{}]*))?\}")


def history_settings(path: Path, home: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """The values that HISTFILE is given, variables replaced as far as they are known.

    What only running the file could tell stays as it stands, with its `$` or backtick. Raises OSError.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return
    with path.open("rb") as file:
        text = file.read(_LONGEST).decode("utf-8", "surrogateescape")
    known = {**environ, "HOME": str(home)}
    for setting in _SETTING.finditer(text):
        value = re.sub(r"[\"']", "", setting["word"])
        # Plain names first: they also stand in the defaults of the braced ones.
        for variable in (_PLAIN, _BRACED):
            value = variable.sub(lambda match: known.get(match["name"]) or match["default"] or match[0], value)
        yield value
