"""Where the data that ships with tokenguard lies: rule files and native git hooks.

Two steps, because an installed wheel carries them inside the package (`tokenguard/_data`), while an
editable install or a plain checkout has them as top-level folders beside `src`.
"""

from __future__ import annotations

from pathlib import Path

from tokenguard.errors import OperationError

_PACKAGE = Path(__file__).resolve().parents[1]


def rules_folder() -> Path:
    """The folder of the built-in rule files. Raises OperationError when the installation lacks it."""
    return _data_folder("rules")


def hooks_folder() -> Path:
    """The folder of the native git hooks. Raises OperationError when the installation lacks it."""
    return _data_folder("hooks")


def _data_folder(name: str, package: Path = _PACKAGE) -> Path:
    installed = package / "_data" / name
    checkout = package.parents[1] / name
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise OperationError(f"the {name} that ship with tokenguard are not at {installed}", remedy="reinstall tokenguard")
