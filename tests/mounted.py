"""Secrets as Docker and Kubernetes mount them: read-only, and readable for everybody who sees them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_SCRIPT = """
set -e
mount -t tmpfs tmpfs "$1"
cp "$0" "$1"
chmod 444 "$1"/*
mount -o remount,ro "$1"
shift
exec "$@"
"""


def mounted(file: Path, folder: Path) -> Sequence[str]:
    """What starts a program that sees `file` in `folder`, which is empty, mounted so. Skips where that is forbidden."""
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _SCRIPT, str(file), str(folder))
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("nothing can be mounted here")
    return command
