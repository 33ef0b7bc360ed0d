"""SHA-256 by CPython's own module where it is there: `hashlib` loads OpenSSL first, and a commit with a finding waits.

The same digests (FIPS 180-4); a Python that was built without its own (`--with-builtin-hashlib-hashes`) has hashlib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256  # Python 3.12 and newer
    except ImportError:
        try:
            from _sha256 import sha256  # Python 3.11
        except ImportError:
            from hashlib import sha256

__all__ = ["sha256"]
