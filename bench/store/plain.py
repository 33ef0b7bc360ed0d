"""The updates of a bulk revocation and nothing else: plain sqlite3, ten transactions, each on the disk when it ends.

    python -m bench.store.plain DATABASE PEPPER_FILE --tokens N [--seed N]

No audit, no HTTP, no rights, one statement a token: what revoking cannot do without.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from bench.store.made import token
from tokenguard.store.pepper import read_pepper_file

_TRANSACTIONS = 10
_UPDATE = "UPDATE tokens SET revoked_at = ?, revoked_by = ?, revoke_reason = ? WHERE keyed_hash = ?"


def main() -> None:
    """Update, and print how long it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.store.plain")
    parser.add_argument("database", type=Path)
    parser.add_argument("pepper_file", type=Path)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    peppers = read_pepper_file(wanted.pepper_file)
    now = time.time_ns() // 1000
    hashes = (peppers.keyed(sha256(token(wanted.seed, number).reveal()).digest())[1] for number in range(wanted.tokens))
    rows = [(now, "usr_bench", "leaked", keyed) for keyed in hashes]
    size = -(-len(rows) // _TRANSACTIONS)
    with closing(sqlite3.connect(wanted.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        changed = connection.total_changes
        started = time.perf_counter()
        for start in range(0, len(rows), size):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_UPDATE, rows[start : start + size])
            connection.execute("COMMIT")
        seconds = time.perf_counter() - started
        changed = connection.total_changes - changed
    print(json.dumps({"count": changed, "complete": changed == len(rows), "seconds": seconds}))


if __name__ == "__main__":
    main()
