"""Peak memory of tokenguard's own process: bounded by the number of objects, not by the size of the largest."""

from __future__ import annotations

import random
from pathlib import Path

from bench.content import Prose
from bench.limit import PeakLimit
from bench.repository import Copy
from bench.scenario.history import BASE_BYTES, BYTES_AN_OBJECT
from bench.stage import Contest, Scenario, Stage
from bench.tools import scan

_SMALL, _LARGE = 1_000_000, 400_000_000
_OBJECTS = 3
"""Of a made repository: a commit, a tree, a blob."""


def build(stage: Stage) -> Contest:
    """The repository itself, and two made ones whose single blob is small and large."""
    draw = stage.draw("memory")
    targets = {"the repository": (stage.repository.path, stage.facts.objects)}
    for name, size in (("one blob of 1 MB", _SMALL), ("one blob of 400 MB", _LARGE)):
        path = stage.folder / name.replace(" ", "-")
        targets[name] = (_repository(stage, path, stage.scaled(size), draw), _OBJECTS)
    contestants = tuple(scan(name, "git", str(path)) for name, (path, _) in targets.items())
    limits = tuple(
        PeakLimit(f"peak memory, {name}", name, BASE_BYTES + BYTES_AN_OBJECT * objects)
        for name, (_, objects) in targets.items()
    )
    return Contest("the repository", contestants, limits, {"objects": stage.facts.objects}, rounds=2)


def _repository(stage: Stage, path: Path, size: int, draw: random.Random) -> Path:
    """A bare repository with one commit of one file, which stands on disk in between: fast-import would hold it."""
    prose, content = Prose(draw), path.with_suffix(".txt")
    path.mkdir()
    repository = Copy(path, stage.environ)
    repository.git("init", "--quiet", "--bare")
    with content.open("w", encoding="utf-8") as file:
        for _ in range(max(1, size // 1_000_000)):
            file.write(prose.piece(min(size, 1_000_000)))
    blob = repository.git("-c", "core.compression=1", "hash-object", "-w", str(content))
    content.unlink()
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tlarge.txt\n".encode())
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", tree, "-m", "large"))
    return path


SCENARIO = Scenario("memory", "Peak memory of the process itself", build)
