"""A copy with a cache of its own, scanned as if never seen before, or with all that an earlier scan remembered."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from bench.contestant import REPORT, Contestant
from bench.repository import Copy
from bench.tools import scan


@dataclass(frozen=True, slots=True)
class Remembered:
    """A repository and the folder of tokenguard's cache."""

    copy: Copy
    cache: Path

    def first(self, name: str) -> Contestant:
        """A scan that remembers nothing."""
        return replace(self._scan(name), prepare=self.forget)

    def second(self, name: str) -> Contestant:
        """A scan that remembers an earlier one."""
        return replace(self._scan(name), prepare=self.learn)

    def forget(self) -> None:
        """Empty the cache."""
        shutil.rmtree(self.cache, ignore_errors=True)

    def learn(self) -> None:
        """Scan once, unless that was done."""
        if self.cache.is_dir():
            return
        self.cache.mkdir()
        report = self.cache.with_suffix(".json")
        contestant = self._scan("")
        command = [part.replace(REPORT, str(report)) for part in contestant.command]
        environ = {**self.copy.environ, **dict(contestant.environ)}
        subprocess.run(command, check=False, env=environ, capture_output=True)

    def _scan(self, name: str) -> Contestant:
        return scan(name, "git", str(self.copy.path), environ=(("XDG_CACHE_HOME", str(self.cache)),), cache=True)
