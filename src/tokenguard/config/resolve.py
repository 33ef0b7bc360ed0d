"""All layers -> Settings: defaults, the repository's file, the user's, the environment, flags; the last one wins.

`ignore` and `rules` add up instead. The origin of each value is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from tokenguard.config import keys
from tokenguard.config.keys import KEYS, Key, nearest
from tokenguard.config.settings import FileSettings, Layer, Provenance, Setting, Settings
from tokenguard.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")

_OTHER_VARIABLES = (
    "TOKENGUARD_CONFIG",
    "TOKENGUARD_TOKEN",
    # The embedded store's and the server's.
    "TOKENGUARD_STORE_URL",
    "TOKENGUARD_PEPPER",
    "TOKENGUARD_PEPPER_FILE",
)


def resolve(
    *,
    environ: Mapping[str, str],
    repository: FileSettings | None = None,
    user: FileSettings | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of a run.

    `flags` maps names of keys to values as Settings holds them (`rules`: a tuple of paths); None means not
    given. Where `CI` is set the cache is off unless something asks for it.

    Raises:
        ConfigError: an environment variable that is not understood.
    """
    user, repository = user or FileSettings(), repository or FileSettings()
    said = _Said(
        (
            _cache_default(environ),
            *_from_file(repository, Layer.REPOSITORY),
            *_from_file(user, Layer.USER),
            *_from_environment(environ),
            *_from_flags(flags or {}),
        )
    )
    baseline = said.last(keys.BASELINE)
    rules = tuple(path for paths in said.all(keys.RULES) for path in paths)
    return Settings(
        ignore=(*user.ignore, *repository.ignore),
        baseline=baseline if isinstance(baseline, Path) else None,
        repository_baseline=None if isinstance(baseline, Path) else baseline,
        rules=tuple(path for path in rules if isinstance(path, Path)),
        repository_rules=tuple(path for path in rules if not isinstance(path, Path)),
        fail_on=said.last(keys.FAIL_ON),
        jobs=said.last(keys.JOBS),
        max_size=said.last(keys.MAX_SIZE),
        strict_allow=said.last(keys.STRICT_ALLOW) or False,
        respect_gitignore=said.last(keys.RESPECT_GITIGNORE) or False,
        cache=said.last(keys.CACHE) or False,
        server=said.last(keys.SERVER),
        policies=said.last(keys.POLICIES),
        issuers=said.last(keys.ISSUERS) or (),
        origins=said.holding(),
        notes=tuple(_unknown_variables(environ)),
    )


class _Said:
    """What every layer said, weakest first."""

    def __init__(self, settings: tuple[Setting, ...]) -> None:
        self._settings = settings

    def all(self, key: Key[T]) -> tuple[T, ...]:
        """Every value of the key; the table in `keys` guarantees its type."""
        return tuple(cast("T", setting.value) for setting in self._settings if setting.key == key.name)

    def last(self, key: Key[T]) -> T | None:
        """The value that wins."""
        values = self.all(key)
        return values[-1] if values else None

    def holding(self) -> tuple[Setting, ...]:
        """What holds, in the order of the keys: the last of each, all of those that add up."""
        found: list[Setting] = []
        for key in KEYS:
            mine = [setting for setting in self._settings if setting.key == key.name]
            found += mine if key.name in {keys.IGNORE.name, keys.RULES.name} else mine[-1:]
        return tuple(found)


def _cache_default(environ: Mapping[str, str]) -> Setting:
    in_ci = bool(environ.get("CI"))
    return Setting(keys.CACHE.name, not in_ci, Provenance(Layer.DEFAULT, "CI is set" if in_ci else ""))


def _from_file(file: FileSettings, layer: Layer) -> Iterator[Setting]:
    if file.ignore:
        yield Setting(keys.IGNORE.name, file.ignore, Provenance(layer, file.name))
    yield from file.values


def _from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    for key in KEYS:
        text = environ.get(key.variable)
        # CI systems hand a variable that nobody filled in as an empty one.
        if not text or key.read is None:
            continue
        try:
            value = key.read(text)
        except ValueError as error:
            raise ConfigError(f"{key.variable}: {error}", remedy="correct or unset the variable") from None
        yield Setting(key.name, value, Provenance(Layer.ENVIRONMENT, key.variable))


def _from_flags(flags: Mapping[str, object]) -> Iterator[Setting]:
    for key in KEYS:
        value = flags.get(key.name)
        if value is not None and value != ():
            flag = key.flag if value is not False else key.flag.replace("--", "--no-", 1)
            yield Setting(key.name, value, Provenance(Layer.FLAG, flag))


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A misspelt variable is no error: others may use the same prefix."""
    known = (*(key.variable for key in KEYS if key.read), *_OTHER_VARIABLES)
    for name, value in sorted(environ.items()):
        if value and name.startswith("TOKENGUARD_") and name not in known:
            yield f"the environment variable {name} means nothing here; {nearest(name, known)}"
