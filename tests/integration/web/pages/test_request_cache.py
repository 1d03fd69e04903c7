"""What a page caches for one account, no other account reads."""

from __future__ import annotations

import asyncio

from tests.support.web.two_operator_app import LANDLORD, MAYOR, Town


async def test_what_is_shared_is_never_shared_with_who_sees_others(built: Town) -> None:
    async with built.client(MAYOR) as mayor, built.client(LANDLORD) as landlord:
        ours, theirs = await asyncio.gather(mayor.get("/partials/fleet"), landlord.get("/partials/fleet"))
    assert "zulu" not in ours.text.lower()
    assert "zulu" in theirs.text.lower()
    assert "ville-" not in theirs.text
