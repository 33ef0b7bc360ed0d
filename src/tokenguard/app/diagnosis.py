"""What tokenguard sees of the machine and of the place where it runs, from the programs to the token store.

Each check is a value with its remedy; nothing is changed, and no check that fails keeps the others from being made.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tokenguard import __version__
from tokenguard.app.allow import unknown_rules
from tokenguard.app.detector import Detector
from tokenguard.app.health import Check, Health, failed
from tokenguard.app.hook_state import HookState, HookStatus, hook_status
from tokenguard.app.loop_diagnosis import loop_checks
from tokenguard.app.ruleset import rules_for
from tokenguard.app.sight import Sight, of_folder
from tokenguard.config.display import Shown, described
from tokenguard.config.places import REPOSITORY_FILE, user_file
from tokenguard.config.settings import Settings
from tokenguard.errors import ConfigError, NotARepositoryError, RuleError, TokenguardError, fault
from tokenguard.git.repository import locate
from tokenguard.git.runner import MINIMUM_VERSION, find_git, git_version, require_git
from tokenguard.model import RuleSet
from tokenguard.report.summary import counted, size
from tokenguard.ruleset.check import checked

_REINSTALL = "install tokenguard again"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was looked at."""

    checks: tuple[Check, ...]
    settings: tuple[Shown, ...]
    """Each setting with its origin; empty where the configuration cannot be read."""

    @property
    def broken(self) -> bool:
        """Whether anything is."""
        return any(check.health is Health.BROKEN for check in self.checks)


def diagnose(environ: Mapping[str, str], folder: Path, cache: Path | None) -> Diagnosis:
    """Look at everything, as a scan of `folder` with this environment would."""
    checks = [*_programs(environ), *_files(environ, folder)]
    sight = of_folder(environ, folder)
    settings = None
    try:
        settings = sight.settings({})
        checks += [Check("environment", note, Health.NOTE, "correct or unset it") for note in settings.notes]
        checks += _baseline(settings, sight)
    except ConfigError as error:
        checks.append(failed("configuration", error))
    checks += _rules(settings or Settings(), sight)
    checks += [*_cache(cache, settings), *_hooks(environ, folder), *loop_checks(environ)]
    return Diagnosis(tuple(checks), described(settings) if settings is not None else ())


# Programs and packages.


def _programs(environ: Mapping[str, str]) -> Iterator[Check]:
    yield Check("tokenguard", __version__)
    yield Check("python", f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}")
    for package in ("hyperscan", "click", "PyYAML"):
        try:
            yield Check(package, version(package))
        except PackageNotFoundError:
            yield Check(package, "not installed", Health.BROKEN, _REINSTALL)
    try:
        require_git(environ)
        found = ".".join(map(str, git_version(environ)))
        needed = ".".join(map(str, MINIMUM_VERSION))
        yield Check("git", f"{found}, {find_git(environ)} ({needed} or newer is needed)")
    except TokenguardError as error:
        yield failed("git", error)
    except OSError as error:
        yield Check("git", f"does not start: {error.strerror}", Health.BROKEN, "install a working git")


# Configuration.


def _files(environ: Mapping[str, str], folder: Path) -> Iterator[Check]:
    own = user_file(environ, sys.platform)
    yield Check("your configuration", f"{own}{_presence(own)}" if own is not None else "no home folder to look in")
    top = of_folder(environ, folder).top
    if top is not None:
        yield Check("repository's configuration", f"{top / REPOSITORY_FILE}{_presence(top / REPOSITORY_FILE)}")


def _presence(path: Path) -> str:
    return "" if os.path.lexists(path) else " (not there)"


def _baseline(settings: Settings, sight: Sight) -> Iterator[Check]:
    from tokenguard.app import baseline

    path, inside = settings.baseline, settings.repository_baseline
    try:
        if path is not None:
            found, name = baseline.read(path), str(path)
        elif inside is not None and sight.top is not None:
            found, name = baseline.read_repositorys(sight.top, inside), inside
        else:
            return
    except ConfigError as error:
        yield failed("baseline", error)
        return
    if found is not None:
        yield Check("baseline", f"{name}, {counted(len(found.reasons), 'known finding')}")
    else:
        # A repository may name one that is still to be made; the user's own has to be there.
        health = Health.BROKEN if path is not None else Health.NOTE
        yield Check("baseline", f"{name} (not there)", health, "make it: tokenguard baseline create")


# Rules.


def _rules(settings: Settings, sight: Sight) -> Iterator[Check]:
    outcome = checked()
    yield from (Check("rules", str(each), Health.BROKEN, _REINSTALL) for each in outcome.faults)
    if settings.rules:
        for each in checked(settings.rules).faults:
            yield Check("rules", str(each), Health.BROKEN, "correct the rule file")
    try:
        ruleset = rules_for(settings, sight.read_inside)
        Detector(ruleset)
    except (RuleError, ConfigError) as error:
        yield failed("rules", error)
        return
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the engine, it is told here
        yield Check("rules", f"the engine does not take them: {fault(error)}", Health.BROKEN, _REINSTALL)
        return
    yield Check("rules", f"{counted(len(ruleset.rules), 'rule')}, {ruleset.digest}")
    proved = f"{counted(outcome.rules, 'rule')} with {counted(outcome.examples, 'example')}"
    if not outcome.faults:
        yield Check("built-in rules", f"{proved}, all proved")
    yield from _entries(settings, ruleset)


def _entries(settings: Settings, ruleset: RuleSet) -> Iterator[Check]:
    for line in unknown_rules(settings.ignore, (rule.id for rule in ruleset.rules)):
        what, _, remedy = line.rpartition("; ")
        yield Check("ignore entry", what, Health.NOTE, remedy)


# The cache.


def _cache(folder: Path | None, settings: Settings | None) -> Iterator[Check]:
    if folder is None:
        yield Check("cache", "no home folder for it: nothing is remembered", Health.NOTE, "set HOME or XDG_CACHE_HOME")
        return
    off = "" if settings is None or settings.cache else " (not used: cache is off)"
    try:
        status = folder.stat()
        held = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    except FileNotFoundError:
        yield Check("cache", f"{folder} (not there yet){off}")
        return
    except OSError as error:
        yield Check("cache", f"{folder}: {error.strerror}", Health.BROKEN, "make it readable, or remove it")
        return
    value = f"{folder}, {counted(len(held), 'file')}, {size(sum(held))}{off}"
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        yield Check("cache", f"{value}: belongs to somebody else", Health.BROKEN, "remove it, it is made again")
    elif status.st_mode & _OTHERS_WRITE:
        yield Check("cache", f"{value}: others can write to it", Health.BROKEN, f"chmod 700 {shlex.quote(str(folder))}")
    elif status.st_mode & _OTHERS_READ:
        yield Check("cache", f"{value}: others can read it", Health.NOTE, f"chmod 700 {shlex.quote(str(folder))}")
    else:
        yield Check("cache", f"{value}, private")


# Hooks.


def _hooks(environ: Mapping[str, str], folder: Path) -> Iterator[Check]:
    try:
        repository = locate(folder)
        found = hook_status(repository, environ=environ)
    except NotARepositoryError:
        yield Check("hooks", "no repository here")
        return
    except TokenguardError as error:
        yield failed("hooks", error)
        return
    except OSError as error:
        yield Check("hooks", f"not looked at: {error.strerror}", Health.BROKEN, "install a working git")
        return
    yield from map(_hook, found)


def _hook(status: HookStatus) -> Check:
    name, value = f"hook {status.name}", f"{status.state.value}, {status.path}"
    install = f"run: tokenguard hook install {status.name}"
    match status.state:
        case HookState.INSTALLED:
            return Check(name, value, Health.BROKEN, status.hint) if status.hint else Check(name, value)
        case HookState.DISABLED:
            return Check(name, f"{value}: {status.hint}", Health.BROKEN, install)
        case HookState.OUTDATED:
            return Check(name, f"{value}: {status.hint}", Health.NOTE, install)
        case HookState.MISSING | HookState.FOREIGN:
            return Check(name, value, Health.NOTE, status.hint or install)
