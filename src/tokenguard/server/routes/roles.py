"""Roles: named sets of permissions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from tokenguard.model.people import Role
from tokenguard.server.answers import RolesAnswer, answer
from tokenguard.server.openapi import problems
from tokenguard.server.payloads import NewRolePayload, RoleChangePayload
from tokenguard.server.route import Bearer, BearerRoute

router = APIRouter(route_class=BearerRoute, tags=["roles"])

RoleId = Annotated[str, Path(max_length=200, description="The role's id or name.")]


@router.get("/api/v1/roles", response_model=RolesAnswer, responses=problems())
def list_roles(caller: Bearer) -> Response:
    """List all roles."""
    return answer({"roles": caller.service.roles()})


@router.post("/api/v1/roles", status_code=201, response_model=Role, responses=problems(409, body=True))
def create_role(caller: Bearer, new: NewRolePayload) -> Response:
    """Add a role."""
    return answer(caller.service.create_role(name=new.name, permissions=new.permissions), 201)


@router.patch("/api/v1/roles/{role_id}", response_model=Role, responses=problems(404, 409, body=True))
def change_role(caller: Bearer, role_id: RoleId, change: RoleChangePayload) -> Response:
    """Change what is given. What is taken away counts at once; the last admin stays."""
    return answer(caller.service.change_role(role_id, name=change.name, permissions=change.permissions))


@router.delete("/api/v1/roles/{role_id}", status_code=204, responses=problems(404, 409))
def delete_role(caller: Bearer, role_id: RoleId) -> Response:
    """Delete a role that no user has."""
    caller.service.delete_role(role_id)
    return Response(status_code=204)
