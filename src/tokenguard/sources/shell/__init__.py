"""Shell histories: where they lie, what their bytes mean, and which command a line belongs to.

Finds, decodes and annotates; what counts as a secret is not known here. To add a history, add a
row to `places`; to add a format, one file with a `spans` function and a row in `formats`.
"""

from __future__ import annotations

from tokenguard.sources.shell.find import find_histories
from tokenguard.sources.shell.formats import kinds
from tokenguard.sources.shell.history import Entry, History
from tokenguard.sources.shell.reading import blob, entries_at

__all__ = ["Entry", "History", "blob", "entries_at", "find_histories", "kinds"]
