"""tokenguard's server over a made store, with no rate limit and no access log.

    python -m bench.store.serve URL PEPPER_FILE

Prints its URL when it is ready, and ends with SIGTERM.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.store.made import opened
from tokenguard.server.run import serve
from tokenguard.server.settings import ServerSettings


def main() -> None:
    """Serve."""
    url, pepper_file = sys.argv[1:]
    settings = ServerSettings(port=0, rate_limits=False, access_log=False)
    with open(os.devnull, "w", encoding="utf-8") as log:
        serve(opened(url, Path(pepper_file)), settings, log, lambda ready: print(ready, flush=True))


if __name__ == "__main__":
    main()
