"""Certificates that are made when a test needs them, so that no key lies in the repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

OPENSSL = shutil.which("openssl")


def certificate_for(name: str, folder: Path) -> Path:
    """A certificate for a host name, or with `IP:` before it for an address, that signs itself; its key is with it."""
    assert OPENSSL is not None
    file, key = folder / "both.pem", folder / "key.pem"
    stated = name if name.startswith("IP:") else f"DNS:{name}"
    subject = ["-subj", "/CN=test", "-addext", f"subjectAltName={stated}"]
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run([OPENSSL, *made, *subject, "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + key.read_bytes())
    return file
