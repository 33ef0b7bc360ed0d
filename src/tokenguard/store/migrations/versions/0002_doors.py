"""What the dashboard, partners' alerts and notifications keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """New tables and indexes: nothing of what is there changes."""
    for group in (_sign_in, _partners, _notifications, _lists):
        group()


def _sign_in() -> None:
    op.create_table(
        "sessions",
        sa.Column("id_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token_id", sa.String(length=40)),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("address", sa.String(length=64)),
        sa.Column("agent", sa.String(length=500)),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_sessions_token_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        sa.PrimaryKeyConstraint("id_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id", "ended_at"])
    op.create_table(
        "sign_in_links",
        sa.Column("link_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("link_hash", name="pk_sign_in_links"),
    )


def _partners() -> None:
    op.create_table(
        "partner_keys",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=200), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "key_id", name="pk_partner_keys"),
    )
    op.create_table(
        "alerts",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "digest", name="pk_alerts"),
    )


def _notifications() -> None:
    op.create_table(
        "deliveries",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger()),
        sa.Column("dead_at", sa.BigInteger()),
        sa.Column("failure", sa.String(length=200)),
        sa.ForeignKeyConstraint(["message_id"], ["outbox.id"], name="fk_deliveries_message_id"),
        sa.PrimaryKeyConstraint("message_id", "channel", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_next", "deliveries", ["delivered_at", "dead_at", "next_at"])
    op.create_table(
        "reminders",
        sa.Column("token_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_reminders_token_id"),
        sa.PrimaryKeyConstraint("token_id", "kind", name="pk_reminders"),
    )


def _lists() -> None:
    unrevoked = sa.text("revoked_at IS NULL")
    columns = ["owner_id", "family", "expires_at", "revoked_at"]
    op.create_index("ix_tokens_live", "tokens", columns, sqlite_where=unrevoked, postgresql_where=unrevoked)
    op.create_index("ix_tokens_name", "tokens", [sa.text("lower(name)"), "id"])
    op.create_index("ix_tokens_used", "tokens", [sa.text("coalesce(last_used_at, created_at)"), "id"])
    op.create_index("ix_tokens_ends", "tokens", [sa.text("coalesce(expires_at, 9223372036854775807)"), "id"])
