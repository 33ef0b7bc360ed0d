"""How a server is to run, as a value. Reading it from a file and flags is `tokenguard.config` and `tokenguard.cli`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenguard.model.policy import RateLimit

_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything that is not in the store."""

    host: str = "127.0.0.1"
    port: int = 8787
    """0: any free one."""
    behind_proxy: int = 0
    """How many proxies stand before this server, each adding an address to X-Forwarded-For. 0: none is believed."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    body_limit: int = _MEBIBYTE
    """Bytes of a request's body."""
    report_limit: int = 32 * _MEBIBYTE
    """Bytes of a leak report, which lists findings by the thousand."""
    shutdown_seconds: int = 30
    """How long running requests may take to finish after SIGTERM."""
    refused_rate_limits: tuple[RateLimit, ...] = (RateLimit(requests=60, seconds=60),)
    """Refused credentials by address: beyond, 429 instead of 401. A good token of the same address goes on working."""
    key_floor_seconds: float = 120
    """How long a forge's public keys are at least kept before they are fetched again."""
    rate_limits: bool = True
    """Whether any limit holds. The others are the store's policies."""
    access_log: bool = True
