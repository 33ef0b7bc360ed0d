"""Which of the caller's variables a git process is given: what the system needs to run a program, and no other.

By name, since which variable holds somebody's token only they know: git asks no server and needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

_NEEDED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"),
        *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "MSYSTEM"),
        *("DEVELOPER_DIR", "SDKROOT"),  # macOS: which of Apple's gits /usr/bin/git starts
    )
)
_NEEDED_KINDS = ("LC_", "LD_", "DYLD_", "XDG_")


def system_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of `environ` that any program may need; on Windows their names have no case."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in _NEEDED or name.upper().startswith(_NEEDED_KINDS)
    }
