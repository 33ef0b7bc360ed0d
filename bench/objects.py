"""One stage of `tokenguard scan git` by itself: the objects of a repository, with or without the proof of completeness.

    python -m bench.objects REPO [--jobs N] [--proof]

Prints as JSON how many objects were read and how many of them hold matches. What a whole scan does beside (refs, git's
own files, the worktree, attribution, reports) is left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tokenguard.app.collect import Collector
from tokenguard.app.detector import Detector
from tokenguard.app.memory import Memory
from tokenguard.app.objects import Found
from tokenguard.app.repository import scan_objects
from tokenguard.app.ruleset import rules_for
from tokenguard.app.session import Session
from tokenguard.config.settings import Settings
from tokenguard.git.repository import locate
from tokenguard.git.runner import Git
from tokenguard.git.walk import Walk


def main() -> None:
    """Scan, and print what was read."""
    parser = argparse.ArgumentParser(prog="python -m bench.objects", description="Scan the objects of a repository.")
    parser.add_argument("repository", metavar="REPO", type=Path)
    parser.add_argument("--jobs", metavar="N", type=int, default=2, help="threads that search (default: 2)")
    parser.add_argument("--proof", action="store_true", help="also prove that no object is missing")
    wanted = parser.parse_args()

    ruleset = rules_for(Settings())
    detector = Detector(ruleset)
    collector = Collector(detector)
    git = Git(locate(wanted.repository))
    walk = Walk(git) if wanted.proof else None
    found = Found()
    scan_objects(Session(detector, collector, jobs=wanted.jobs), git, found, Memory())
    skipped = [*collector.skipped(), *(walk.proof().skipped if walk is not None else ())]
    scanned = [[blob] for blob in found.blobs.values()] + list(found.texts.values())
    hits = sum(any(not match.sample for each in parts for match in each.matches) for parts in scanned)
    print(json.dumps({"objects": collector.coverage().blobs, "hits": hits, "skipped": len(skipped)}))


if __name__ == "__main__":
    main()
