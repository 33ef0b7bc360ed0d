"""Make a store: its tables, the roles to begin with, the local user, a first admin with a token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from tokenguard.config.server_file import default_policies
from tokenguard.errors import StoreError
from tokenguard.model.people import Role, User
from tokenguard.model.policy import Policies
from tokenguard.model.rule import RuleSet
from tokenguard.model.token import Created, NewToken
from tokenguard.store import audit, roles, users
from tokenguard.store.actor import Actor, Permission
from tokenguard.store.audit import Action
from tokenguard.store.clock import Clock, wall_clock
from tokenguard.store.context import Context, context_for
from tokenguard.store.engine import open_database
from tokenguard.store.pepper import Peppers
from tokenguard.store.roles import LOCAL_EMAIL
from tokenguard.store.schema import migrate_in, version_of
from tokenguard.store.store import Store
from tokenguard.store.tables import users as user_table
from tokenguard.store.tokens import create_token

LOCAL_NAME = "local"
ADMIN = "admin"
OWN_FAMILY = "tokenguard-access-token"
"""What the store's own people sign in with, whatever a deployment mints by default for its users."""
_FIRST_TOKEN = "first token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Whom the store begins with."""

    email: str
    name: str = "Admin"


def initialise(  # noqa: PLR0913 - what a store is made of
    url: str | Path,
    *,
    peppers: Peppers,
    ruleset: RuleSet,
    policies: Policies | None = None,
    admin: FirstAdmin | None = None,
    by: str = "tokenguard",
    clock: Clock = wall_clock,
) -> tuple[Store, Created | None]:
    """Make a store at a path or URL, and open it; with `admin`, their token, this once.

    All or nothing, in one transaction. The pepper is made before (`pepper.make_pepper_file`): a store without one is
    of no use, a pepper without a store does no harm. `by`: whom the audit names.

    Raises:
        StoreError: there is one already, or it cannot be made.
        RefusedError: VALIDATION: not an address, or not a name.
        UnavailableError: the database does not answer.
    """
    policies = default_policies() if policies is None else policies
    context = context_for(peppers, ruleset, policies, clock)
    database = open_database(url, create=True)
    try:
        with database.writing() as connection:
            migrate_in(connection, database.name)
            _check_empty(connection, database.name)
            token = _filled(connection, context, Actor(name=by, rights=frozenset(), local=True), admin)
    except BaseException:
        database.close()
        raise
    return Store(database, context), token


def check_none(url: str | Path) -> None:
    """Refuse to make a store where one is, before a pepper is made that none of its tokens was kept under.

    Raises:
        StoreError: there is one already, or the database cannot be read.
    """
    if isinstance(url, Path) and not url.exists():
        return
    database = open_database(url, create=True)
    try:
        with database.reading() as connection:
            if version_of(connection) is not None:
                _check_empty(connection, database.name)
    finally:
        database.close()


def _check_empty(connection: Connection, name: str) -> None:
    if connection.execute(select(func.count()).select_from(user_table)).scalar_one():
        raise StoreError(f"{name}: there is a store already", remedy="remove it first, or use it")


def _filled(connection: Connection, context: Context, actor: Actor, admin: FirstAdmin | None) -> Created | None:
    by_name = {role.name: role for role in _first_roles(context)}
    for role in by_name.values():
        roles.add(connection, context, role)
    plan = context.policies.largest_plan
    local = User(context.new_id("usr"), LOCAL_EMAIL, LOCAL_NAME, plan, ADMIN, active=True)
    users.add(connection, context, local, by_name[ADMIN].id)
    audit.note(connection, context, actor, Action.STORE_INITIALISED)
    if admin is None:
        return None
    user = users.create_user(connection, context, actor, email=admin.email, name=admin.name, role=ADMIN, plan=plan)
    # Everything, product scopes too: no token can mint what it does not hold itself.
    new = NewToken(_FIRST_TOKEN, family=OWN_FAMILY, scopes=context.permissions, owner=user.id)
    return create_token(connection, context, actor, new)


def _first_roles(context: Context) -> tuple[Role, ...]:
    """The roles that a store begins with: an admin can change them."""
    product, own = context.policies.product_scopes, str(Permission.MANAGE_TOKENS)
    permissions: dict[str, tuple[str, ...]] = {
        ADMIN: context.permissions,
        "developer": (own, *product),
        "responder": (own, Permission.RESPOND, Permission.REPORT_LEAKS, Permission.READ_AUDIT),
        "scanner": (Permission.REPORT_LEAKS,),
        "service": (Permission.INTROSPECT,),
    }
    return tuple(Role(context.new_id("rol"), name, tuple(map(str, granted))) for name, granted in permissions.items())
