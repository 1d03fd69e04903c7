"""The tables. Times are UTC milliseconds; words are those of the core's enums, so that SQL reads well.

A new store is created from them, an older one is migrated by `migrations/`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args, get_type_hints

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from camwatch.core.checkpoint_model import CameraCheckpoint

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers only columns of type INTEGER automatically.
_Id = BigInteger().with_variant(Integer, "sqlite")


def packed(names: Iterable[str]) -> str:
    """Return names as one text, one per line: the name of a link may contain blanks."""
    return "\n".join(names)


def unpacked(text: str) -> tuple[str, ...]:
    """Return the names in a packed text."""
    return tuple(text.split("\n")) if text else ()


def _camera() -> Column[int]:
    return Column("camera_key", Integer, ForeignKey("cameras.key"), nullable=False)


def _ms(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


store_metadata = Table(  # watermark_ms, batch, run, checkpoints, rolled_up_until_ms, rolled_up_zone, secret
    "store_metadata",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

cameras = Table(  # all ever monitored; a camera with another operator is another one
    "cameras",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("id", "operator"),
)

# Site and purpose of a camera from `since_ms` on (V7); the first applies before it as well.
placements = Table(
    "placements",
    metadata,
    Column("id", _Id, primary_key=True),
    _camera(),
    _ms("since_ms"),
    Column("site", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Index(None, "camera_key", "since_ms"),
)

service_periods = Table(  # time in service; end_ms null: open
    "service_periods",
    metadata,
    Column("id", _Id, primary_key=True),
    _camera(),
    _ms("start_ms"),
    _ms("end_ms", nullable=True),
    Index(None, "camera_key", "start_ms"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", _Id, primary_key=True),
    _camera(),
    _ms("at_ms"),
    _ms("detected_ms"),
    Column("status", Text, nullable=False),
    Column("cause", Text),
    _ms("earliest_ms", nullable=True),  # the bounds of at_ms, null where it is exact (E)
    _ms("latest_ms", nullable=True),
    Index(None, "camera_key", "at_ms"),
    Index(None, "at_ms"),
)

outages = Table(  # end_ms null: open; corrections refer to the id, so none is reused
    "outages",
    metadata,
    Column("id", _Id, primary_key=True),
    _camera(),
    _ms("at_ms"),
    _ms("detected_ms"),
    _ms("end_ms", nullable=True),
    Column("cause", Text, nullable=False),
    Index(None, "camera_key", "at_ms"),
    sqlite_autoincrement=True,
)

backfills = Table(  # unknown or down time that late heartbeats prove to have been up (E4)
    "backfills",
    metadata,
    Column("id", _Id, primary_key=True),
    _camera(),
    _ms("start_ms"),
    _ms("end_ms"),
    _ms("certain_start_ms", nullable=True),  # the certain part; null: all of it (E4)
    _ms("certain_end_ms", nullable=True),
    Index(None, "camera_key", "start_ms"),
)

monitoring_gaps = Table(  # operators, links: `packed`; operators empty: all
    "monitoring_gaps",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("operators", Text, nullable=False),
    Column("links", Text, nullable=False),
    Column("cause", Text, nullable=False),
    _ms("began_ms"),
    _ms("ended_ms"),
    Index(None, "began_ms"),
)

reboots = Table(
    "reboots",
    metadata,
    Column("id", _Id, primary_key=True),
    _camera(),
    _ms("at_ms"),
    Index(None, "camera_key", "at_ms"),
)

maintenance_windows = Table(  # of the inventory
    "maintenance_windows",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("scope_id", Text, nullable=False),
    _ms("start_ms"),
    _ms("end_ms"),
    Column("reason", Text, nullable=False),
    UniqueConstraint("scope", "scope_id", "start_ms", "end_ms"),
)

corrections = Table(  # append-only; each entry's hash covers the one before (docs/how-to/corrections.md)
    "corrections",
    metadata,
    Column("seq", _Id, primary_key=True, autoincrement=False),
    _ms("created_ms"),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# Rows as they were before the rebase of that correction moved them, as JSON (T5).
rebased = Table(
    "rebased",
    metadata,
    Column("correction", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("original", Text, nullable=False),
)


def _checkpoint_columns() -> Iterator[Column[Any]]:
    """Yield a column for each field of a camera's checkpoint, but those that its camera's row has."""
    kinds: dict[Any, Callable[[], Any]] = {int: BigInteger, float: lambda: Float(53), bool: Boolean}
    for name, hint in get_type_hints(CameraCheckpoint).items():
        if name not in ("camera", "operator"):
            kind, *none = get_args(hint) or (hint,)
            yield Column(name, kinds.get(kind, Text)(), nullable=bool(none))


checkpoints = Table(  # one row per camera, see camwatch.core.checkpoint_model
    "checkpoints",
    metadata,
    Column("camera_key", Integer, ForeignKey("cameras.key"), primary_key=True, autoincrement=False),
    *_checkpoint_columns(),
)

rejections = Table(  # rejected messages per camera and reason, since it was first monitored
    "rejections",
    metadata,
    Column("camera_key", Integer, ForeignKey("cameras.key"), primary_key=True, autoincrement=False),
    Column("reason", Text, primary_key=True),
    Column("messages", BigInteger, nullable=False),
)

link_groups = Table(  # links, operators: `packed`; see camwatch.core.checkpoint_model
    "link_groups",
    metadata,
    Column("links", Text, primary_key=True),
    Column("operators", Text, nullable=False),
    _ms("last_packet_ms"),
    Column("blind", Boolean, nullable=False),
)

daily_rollups = Table(  # rolled-up local days
    "daily_rollups",
    metadata,
    Column("camera_key", Integer, ForeignKey("cameras.key"), primary_key=True, autoincrement=False),
    Column("day", Text, primary_key=True),
    Column("up", BigInteger, nullable=False),
    Column("down", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Column("maintenance", BigInteger, nullable=False),
    Column("excluded", BigInteger, nullable=False),
    Column("outages", Integer, nullable=False),
    Column("reboots", Integer, nullable=False),
    Column("uncertain_up", BigInteger, nullable=False),  # the parts of `up` and `down` (A3)
    Column("uncertain_down", BigInteger, nullable=False),
)

seals = Table(  # append-only; `content` is what one transaction wrote, see camwatch.history.sealing
    "seals",
    metadata,
    Column("seq", _Id, primary_key=True, autoincrement=False),
    _ms("at_ms"),
    Column("content", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
