"""tokenguard's server over a made store, with no rate limit and no access log.

    python -m bench.store.serve URL PEPPER_FILE [KEYS_FILE]

KEYS_FILE has the public keys of a forge whose alerts are taken; without it none are.

Prints its URL when it is ready, and ends with SIGTERM.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from bench.store.made import opened
from tokenguard.config.server_file import default_policies
from tokenguard.model.leak_intake import AlertSource, LeakIntake
from tokenguard.server.run import serve
from tokenguard.server.settings import ServerSettings


def main() -> None:
    """Serve."""
    url, pepper_file, *keys = sys.argv[1:]
    forge = AlertSource(keys_file=Path(keys[0]) if keys else None)
    policies = replace(default_policies(), leak_intake=LeakIntake(github=forge))
    settings = ServerSettings(port=0, rate_limits=False, access_log=False)
    with open(os.devnull, "w", encoding="utf-8") as log:
        serve(opened(url, Path(pepper_file), policies), settings, log, lambda ready: print(ready, flush=True))


if __name__ == "__main__":
    main()
