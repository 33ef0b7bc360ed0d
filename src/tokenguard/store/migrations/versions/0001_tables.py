"""The first tables, and the triggers that make them monotonic: what is revoked stays so, whoever writes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# What no statement may do to a token, in SQLite's words.
_FORBIDDEN = {
    "revoked": (
        "OLD.revoked_at IS NOT NULL AND (NEW.revoked_at IS NOT OLD.revoked_at"
        " OR NEW.revoked_by IS NOT OLD.revoked_by OR NEW.revoke_reason IS NOT OLD.revoke_reason)"
    ),
    "expires": "OLD.expires_at IS NOT NULL AND (NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at)",
    "used": "OLD.last_used_at IS NOT NULL AND (NEW.last_used_at IS NULL OR NEW.last_used_at < OLD.last_used_at)",
    "fixed": " OR ".join(
        f"NEW.{column} IS NOT OLD.{column}"
        for column in ("id", "family", "prefix", "keyed_hash", "pepper_id", "owner_id", "scopes", "created_at")
    ),
}
_REASONS = {
    "revoked": "a revocation is final",
    "expires": "an expiry never moves back",
    "used": "a last use never moves back",
    "fixed": "what a token is does not change",
}


def upgrade() -> None:
    """Everything, in a database that holds none of it."""
    for group in (_people, _credentials, _findings, _accounts):
        group()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgres_triggers()


def _people() -> None:
    op.create_table(
        "roles",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_roles"),
        sa.UniqueConstraint("name", name="uq_roles_name"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("role_id", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name="fk_users_role_id"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )


def _credentials() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("family", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=200), nullable=False),
        sa.Column("unique_prefix", sa.String(length=200)),
        sa.Column("keyed_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("pepper_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("honeytoken", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.Column("last_used_ip", sa.String(length=64)),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("revoked_by", sa.String(length=200)),
        sa.Column("revoke_reason", sa.Text()),
        sa.Column("rotated_from", sa.String(length=40)),
        sa.Column("rotated_to", sa.String(length=40)),
        sa.Column("expected_hours", sa.String(length=60)),
        sa.Column("expected_week", sa.String(length=168)),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tokens_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("keyed_hash", name="uq_tokens_keyed_hash"),
        sa.UniqueConstraint("unique_prefix", name="uq_tokens_unique_prefix"),
    )
    op.create_index("ix_tokens_created", "tokens", ["created_at", "id"])
    op.create_index("ix_tokens_expires", "tokens", ["expires_at"])
    op.create_index("ix_tokens_owner", "tokens", ["owner_id", "created_at", "id"])
    op.create_index("ix_tokens_prefix", "tokens", ["prefix"])
    op.create_table(
        "token_uses",
        sa.Column("token_id", sa.String(length=40), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_token_uses_token_id"),
        sa.PrimaryKeyConstraint("token_id", "hour", "address", name="pk_token_uses"),
    )


def _findings() -> None:
    op.create_table(
        "leaks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=200), nullable=False),
        sa.Column("token_id", sa.String(length=40)),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("resolution", sa.Text()),
        sa.Column("resolved_at", sa.BigInteger()),
        sa.Column("resolved_by", sa.String(length=200)),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_leaks_token_id"),
        sa.PrimaryKeyConstraint("id", name="pk_leaks"),
        sa.UniqueConstraint("identity", name="uq_leaks_identity"),
    )
    op.create_index("ix_leaks_state", "leaks", ["state", "first_seen", "id", "token_id"])
    op.create_index("ix_leaks_token", "leaks", ["token_id"])
    op.create_table(
        "sightings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("leak_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("commit_id", sa.String(length=100), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.Column("reported_by", sa.String(length=200), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["leak_id"], ["leaks.id"], name="fk_sightings_leak_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sightings"),
    )
    op.create_index("ix_sightings_leak", "sightings", ["leak_id", "reported_at"])


def _accounts() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("token_id", sa.String(length=40)),
        sa.Column("address", sa.String(length=64)),
        sa.Column("agent", sa.String(length=500)),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sa.UniqueConstraint("id", name="uq_audit_id"),
    )
    op.create_index("ix_audit_actor", "audit", ["actor", "number"])
    op.create_index("ix_audit_token", "audit", ["token_id", "number"])
    op.create_table(
        "idempotency",
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token_id", sa.String(length=40)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name="pk_idempotency"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger()),
        sa.Column("dead_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_next", "outbox", ["delivered_at", "dead_at", "next_at"])
    op.create_table(
        "rate_counts",
        sa.Column("bucket", sa.String(length=200), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "window_start", name="pk_rate_counts"),
    )


def _sqlite_triggers() -> None:
    for name, condition in _FORBIDDEN.items():
        op.execute(
            f"CREATE TRIGGER tokens_{name} BEFORE UPDATE ON tokens WHEN {condition}"
            f" BEGIN SELECT RAISE(ABORT, '{_REASONS[name]}'); END"
        )
    for table, verb in (("tokens", "DELETE"), ("audit", "DELETE"), ("audit", "UPDATE")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, 'rows of {table} stay'); END"
        )


def _postgres_triggers() -> None:
    op.execute(
        "CREATE FUNCTION tokenguard_refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for name, condition in _FORBIDDEN.items():
        op.execute(
            f"CREATE TRIGGER tokens_{name} BEFORE UPDATE ON tokens FOR EACH ROW"
            f" WHEN ({_in_postgres(condition)}) EXECUTE FUNCTION tokenguard_refuse('{_REASONS[name]}')"
        )
    for table, verb, each in (
        ("tokens", "DELETE", "ROW"),
        ("tokens", "TRUNCATE", "STATEMENT"),
        ("audit", "DELETE", "ROW"),
        ("audit", "UPDATE", "ROW"),
        ("audit", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} FOR EACH {each}"
            f" EXECUTE FUNCTION tokenguard_refuse('rows of {table} stay')"
        )


def _in_postgres(condition: str) -> str:
    return condition.replace("IS NOT OLD.", "IS DISTINCT FROM OLD.")
