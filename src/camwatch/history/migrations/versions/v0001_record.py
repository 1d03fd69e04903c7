"""The record as it began: every table."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "blindness",
        sa.Column("id", _ID, nullable=False),
        sa.Column("operators", sa.Text, nullable=False),
        sa.Column("links", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("began_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blindness"),
    )
    op.create_index("ix_blindness_began_ms", "blindness", ["began_ms"])
    op.create_table(
        "cameras",
        sa.Column("key", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_cameras"),
        sa.UniqueConstraint("id", "operator", name="uq_cameras_id_operator"),
    )
    op.create_table(
        "corrections",
        sa.Column("seq", _ID, autoincrement=False, nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_corrections"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "sights",
        sa.Column("links", sa.Text, nullable=False),
        sa.Column("operators", sa.Text, nullable=False),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("links", name="pk_sights"),
    )
    op.create_table(
        "windows",
        sa.Column("id", _ID, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("scope_id", sa.Text, nullable=False),
        sa.Column("starts_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_windows"),
        sa.UniqueConstraint(
            "scope", "scope_id", "starts_ms", "ends_ms", name="uq_windows_scope_scope_id_starts_ms_ends_ms"
        ),
    )
    op.create_table(
        "checkpoints",
        sa.Column("camera_key", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("life", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("cause", sa.Text),
        sa.Column("settled_ms", sa.BigInteger),
        sa.Column("proof_ms", sa.BigInteger),
        sa.Column("due_ms", sa.BigInteger),
        sa.Column("deadline_ms", sa.BigInteger),
        sa.Column("outage_open", sa.Boolean, nullable=False),
        sa.Column("left_down_ms", sa.BigInteger),
        sa.Column("up", sa.BigInteger, nullable=False),
        sa.Column("down", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.BigInteger, nullable=False),
        sa.Column("maintenance", sa.BigInteger, nullable=False),
        sa.Column("degraded", sa.BigInteger, nullable=False),
        sa.Column("heartbeats", sa.BigInteger, nullable=False),
        sa.Column("outages", sa.BigInteger, nullable=False),
        sa.Column("reboots", sa.BigInteger, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("next_seq", sa.BigInteger),
        sa.Column("uptime_s", sa.Float(precision=53)),
        sa.Column("ts", sa.Float(precision=53)),
        sa.Column("clock_offset_s", sa.Float(precision=53)),
        sa.Column("flaps", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_checkpoints_camera_key"),
        sa.PrimaryKeyConstraint("camera_key", name="pk_checkpoints"),
    )
    op.create_table(
        "days",
        sa.Column("camera_key", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("up", sa.BigInteger, nullable=False),
        sa.Column("down", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.BigInteger, nullable=False),
        sa.Column("maintenance", sa.BigInteger, nullable=False),
        sa.Column("excluded", sa.BigInteger, nullable=False),
        sa.Column("outages", sa.Integer, nullable=False),
        sa.Column("reboots", sa.Integer, nullable=False),
        sa.Column("uncertain_up", sa.BigInteger, nullable=False),
        sa.Column("uncertain_down", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_days_camera_key"),
        sa.PrimaryKeyConstraint("camera_key", "day", name="pk_days"),
    )
    op.create_table(
        "fills",
        sa.Column("id", _ID, nullable=False),
        sa.Column("camera_key", sa.Integer, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("sure_start_ms", sa.BigInteger),
        sa.Column("sure_end_ms", sa.BigInteger),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_fills_camera_key"),
        sa.PrimaryKeyConstraint("id", name="pk_fills"),
    )
    op.create_index("ix_fills_camera_key_start_ms", "fills", ["camera_key", "start_ms"])
    op.create_table(
        "outages",
        sa.Column("id", _ID, nullable=False),
        sa.Column("camera_key", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("noticed_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger),
        sa.Column("cause", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_outages_camera_key"),
        sa.PrimaryKeyConstraint("id", name="pk_outages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outages_camera_key_at_ms", "outages", ["camera_key", "at_ms"])
    op.create_table(
        "reboots",
        sa.Column("id", _ID, nullable=False),
        sa.Column("camera_key", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_reboots_camera_key"),
        sa.PrimaryKeyConstraint("id", name="pk_reboots"),
    )
    op.create_index("ix_reboots_camera_key_at_ms", "reboots", ["camera_key", "at_ms"])
    op.create_table(
        "placements",
        sa.Column("id", _ID, nullable=False),
        sa.Column("camera_key", sa.Integer, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_placements_camera_key"),
        sa.PrimaryKeyConstraint("id", name="pk_placements"),
    )
    op.create_index("ix_placements_camera_key_since_ms", "placements", ["camera_key", "since_ms"])
    op.create_table(
        "service",
        sa.Column("id", _ID, nullable=False),
        sa.Column("camera_key", sa.Integer, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_service_camera_key"),
        sa.PrimaryKeyConstraint("id", name="pk_service"),
    )
    op.create_index("ix_service_camera_key_start_ms", "service", ["camera_key", "start_ms"])
    op.create_table(
        "transitions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("camera_key", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("noticed_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("cause", sa.Text),
        sa.Column("earliest_ms", sa.BigInteger),
        sa.Column("latest_ms", sa.BigInteger),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_transitions_camera_key"),
        sa.PrimaryKeyConstraint("id", name="pk_transitions"),
    )
    op.create_index("ix_transitions_at_ms", "transitions", ["at_ms"])
    op.create_index("ix_transitions_camera_key_at_ms", "transitions", ["camera_key", "at_ms"])
    op.bulk_insert(
        sa.table("meta", sa.column("name", sa.Text), sa.column("value", sa.Text)),
        [{"name": "secret", "value": secrets.token_hex(32)}],
    )
