"""What a store tells outside of its own numbers."""

from __future__ import annotations

from sqlalchemy import Engine

from camwatch.history.dialects import begin_read
from camwatch.history.public_ids import PublicIds, public_ids


def ids_of(engine: Engine) -> PublicIds:
    """Return the public ids of a store."""
    with begin_read(engine) as connection:
        return public_ids(connection)
