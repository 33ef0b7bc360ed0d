"""Scan the histories of shells and of other programs that remember what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tokenguard.app.collect import origin_location
from tokenguard.app.pipeline import BlobScanner
from tokenguard.app.session import Session
from tokenguard.model import Location, Match, Skipped
from tokenguard.model.lazy_dataclass import replace
from tokenguard.sources.files import reason
from tokenguard.sources.shell.find import find_histories
from tokenguard.sources.shell.history import Entry, History
from tokenguard.sources.shell.reading import blob, entries_at


def scan_shell(session: Session, home: Path, environ: Mapping[str, str]) -> None:
    """Scan every history below `home` and where the environment says that one is."""
    scanner = BlobScanner(session.detector)
    for history in find_histories(home, environ):
        if isinstance(history, Skipped):
            session.collector.skip(history.what, history.why)
            continue
        try:
            _scan(session, scanner, history)
        except OSError as error:
            session.collector.skip(str(history.path), reason(error))


def _scan(session: Session, scanner: BlobScanner, history: History) -> None:
    scanned = scanner.scan(blob(history))
    entries = entries_at(history, {match.position.line for match in scanned.matches}) if scanned.matches else {}
    session.collector.add(scanned, lambda match: _places(match, entries))
    session.progress.advance(scanned.size)


def _places(match: Match, entries: Mapping[int, Entry]) -> Iterator[Location]:
    (place,) = origin_location(match)
    entry = entries.get(match.position.line)
    yield place if entry is None else replace(place, time=entry.time, command=entry.command)
