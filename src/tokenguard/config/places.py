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
    folder = config_folder(environ, platform)
    return folder / "config.yaml" if folder is not None else None


def config_folder(environ: Mapping[str, str], platform: str) -> Path | None:
    """Where the user's own files are; None when the environment names no home."""
    if platform == "win32":
        folder, home = environ.get("APPDATA", ""), ""
    else:
        folder, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    # The specification: a relative path in XDG_CONFIG_HOME is to be ignored.
    if not Path(folder).is_absolute():
        folder = str(Path(home, ".config")) if home else ""
    return Path(folder, "tokenguard") if folder else None


def data_folder(environ: Mapping[str, str], platform: str) -> Path | None:
    """Where the embedded store lives; None when the environment names no home. XDG_DATA_HOME, %LOCALAPPDATA%."""
    return _folder(environ, platform, "XDG_DATA_HOME", (".local", "share"))


def state_folder(environ: Mapping[str, str], platform: str) -> Path | None:
    """Where the journal of revocations lives; None when the environment names no home. XDG_STATE_HOME."""
    return _folder(environ, platform, "XDG_STATE_HOME", (".local", "state"))


def _folder(environ: Mapping[str, str], platform: str, variable: str, below_home: tuple[str, ...]) -> Path | None:
    if platform == "win32":
        folder, home = environ.get("LOCALAPPDATA", ""), ""
    else:
        folder, home = environ.get(variable, ""), environ.get("HOME", "")
    if not Path(folder).is_absolute():
        folder = str(Path(home, *below_home)) if home else ""
    return Path(folder, "tokenguard") if folder else None
