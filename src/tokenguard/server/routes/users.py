"""Users, who own tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from tokenguard.model.people import User
from tokenguard.server.answers import UsersAnswer, answer
from tokenguard.server.openapi import problems
from tokenguard.server.payloads import NewUserPayload, UserChangePayload
from tokenguard.server.route import Bearer, BearerRoute

router = APIRouter(route_class=BearerRoute, tags=["users"])


@router.get("/api/v1/users", response_model=UsersAnswer, responses=problems())
def list_users(caller: Bearer) -> Response:
    """List all users."""
    return answer({"users": caller.service.users()})


@router.post("/api/v1/users", status_code=201, response_model=User, responses=problems(404, 409, body=True))
def create_user(caller: Bearer, new: NewUserPayload) -> Response:
    """Add a user."""
    return answer(caller.service.create_user(email=new.email, name=new.name, role=new.role, plan=new.plan), 201)


@router.patch("/api/v1/users/{user_id}", response_model=User, responses=problems(404, 409, body=True))
def change_user(
    caller: Bearer,
    user_id: Annotated[str, Path(max_length=320, description="The user's id or address.")],
    change: UserChangePayload,
) -> Response:
    """Change what is given. A user who is not active has no live token; the last admin stays."""
    user = caller.service.change_user(
        user_id, name=change.name, plan=change.plan, role=change.role, active=change.active
    )
    return answer(user)
