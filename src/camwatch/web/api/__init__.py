"""The API, version 1: what programs read and change. See `docs/api.md`."""

from fastapi import APIRouter, Depends

from camwatch.web.api import cameras, fleet, inventory, live, maintenance, record, reports
from camwatch.web.api.asking import no_strangers

router = APIRouter(prefix="/api/v1", dependencies=[Depends(no_strangers)])
for each in (fleet, cameras, record, reports, maintenance, inventory, live):
    router.include_router(each.router)
