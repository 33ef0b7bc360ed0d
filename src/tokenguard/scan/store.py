"""Compiled databases of large rule sets, kept on disk between runs.

Keyed by what a database depends on: the rules' digest, Hyperscan's version and the processor. The folder is private
to the user; a database is used only when each rule's own literal example still hits, else it is compiled again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import hyperscan

from tokenguard.model import Rule


def _file(folder: Path, digest: str) -> Path:
    import hashlib
    import platform  # start-up time, of hooks too: only large rule sets come by here
    from importlib.metadata import version  # takes as long as the rest of a hook's start

    flags = ""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open() as cpuinfo:
        flags = next((line for line in cpuinfo if line.startswith(("flags", "Features"))), "")
    key = "\0".join((digest, version("hyperscan"), platform.machine(), flags))
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.hsdb"


def load_database(folder: Path, digest: str, rules: Mapping[int, Rule]) -> hyperscan.Database | None:
    """The kept database of these rules (by their number), or None when there is none that can be trusted."""
    path = _file(folder, digest)
    try:
        status = path.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            return None
        database = hyperscan.loadb(path.read_bytes(), hyperscan.HS_MODE_BLOCK)
    except (OSError, hyperscan.error):
        return None
    return database if _answers(database, rules) else None


def _answers(database: hyperscan.Database, rules: Mapping[int, Rule]) -> bool:
    """Whether every rule with literal examples still hits one of them."""
    hit: set[int] = set()

    def note(index: int, *_rest: object) -> None:
        hit.add(index)

    examples = [example for rule in rules.values() for example in rule.examples]
    database.scan("\n".join(examples).encode(), match_event_handler=note, scratch=hyperscan.Scratch(database))
    return {number for number, rule in rules.items() if rule.examples} <= hit


def save_database(folder: Path, digest: str, database: hyperscan.Database) -> None:
    """Keep a database for the next run; a folder that cannot be written is no reason to stop."""
    path = _file(folder, digest)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(hyperscan.dumpb(database))
        partial.replace(path)
