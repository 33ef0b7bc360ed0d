"""Settings as frozen values: what was decided, and which layer decided it.

Reading them from files, the environment and flags is `tokenguard.config.file` and `tokenguard.config.resolve`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from tokenguard.model.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from tokenguard.config.ignore import Ignore
    from tokenguard.config.issuers import IssuerSetting
    from tokenguard.model.rule import Severity


class Layer(Enum):
    """Who can say something, weakest first: a later layer wins over an earlier one."""

    DEFAULT = "default"
    REPOSITORY = "repository"
    USER = "user"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one value came from."""

    layer: Layer
    where: str
    """`.tokenguard.yaml:3`, `TOKENGUARD_JOBS`, `--jobs`; for a default the reason, or empty."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value with its key, as one layer gave it."""

    key: str
    value: object
    """As in Settings; a path of a repository's own file is text."""
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Everything that one configuration file says."""

    name: str = ""
    ignore: tuple[Ignore, ...] = ()
    values: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run goes by, once all layers have been heard."""

    ignore: tuple[Ignore, ...] = ()
    baseline: Path | None = None
    """A baseline that the user named. None: `repository_baseline` counts."""
    repository_baseline: str | None = None
    """The repository's own, inside it: a scan of a change reads it from the base revision."""
    rules: tuple[Path, ...] = ()
    """Rule files and folders that the user trusts."""
    repository_rules: tuple[str, ...] = ()
    """The repository's own rule files, inside it: they are loaded with limits."""
    fail_on: Severity | None = None
    """Findings below it do not make the exit code 1. None: every finding does."""
    jobs: int | None = None
    """Threads; None: one a processor."""
    max_size: int | None = None
    """Bytes above which a blob is skipped, which makes the scan incomplete. None: no limit."""
    strict_allow: bool = False
    respect_gitignore: bool = False
    cache: bool = True
    server: str | None = None
    """URL of a token store."""
    policies: Path | None = None
    """The server's configuration that the store on this machine goes by."""
    issuers: tuple[IssuerSetting, ...] = ()
    """Who verifies and revokes which family."""
    origins: tuple[Setting, ...] = ()
    """Everything that holds and where it came from; `rules` and `ignore`, which add up, once for each layer."""
    notes: tuple[str, ...] = ()
    """What was left unheeded, one line each, for standard error."""
