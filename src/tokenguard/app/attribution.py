"""Gives the matches in git objects their places: path, commit, author, date, and the ref that reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from tokenguard.app.collect import origin_location
from tokenguard.app.objects import Found
from tokenguard.app.session import Session
from tokenguard.errors import GitError
from tokenguard.git.history import History, Introduction
from tokenguard.git.runner import Git
from tokenguard.git.walk import Listed, Proof
from tokenguard.model import Location, Match
from tokenguard.model.lazy_dataclass import replace

UNREACHABLE = "unreachable blob"
"""The path of a blob that no commit, index or ref leads to."""
UNPLACED = "blob of unknown path"
"""Likewise, where the history is broken and cannot tell."""

_T = TypeVar("_T")

Introductions = Mapping[str, tuple[Introduction, ...]]


def attribute(  # noqa: PLR0913 - the last two by name
    session: Session, git: Git, proof: Proof, found: Found, *, remembered: Introductions, prefix: str
) -> Introductions:
    """Put what was found in objects into the collector; where the blobs came from, for the next scan.

    In a long history a blob has one place, unless paths decide what counts. What is `remembered` of an earlier scan is
    told again as long as it holds; a blob whose commit no ref reaches any more is looked for in all the history.
    """
    listed, history = proof.listed(found.blobs), History(git)
    everywhere = bool(found.blobs) and (session.paths_decide() or _short(history))
    known = {} if everywhere else _known(history, remembered, listed)
    asked = found.blobs.keys() - known.keys()
    first = {oid: place for oid, place in listed.items() if oid in asked}
    everywhere |= any(place.reachable and place.commit for oid in asked for place in remembered.get(oid, ()))
    told = _told(session, prefix, lambda: history.introductions(asked, first, everywhere=everywhere) if asked else {})
    introductions = {**known, **(told or {})}
    for oid, scanned in found.blobs.items():
        places = introductions.get(oid) or (_unintroduced(oid, listed, proof),)
        session.collector.add_matches(scanned.matches, partial(_places, introductions=places, prefix=prefix))
        for skipped in scanned.skipped:
            session.collector.skip(f"{prefix}{places[0].path}{skipped.what} (object {oid})", skipped.why)
    _attribute_texts(session, history, found, prefix)
    return {oid: places for oid, places in introductions.items() if oid in found.blobs}


def leave_unplaced(session: Session, found: Found, prefix: str) -> None:
    """Put what was found in objects into the collector without asking where they came from."""
    unplaced = (Introduction(UNPLACED),)
    for scanned in found.blobs.values():
        session.collector.add_matches(scanned.matches, partial(_places, introductions=unplaced, prefix=prefix))
    for scanned in (each for outcomes in found.texts.values() for each in outcomes):
        session.collector.add_matches(
            scanned.matches, lambda match: [replace(origin_location(match)[0], path=prefix + match.origin.path)]
        )


def _short(history: History) -> bool:
    try:
        return history.is_short()
    except GitError:  # broken: the questions that follow say so
        return False


def _known(history: History, remembered: Introductions, listed: Mapping[str, Listed]) -> Introductions:
    try:
        return history.holding(remembered, listed) if remembered else {}
    except GitError:  # broken: likewise
        return {}


def _unintroduced(oid: str, listed: Mapping[str, Listed], proof: Proof) -> Introduction:
    """What the walk alone knows of a blob; a walk that broke off does not know what it has not reached."""
    if oid in listed:
        reachable = True if listed[oid].commit is not None else None
        return Introduction(listed[oid].path or UNPLACED, reachable=reachable)
    return Introduction(UNREACHABLE, reachable=False) if proof.walked else Introduction(UNPLACED)


def _told(session: Session, prefix: str, ask: Callable[[], _T]) -> _T | None:
    """What the history says; None where it is broken: a finding does not wait for it to be mended."""
    try:
        return ask()
    except GitError as error:
        session.collector.skip(f"{prefix}where findings came from", str(error))
        return None


def _places(match: Match, introductions: tuple[Introduction, ...], prefix: str) -> Iterator[Location]:
    (place,) = origin_location(match)
    for introduction in introductions:
        yield replace(
            place,
            path=prefix + introduction.path,
            commit=introduction.commit,
            author=introduction.author,
            date=introduction.date,
            reachable=introduction.reachable,
            ref=introduction.ref,
        )


def _attribute_texts(session: Session, history: History, found: Found, prefix: str) -> None:
    """Messages, people and names: their commit is where they are."""
    scanned = [each for outcomes in found.texts.values() for each in outcomes]
    matches = [match for each in scanned for match in each.matches]
    commits = {match.origin.commit for match in matches if match.origin.commit}
    people = _told(session, prefix, lambda: history.people(commits)) or {}
    refs = _told(session, prefix, lambda: history.refs_of(commits))

    def locate(match: Match) -> Iterator[Location]:
        (place,) = origin_location(match)
        place = replace(place, path=prefix + place.path)
        if place.commit is not None:
            person, ref = people.get(place.commit), (refs or {}).get(place.commit)
            author, date = (person.author, person.date or None) if person else (None, None)
            reachable = None if refs is None else ref is not None
            place = replace(place, author=author, date=date, reachable=reachable, ref=ref)
        yield place

    session.collector.add_matches(matches, locate)
    for each in scanned:
        for skipped in each.skipped:
            session.collector.skip(prefix + skipped.what, skipped.why)
