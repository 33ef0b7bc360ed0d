"""Which files with secrets are refused because others may read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tokenguard.config.private_file import exposed

NOBODY = 65534


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("a secret")
    return file


@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o400, False), (0o640, True), (0o444, True)])
def test_of_ones_own(secret: Path, mode: int, refused: bool) -> None:  # noqa: FBT001 - a parameter
    secret.chmod(mode)
    assert exposed(secret) is refused


@pytest.mark.parametrize(("mode", "refused"), [(0o440, False), (0o644, False), (0o664, True), (0o666, True)])
def test_of_another_user(secret: Path, mode: int, refused: bool) -> None:  # noqa: FBT001
    secret.chmod(mode)
    if os.geteuid():
        pytest.skip("only root can be another user")
    descriptor = os.open(secret, os.O_RDONLY)
    child = os.fork()
    if not child:
        os.setuid(NOBODY)
        os._exit(exposed(descriptor))  # noqa: TID251 - the child ends here
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == refused
