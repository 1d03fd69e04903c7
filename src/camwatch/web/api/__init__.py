"""The API, version 1. See `docs/reference/api.md`."""

from fastapi import APIRouter, Depends

from camwatch.web.api import cameras, events, fleet, history, inventory, maintenance, reports
from camwatch.web.api.dependencies import reject_unknown_parameters

router = APIRouter(prefix="/api/v1", dependencies=[Depends(reject_unknown_parameters)])
for each in (fleet, cameras, history, reports, maintenance, inventory, events):
    router.include_router(each.router)
