"""Where configuration files are. Apart from reading them, which most runs never come to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY_FILE = ".tokenguard.yaml"


def user_file(environ: Mapping[str, str], platform: str) -> Path | None:
    """Where the user's file is, whether it exists or not; None when the environment names no home.

    `platform` is `sys.platform`. Follows the XDG Base Directory Specification, %APPDATA% on Windows.
    """
    if environ.get("TOKENGUARD_CONFIG"):
        return Path(environ["TOKENGUARD_CONFIG"])
    if platform == "win32":
        folder, home = environ.get("APPDATA", ""), ""
    else:
        folder, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    # The specification: a relative path in XDG_CONFIG_HOME is to be ignored.
    if not Path(folder).is_absolute():
        folder = str(Path(home, ".config")) if home else ""
    return Path(folder, "tokenguard", "config.yaml") if folder else None
