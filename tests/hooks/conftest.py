"""Repositories to work in, a tokenguard that only records, and the real one."""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path

import pytest

import tokenguard
from hooks.workspace import Recorder, Workspace, make_workspace, recorder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A repository with one commit, in a folder with a space in its name."""
    made = make_workspace(tmp_path / "a work space")
    made.write("README", "hello\n")
    made.commit()
    return made


@pytest.fixture
def bare(tmp_path: Path) -> Workspace:
    """An empty bare repository."""
    return make_workspace(tmp_path / "the remote.git", "--bare")


@pytest.fixture
def fake(tmp_path: Path) -> Recorder:
    """A program called tokenguard that finds nothing."""
    return recorder(tmp_path / "some programs" / "tokenguard")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real program of this checkout, started as an installed one is: by a script that names its interpreter."""
    program = tmp_path_factory.mktemp("real programs") / "tokenguard"
    package = Path(tokenguard.__file__).resolve().parents[1]
    # A kernel takes no space in the path of an interpreter, hence a shell first.
    program.write_text(
        textwrap.dedent(f"""\
        #!/bin/sh
        exec {shlex.quote(sys.executable)} -P -c '
        import sys
        sys.path.insert(0, "{package}")
        from tokenguard.cli.main import main
        sys.argv[0] = "{program}"
        sys.exit(main())
        ' "$@"
        """)
    )
    program.chmod(0o755)
    return program
