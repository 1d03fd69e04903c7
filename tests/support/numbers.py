"""What a store tells outside of its own numbers."""

from __future__ import annotations

from sqlalchemy import Engine

from camwatch.history.dialects import read_transaction
from camwatch.history.public_ids import PublicIds, public_ids


def ids_of(engine: Engine) -> PublicIds:
    """Return the public ids of a store."""
    with read_transaction(engine) as connection:
        return public_ids(connection)
