"""Whether a file that holds a secret is for its owner alone, as far as that is for whoever runs this to say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tokenguard.errors import ConfigError

_OTHERS, _OTHERS_WRITE = 0o077, 0o022


def check_private(path: Path, holds: str, remedy: str) -> None:
    """Refuse a file with a token that others may read. `holds`: what is in it, for the message.

    Raises:
        ConfigError: they may.
    """
    if exposed(path):
        raise ConfigError(f"{path}: others may read {holds}", remedy=remedy)


def exposed(file: Path | int) -> bool:
    """Whether others may read a file, given by its path or descriptor, that could be closed to them.

    Docker and Kubernetes mount secrets read-only, or as another user's, readable for the whole container. Nobody in it
    can change that, nor has to: what others can write is refused even so.
    """
    if sys.platform == "win32":
        return False
    status = os.stat(file)
    ours = os.geteuid() in {0, status.st_uid} and not os.statvfs(file).f_flag & os.ST_RDONLY
    return bool(status.st_mode & (_OTHERS if ours else _OTHERS_WRITE))
