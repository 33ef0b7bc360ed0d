"""Who the caller is, and what may be minted."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from tokenguard.server.answers import FamiliesAnswer, IdentityAnswer, answer
from tokenguard.server.openapi import problems
from tokenguard.server.route import Bearer, BearerRoute

router = APIRouter(route_class=BearerRoute, tags=["identity"])


@router.get("/api/v1/auth/me", response_model=IdentityAnswer, responses=problems())
def whoami(caller: Bearer) -> Response:
    """Say whom the token stands for, and what it may."""
    return answer(caller.service.whoami())


@router.get("/api/v1/families", response_model=FamiliesAnswer, responses=problems())
def list_families(caller: Bearer) -> Response:
    """List the families that can be minted, with the scopes that the caller may choose."""
    return answer({"families": caller.service.families()})
