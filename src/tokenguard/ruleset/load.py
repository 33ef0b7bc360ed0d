"""Rule files into rules: the user's own, and within limits those that come with what is scanned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tokenguard.config.file import read_bounded
from tokenguard.config.strict_yaml import MAX_BYTES
from tokenguard.errors import ConfigError, RuleError
from tokenguard.model import Rule
from tokenguard.ruleset.fault import rule_error
from tokenguard.ruleset.limits import REPOSITORY
from tokenguard.ruleset.parse import ReadRule, parse_rules, repeated_ids


def load_file(path: Path) -> tuple[Rule, ...]:
    """The rules of one file, in order. Raises RuleError; its `faults` has every fault of the file."""
    return tuple(read.rule for read in read_file(path))


def load_paths(paths: Iterable[Path]) -> tuple[Rule, ...]:
    """The rules of files and of the `*.yaml` and `*.yml` files in folders. Raises RuleError, also for an id twice."""
    read = [rule for path in paths for file in rule_files(path) for rule in read_file(file)]
    if faults := repeated_ids(read):
        raise rule_error(faults)
    return tuple(rule.rule for rule in read)


def load_repository_rules(data: bytes, name: str) -> tuple[Rule, ...]:
    """The rules that a scanned repository brings along, from the bytes of a rule file called `name`.

    They can only add to what is found: `combine` refuses ids that exist, `foreign` keeps them from hiding what
    another rule finds, and here everything is refused that shows or excuses a secret (`token`, `samples`) or could
    stall the scan (limits.REPOSITORY). Raises RuleError.
    """
    return tuple(replace(read.rule, foreign=True) for read in parse_rules(data, name, REPOSITORY))


def read_file(path: Path) -> tuple[ReadRule, ...]:
    """The rules of one file with the lines of their examples. Raises RuleError."""
    try:
        data = read_bounded(path, MAX_BYTES, name=str(path), follow=True)
    except ConfigError as error:
        raise RuleError(error.message, remedy=error.remedy) from None
    if data is None:
        raise RuleError(f"{path}: no such file", remedy="correct the path of the rules")
    return parse_rules(data, str(path))


def rule_files(path: Path) -> tuple[Path, ...]:
    """The file itself, or the rule files directly in a folder, sorted. Raises RuleError for a folder without any."""
    try:
        if not path.is_dir():
            return (path,)
        files = tuple(sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"}))
    except OSError as error:
        raise RuleError(f"{path}: cannot be read ({error.strerror})") from None
    if not files:
        raise RuleError(f"{path}: no rule file (*.yaml) in this folder")
    return files
