"""Values of the token store in rows of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tokenguard.app.token_history import History
    from tokenguard.model.audit import AuditEvent
    from tokenguard.model.leak import LeakPlace
    from tokenguard.model.people import Identity, Role, User
    from tokenguard.model.token import TokenRecord

NONE = "-"
_COMMIT = 12
"""Characters of a commit's id."""


def when(moment: datetime | None, none: str = NONE) -> str:
    """A time to the minute, in UTC."""
    from datetime import UTC

    return none if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def token_table(records: Iterable[TokenRecord], *, owners: bool) -> list[Sequence[str]]:
    """Tokens, one a row under a header."""
    owner = ("OWNER",) if owners else ()
    head = ("PREFIX", "NAME", "FAMILY", "STATUS", "LAST USED", "EXPIRES", *owner, "ID", "SCOPES")
    return [head, *(_token_row(record, owners=owners) for record in records)]


def _token_row(record: TokenRecord, *, owners: bool) -> Sequence[str]:
    return (
        record.prefix,
        record.name,
        record.family,
        # A bait that is taken for a token gets used, or cleaned away.
        record.status.value + (", bait" if record.honeytoken else ""),
        when(record.last_used_at, "never"),
        when(record.expires_at, "never"),
        *((record.owner.email,) if owners else ()),
        record.id,
        ",".join(record.scopes) or NONE,
    )


def token_lines(record: TokenRecord) -> list[Sequence[str]]:
    """All of one token, a line each."""
    used = when(record.last_used_at, "never") + (f" from {record.last_used_ip}" if record.last_used_ip else "")
    return [
        ("name", record.name),
        ("prefix", record.prefix),
        ("id", record.id),
        ("family", record.family),
        ("status", record.status.value),
        ("owner", person(record.owner.name, record.owner.email)),
        ("scopes", ", ".join(record.scopes) or "none"),
        ("created", when(record.created_at)),
        ("last used", used),
        ("addresses", f"{record.addresses_30d} in the last 30 days"),
        ("expires", when(record.expires_at, "never")),
        *((("expected use", record.expected_hours),) if record.expected_hours else ()),
        *_revoked(record),
        *((title, text) for title, text in _relatives(record) if text),
    ]


def _revoked(record: TokenRecord) -> Iterable[Sequence[str]]:
    if record.revoked_at is not None:
        yield "revoked", f"{when(record.revoked_at)} by {_who(record.revoked_by or 'unknown', record.revoked_by_email)}"
        yield "reason", record.revoke_reason or NONE


def _relatives(record: TokenRecord) -> Iterable[tuple[str, str | None]]:
    yield "rotated from", record.rotated_from
    yield "rotated to", record.rotated_to
    yield "honeytoken", "yes: any use of it is an alarm" if record.honeytoken else None


def history_table(past: History) -> list[Sequence[str]]:
    """What happened to a token, one event or sighting a row under a header, in the order of time."""
    events = ((event.at, event.action, _who(event.actor, event.actor_email), _why(event)) for event in past.events)
    seen = (
        (each.reported_at, "leak seen", _who(each.reported_by, each.reported_by_email), _place(each.place))
        for leak in past.leaks
        for each in leak.sightings
    )
    # A leak comes to light before what is done about it in the same moment.
    rows = sorted((*seen, *events), key=lambda row: row[0])
    return [("WHEN", "WHAT", "WHO", "WHY, OR WHERE"), *((when(at), *rest) for at, *rest in rows)]


def _who(name: str, email: str | None) -> str:
    """Who did something: a user by their address, with the id that tells them apart for certain."""
    return f"{email} ({name})" if email else name


def _why(event: AuditEvent) -> str:
    """The reason; of the touch of a bait, from where it came and with what, which is all that is known of it."""
    if event.action == "honeytoken.used":
        return ", ".join(filter(None, (f"from {event.address or 'an unknown address'}", event.agent)))
    return str(event.detail.get("reason") or NONE)


def _place(place: LeakPlace) -> str:
    commit = f"commit {place.commit[:_COMMIT]}" if place.commit else ""
    return ", ".join(filter(None, (place.source, place.path, commit, place.url))) or "unknown"


def person(name: str, email: str) -> str:
    """A name with its address."""
    return f"{name} <{email}>" if email else name


def identity_lines(identity: Identity) -> list[Sequence[str]]:
    """Who a credential stands for."""
    token = NONE if identity.token_id is None else f"{identity.token_prefix}… ({identity.token_id})"
    expires = "" if identity.token_id is None else f", expires {when(identity.expires_at, 'never')}"
    return [
        ("account", person(identity.name, identity.email)),
        ("id", identity.id),
        ("plan", identity.plan),
        ("role", identity.role),
        ("permissions", ", ".join(identity.permissions) or "none"),
        ("scopes", ", ".join(identity.scopes) or "none"),
        ("token", token + expires),
    ]


def user_table(users: Iterable[User]) -> list[Sequence[str]]:
    """Users, one a row under a header."""
    rows = (
        (user.email, user.name, user.role, user.plan, "active" if user.active else "deactivated", user.id)
        for user in users
    )
    return [("ADDRESS", "NAME", "ROLE", "PLAN", "STATE", "ID"), *rows]


def role_table(roles: Iterable[Role]) -> list[Sequence[str]]:
    """Roles, one a row under a header."""
    # What has no bound comes last.
    rows = ((role.name, role.id, ", ".join(role.permissions) or NONE) for role in roles)
    return [("NAME", "ID", "PERMISSIONS"), *rows]
