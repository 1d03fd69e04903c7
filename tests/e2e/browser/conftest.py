"""One house for all browser tests: what they need of it they set up themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from tests.support.web.browser_app import Stage, staged


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Give the house."""
    async with staged(tmp_path_factory.mktemp("stage")) as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editor(stage: Stage) -> AsyncIterator[BrowserContext]:
    """Give the browser of an editor of the city, who sees all."""
    context = await stage.someone("helene")
    yield context
    await context.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def landlord(stage: Stage) -> AsyncIterator[BrowserContext]:
    """Give the browser of a landlord's manager, on a phone."""
    context = await stage.someone("zoe", viewport={"width": 390, "height": 844}, is_mobile=True)
    yield context
    await context.close()
