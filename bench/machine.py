"""On what it ran: facts without which times say nothing. Neither a host's nor a user's name is among them."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> dict[str, str | int]:
    """Processor, processors that may be used, memory, kernel, Python."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory": _first("/proc/meminfo", "MemTotal") or "unknown",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def load() -> float | None:
    """How many processes want a processor, over the last minute; more than 0 at the start disturbs the times."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _first(path: str, key: str) -> str | None:
    """The value of the first line that begins with the key."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((" ".join(line.partition(":")[2].split()) for line in lines if line.startswith(key)), None)
