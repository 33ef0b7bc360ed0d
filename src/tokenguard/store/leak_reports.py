"""Reports of leaks: untrusted JSON into the findings that it holds, and these matched to tokens. Nothing is revoked.

A finding's hash names its token exactly; only where it has none, its visible prefix names candidates for people to
look at. A report that holds a token itself is refused as a whole: the store is no place for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from tokenguard.errors import RefusedError
from tokenguard.model.leak import LeakMatch, LeakPlace
from tokenguard.model.wire import WireError, moment
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action, note_all
from tokenguard.store.clock import micros
from tokenguard.store.context import Context
from tokenguard.store.outbox import Kind, put
from tokenguard.store.sightings import Seen, finding_identities, record, token_identity
from tokenguard.store.tables import tokens
from tokenguard.store.texts import TokenSieve, tidy

_MOST_FINDINGS = 10_000
_MOST_PLACES = 100
"""Of one finding; the first ones are kept."""
_MOST_PLACES_IN_ALL = 50_000
"""Of a report: with more findings fewer of each are kept, so that nobody waits for long until it is written."""
_LONGEST_NAME = 100
_LONGEST_PREFIX = 200
_LONGEST_TEXT = 4000
_SCHEMA = "tokenguard/report/1"
_AT_ONCE = 1000
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """One finding of a report, as far as the store looks at it."""

    rule_id: str
    prefix: str
    token_sha256: str | None
    fingerprint: str
    places: tuple[LeakPlace, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    """A token of the store that a finding names."""

    id: str
    family: str
    prefix: str
    owner_id: str


def read_report(context: Context, actor: Actor, report: Mapping[str, object]) -> tuple[ReportedFinding, ...]:
    """What a tokenguard report, or `{finding, seen_at, url}`, has found. Outside of a transaction: it may take seconds.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE; VALIDATION with pointers, also when a token stands anywhere in it.
    """
    actor.require(Permission.REPORT_LEAKS)
    holds_token = TokenSieve(context.ruleset).holds_token
    if any(map(holds_token, _texts(report))):
        raise RefusedError(
            "VALIDATION", "the report holds a token itself", remedy="send its visible prefix and its hash"
        )
    return _findings(report)


def record_findings(
    connection: Connection, context: Context, actor: Actor, findings: Sequence[ReportedFinding]
) -> tuple[LeakMatch, ...]:
    """Record what a report has found; a match each, in its order.

    Raises:
        RefusedError: INSUFFICIENT_SCOPE.
    """
    actor.require(Permission.REPORT_LEAKS)
    now = context.now()
    matches: list[LeakMatch] = []
    for start in range(0, len(findings), _AT_ONCE):
        matches += _record(connection, context, actor, findings[start : start + _AT_ONCE], now)
    return tuple(matches)


def _record(
    connection: Connection, context: Context, actor: Actor, findings: Sequence[ReportedFinding], now: int
) -> list[LeakMatch]:
    by_hash = _by_hash(connection, context, findings)
    by_prefix = _prefixes_known(connection, findings)
    owned = [by_hash.get(finding.token_sha256 or "") for finding in findings]
    seen = [_seen(context, finding, token, now) for finding, token in zip(findings, owned, strict=True)]
    recorded = record(connection, context, actor, seen, now)
    matches = [
        LeakMatch(leak.id, _matched(finding, token, by_prefix))
        for leak, finding, token in zip(recorded, findings, owned, strict=True)
    ]
    news = {
        leak.id: (token, each, match)
        for leak, token, each, match in zip(recorded, owned, seen, matches, strict=True)
        if leak.news
    }
    details = [
        (token.id if token else None, {"leak": leak_id, "rule_id": each.rule_id, "matched": match.matched})
        for leak_id, (token, each, match) in news.items()
    ]
    note_all(connection, context, actor, Action.LEAK_REPORTED, details)
    _tell_owners(connection, context, {leak_id: token for leak_id, (token, _, _) in news.items() if token}, now)
    return matches


def _matched(finding: ReportedFinding, token: _Token | None, by_prefix: Container[tuple[str, str]]) -> str:
    if token is not None:
        return "hash"
    return "prefix" if finding.token_sha256 is None and (finding.rule_id, finding.prefix) in by_prefix else "none"


def _tell_owners(connection: Connection, context: Context, news: Mapping[str, _Token], now: int) -> None:
    by_owner = defaultdict(list)
    for leak_id, token in news.items():
        told = {"leak": leak_id, "id": token.id, "family": token.family, "prefix": token.prefix}
        by_owner[token.owner_id].append(told)
    payloads = [{"owner": {"id": owner_id}, "tokens": told} for owner_id, told in by_owner.items()]
    put(connection, context, Kind.LEAKS_FOUND, payloads, now)


def _seen(context: Context, finding: ReportedFinding, token: _Token | None, now: int) -> Seen:
    since = min((micros(place.seen_at) for place in finding.places if place.seen_at is not None), default=now)
    since = max(0, min(since, now))
    if token is not None:
        # What the store knows of its token counts, not what a stranger says of it.
        return Seen(token_identity(token.id), token.family, token.prefix, token.id, finding.places, since)
    named = finding.fingerprint or finding.token_sha256 or finding.prefix
    exact = finding.token_sha256 is not None
    identities = finding_identities(context, finding.rule_id, named, exact=exact)
    sieve = TokenSieve(context.ruleset)
    rule_id, prefix = sieve.kept(finding.rule_id, _LONGEST_NAME), sieve.kept(finding.prefix, _LONGEST_PREFIX)
    return Seen(identities, rule_id, prefix, None, finding.places, since)


def _by_hash(connection: Connection, context: Context, findings: Sequence[ReportedFinding]) -> dict[str, _Token]:
    """The store's tokens among the hashes of the findings."""
    named = {
        keyed: finding.token_sha256
        for finding in findings
        if finding.token_sha256 is not None
        for keyed in context.peppers.candidates(bytes.fromhex(finding.token_sha256))
    }
    if not named:
        return {}
    asked = select(tokens.c.keyed_hash, tokens.c.id, tokens.c.family, tokens.c.prefix, tokens.c.owner_id)
    rows = connection.execute(asked.where(tokens.c.keyed_hash.in_(list(named))))
    return {named[bytes(keyed)]: _Token(*token) for keyed, *token in rows}


def _prefixes_known(connection: Connection, findings: Sequence[ReportedFinding]) -> set[tuple[str, str]]:
    """Which pairs of family and prefix, of findings without a hash, some token has."""
    asked = {finding.prefix for finding in findings if finding.token_sha256 is None and finding.prefix}
    if not asked:
        return set()
    pairs = select(tokens.c.family, tokens.c.prefix).where(tokens.c.prefix.in_(asked)).distinct()
    return {(family, prefix) for family, prefix in connection.execute(pairs)}


def _texts(report: object) -> Iterator[str]:
    """Every text in JSON values, keys too; however deep."""
    waiting = [report]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple)):
            waiting += value


def _findings(report: Mapping[str, object]) -> tuple[ReportedFinding, ...]:
    if "finding" in report:
        return (_single(report),)
    listed = report.get("findings")
    if not isinstance(listed, (list, tuple)):
        raise _wrong("a tokenguard report, or an object with `finding`, is expected", "/findings")
    if report.get("schema", _SCHEMA) != _SCHEMA:
        raise _wrong(f"only reports of {_SCHEMA} are read", "/schema")
    if len(listed) > _MOST_FINDINGS:
        raise _wrong(f"more than {_MOST_FINDINGS} findings", "/findings")
    most = max(1, min(_MOST_PLACES, _MOST_PLACES_IN_ALL // max(1, len(listed))))
    return tuple(_finding(each, f"/findings/{index}", LeakPlace(), most) for index, each in enumerate(listed))


def _single(report: Mapping[str, object]) -> ReportedFinding:
    unknown = sorted(report.keys() - {"finding", "seen_at", "url"})
    if unknown:
        raise _wrong("only `finding`, `seen_at` and `url` are read", "")
    url = _text(report, "url", "")
    known = LeakPlace(url=url, seen_at=_time(report, "seen_at", ""))
    return _finding(report["finding"], "/finding", known, _MOST_PLACES)


def _finding(finding: object, at: str, known: LeakPlace, most: int) -> ReportedFinding:
    """`known`: what is said of the whole report: it holds for each of the finding's places, `most` of which count."""
    if not isinstance(finding, Mapping):
        raise _wrong("a finding is an object", at)
    found = ReportedFinding(
        _text(finding, "rule_id", at),
        _text(finding, "prefix", at),
        _hex(finding, "token_sha256", at, 64) or None,
        _hex(finding, "fingerprint", at, 32),
        _places(finding, at, known, most),
    )
    if not found.rule_id or len(found.rule_id) > _LONGEST_NAME:
        raise _wrong(f"rule_id has 1 to {_LONGEST_NAME} characters", f"{at}/rule_id")
    if len(found.prefix) > _LONGEST_PREFIX:
        raise _wrong(f"prefix has at most {_LONGEST_PREFIX} characters", f"{at}/prefix")
    if not (found.fingerprint or found.token_sha256 or found.prefix):
        raise _wrong("a finding has a fingerprint, a token_sha256 or a prefix", at)
    return found


def _places(finding: Mapping[str, object], at: str, known: LeakPlace, most: int) -> tuple[LeakPlace, ...]:
    locations = finding.get("locations", ())
    if not isinstance(locations, (list, tuple)):
        raise _wrong("a list is expected", f"{at}/locations")
    read = (_place(each, f"{at}/locations/{index}", known) for index, each in enumerate(locations[:most]))
    # The same file at ten lines is one place.
    return tuple(dict.fromkeys(read)) or (known,)


def _place(location: object, at: str, known: LeakPlace) -> LeakPlace:
    if not isinstance(location, Mapping):
        raise _wrong("a location is an object", at)
    # When the secret came there, as far as is known: the commit, the shell command.
    came = _time(location, "time", at) or _time(location, "date", at)
    source, url, path, commit = (_text(location, name, at) for name in ("source", "url", "path", "commit"))
    return replace(known, source=source, url=known.url or url, path=path, commit=commit, seen_at=known.seen_at or came)


def _text(values: Mapping[str, object], name: str, at: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong("a text is expected", f"{at}/{name}")
    return tidy(value, _LONGEST_TEXT)


def _hex(values: Mapping[str, object], name: str, at: str, length: int) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) != length or not _HEX.issuperset(value):
        raise _wrong(f"{length} hexadecimal digits in lower case are expected", f"{at}/{name}")
    return value


def _time(values: Mapping[str, object], name: str, at: str) -> datetime | None:
    value = _text(values, name, at)
    try:
        return moment(value) if value else None
    except WireError:
        raise _wrong("a time of RFC 3339 with an offset is expected", f"{at}/{name}") from None


def _wrong(what: str, pointer: str) -> RefusedError:
    """Says what is wrong where, never with the input."""
    return RefusedError("VALIDATION", f"{pointer or 'the report'}: {what}", pointers=(pointer,))
