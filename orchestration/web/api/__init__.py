"""What programs are told and can do: every route under `/orchestration`."""

from fastapi import APIRouter

from orchestration.web.api import status

router = APIRouter(prefix="/orchestration")
router.include_router(status.router)
