"""Where shipped data is found: inside an installed package, else beside `src` in a checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokenguard.config import installed
from tokenguard.errors import OperationError

if TYPE_CHECKING:
    from pathlib import Path


def test_rules_and_hooks_of_this_installation() -> None:
    assert (installed.rules_folder() / "binboi.yaml").is_file()
    assert (installed.hooks_folder() / "pre-commit").is_file()


def test_installed_data_comes_first(tmp_path: Path) -> None:
    package = tmp_path / "src" / "tokenguard"
    checkout, shipped = tmp_path / "rules", package / "_data" / "rules"
    checkout.mkdir()
    package.mkdir(parents=True)
    assert installed._data_folder("rules", package) == checkout
    shipped.mkdir(parents=True)
    assert installed._data_folder("rules", package) == shipped


def test_a_broken_installation_says_so(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "tokenguard"
    with pytest.raises(OperationError, match=r"the rules that ship with tokenguard .* reinstall"):
        installed._data_folder("rules", package)
