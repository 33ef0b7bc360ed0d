"""Paths as URI references (RFC 3986), whatever bytes they hold."""

from __future__ import annotations

from urllib.parse import quote

from tokenguard.report.escape import octets


def reference(path: str) -> str:
    """A relative reference for a relative path, a `file:` URI for an absolute one.

    Every byte outside RFC 3986's unreserved characters is percent-encoded, a colon too: it would make
    the first segment a scheme. An empty path is the folder itself.
    """
    encoded = quote(octets(path), safe="/")
    if path.startswith("/"):
        # Exactly one slash at the front: two would start an authority, that is, a host.
        return "file:///" + encoded.lstrip("/")
    return encoded or "."


def is_below_root(path: str) -> bool:
    """Whether a path stays below the folder that it is relative to."""
    return not path.startswith("/") and ".." not in path.split("/")
