"""The tables, the same on SQLite and PostgreSQL. What makes them monotonic (triggers) is in the migrations.

Times are microseconds since the epoch, UTC: integers compare alike in both databases. Lists and objects are JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    literal_column,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

roles = Table(
    "roles",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("permissions", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String(40), primary_key=True),
    # Lower case: addresses are compared without case.
    Column("email", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("plan", String(40), nullable=False),
    Column("role_id", String(40), ForeignKey("roles.id"), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("family", String(100), nullable=False),
    Column("prefix", String(200), nullable=False),
    # The prefix again where its family wants it unique, else NULL, which may repeat.
    Column("unique_prefix", String(200), unique=True),
    # HMAC-SHA-256(pepper, SHA-256(token)), and which pepper.
    Column("keyed_hash", LargeBinary(32), nullable=False, unique=True),
    Column("pepper_id", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("owner_id", String(40), ForeignKey("users.id"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("honeytoken", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("last_used_ip", String(64)),
    Column("revoked_at", BigInteger),
    Column("revoked_by", String(200)),
    Column("revoke_reason", Text),
    Column("rotated_from", String(40)),
    Column("rotated_to", String(40)),
    # When it is expected to be used, as was said of it, and the same as 168 digits, 1 where it is: one for each hour of
    # the week in UTC, which both databases can look one up in.
    Column("expected_hours", String(60)),
    Column("expected_week", String(168)),
    # Newest first, of one owner and of all; the id tells apart what was made in one microsecond.
    Index("ix_tokens_owner", "owner_id", "created_at", "id"),
    Index("ix_tokens_created", "created_at", "id"),
    Index("ix_tokens_prefix", "prefix"),
    Index("ix_tokens_expires", "expires_at"),
    # How many live tokens somebody has of each family, which their every list says, is counted in the index alone. Of
    # live ones only, as the migration says: said here it would load both databases' dialects.
    Index("ix_tokens_live", "owner_id", "family", "expires_at", "revoked_at"),
)

LAST_USED = func.coalesce(tokens.c.last_used_at, tokens.c.created_at)
"""When a token was used last, or made: what was never used has been idle since."""
EXPIRES = func.coalesce(tokens.c.expires_at, literal_column("9223372036854775807", BigInteger))
"""When a token expires; never is later than any expiry. Written out: an index is for no value that comes by itself."""
# What everybody's tokens are sorted by, so that a page of them costs the same in any store. One's own, which a plan
# bounds, are sorted as they are asked for.
Index("ix_tokens_name", func.lower(tokens.c.name), tokens.c.id)
Index("ix_tokens_used", LAST_USED, tokens.c.id)
Index("ix_tokens_ends", EXPIRES, tokens.c.id)

# Where and when a token was used, by the hour: several addresses, odd hours, uses since a leak.
token_uses = Table(
    "token_uses",
    metadata,
    Column("token_id", String(40), ForeignKey("tokens.id"), primary_key=True),
    # Hours since the epoch.
    Column("hour", Integer, primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("uses", Integer, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
)

leaks = Table(
    "leaks",
    metadata,
    Column("id", String(40), primary_key=True),
    # What makes the same leak the same: the token, else the finding's fingerprint.
    Column("identity", String(200), nullable=False, unique=True),
    Column("rule_id", String(100), nullable=False),
    Column("prefix", String(200), nullable=False),
    Column("token_id", String(40), ForeignKey("tokens.id")),
    Column("state", String(20), nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("resolution", Text),
    Column("resolved_at", BigInteger),
    Column("resolved_by", String(200)),
    # The list is read by the first three; the counts need no more than the index.
    Index("ix_leaks_state", "state", "first_seen", "id", "token_id"),
    Index("ix_leaks_token", "token_id"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("leak_id", String(40), ForeignKey("leaks.id"), nullable=False),
    Column("source", String(200), nullable=False),
    Column("url", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("commit_id", String(100), nullable=False),
    Column("seen_at", BigInteger),
    Column("reported_by", String(200), nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Index("ix_sightings_leak", "leak_id", "reported_at"),
)

audit = Table(
    "audit",
    metadata,
    # Rises with time: the newest first is the primary key backwards.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(100), nullable=False),
    Column("token_id", String(40)),
    Column("address", String(64)),
    Column("agent", String(500)),
    Column("detail", Text, nullable=False),
    Index("ix_audit_token", "token_id", "number"),
    Index("ix_audit_actor", "actor", "number"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    # SHA-256 of the request: the same key with another body is a mistake.
    Column("request", LargeBinary(32), nullable=False),
    # NULL while the first one is running.
    Column("token_id", String(40)),
    Column("created_at", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(100), nullable=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    # When it was taken out, one delivery for each channel.
    Column("delivered_at", BigInteger),
    # When it was found too old to tell.
    Column("dead_at", BigInteger),
    Index("ix_outbox_next", "delivered_at", "dead_at", "next_at"),
)

# Counts of requests, so that several server processes share a limit (PostgreSQL).
rate_counts = Table(
    "rate_counts",
    metadata,
    Column("bucket", String(200), primary_key=True),
    Column("window_start", BigInteger, primary_key=True),
    Column("count", Integer, nullable=False),
)

# Browsers that are signed in. A session is bound to the token that opened it, and dies with it.
sessions = Table(
    "sessions",
    metadata,
    # SHA-256 of the cookie's value: a stolen table opens nothing.
    Column("id_hash", LargeBinary(32), primary_key=True),
    # NULL: opened by a one-time link, by whoever can read the embedded store.
    Column("token_id", String(40), ForeignKey("tokens.id")),
    Column("user_id", String(40), ForeignKey("users.id"), nullable=False),
    # As the audit names them.
    Column("actor", String(200), nullable=False),
    # What the owner was permitted then: what is granted later counts from the next sign-in.
    Column("permissions", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("address", String(64)),
    Column("agent", String(500)),
    Index("ix_sessions_user", "user_id", "ended_at"),
)

# One-time links into the dashboard, printed for the embedded store's admin.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("link_hash", LargeBinary(32), primary_key=True),
    Column("actor", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

# The public keys by which a forge signs its alerts, the last known good ones: its key service may be down.
partner_keys = Table(
    "partner_keys",
    metadata,
    Column("provider", String(40), primary_key=True),
    Column("key_id", String(200), primary_key=True),
    Column("pem", Text, nullable=False),
    Column("fetched_at", BigInteger, nullable=False),
)

# Alerts that were worked off, so that one that comes again is answered alike and does nothing.
alerts = Table(
    "alerts",
    metadata,
    Column("provider", String(40), primary_key=True),
    # SHA-256 of the signed bytes.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("entries", Integer, nullable=False),
)

# One message on one channel: each is retried, and given up, by itself.
deliveries = Table(
    "deliveries",
    metadata,
    Column("message_id", String(40), ForeignKey("outbox.id"), primary_key=True),
    Column("channel", String(200), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Column("dead_at", BigInteger),
    # Why the last attempt failed, without what the other side said.
    Column("failure", String(200)),
    Index("ix_deliveries_next", "delivered_at", "dead_at", "next_at"),
)

# What an owner was told of before it happens: an expiry in 14 or 3 days, an idle token's end.
reminders = Table(
    "reminders",
    metadata,
    Column("token_id", String(40), ForeignKey("tokens.id"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("told_at", BigInteger, nullable=False),
)
