"""What everything that is measured runs in: a private home, no configuration of the user's, one locale, no network use.

Peers find no tokens of accounts and no CI around them; nothing that is missing from a repository is fetched.
"""

from __future__ import annotations

import os
from pathlib import Path

_GIT_CONFIG = """\
[user]
\tname = Bench
\temail = bench@example.org
[init]
\tdefaultBranch = main
[safe]
\tdirectory = *
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


def private(folder: Path) -> dict[str, str]:
    """The environment, with a home that is made in `folder`."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    settings = home / ".gitconfig"
    settings.write_text(_GIT_CONFIG, encoding="utf-8")
    date = "1790000000 +0000"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "file",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
