"""`/tokens`: who may use this console and the HTTP API."""

from fastapi import APIRouter, Response

from orchestration.desk import tokens as desk
from orchestration.desk.tokens import Role
from orchestration.errors import RejectedError
from orchestration.store import tokens as rows
from orchestration.web.pages.visit import Administering, Filled, Visit, text_of

router = APIRouter(prefix="/tokens")


@router.get("")
def tokens(visit: Administering) -> Response:
    """The names of all tokens; a token itself is never shown again."""
    return listing(visit)


@router.post("/add")
def add(visit: Administering, form: Filled) -> Response:
    """Make a token, and show it this once."""
    name, role = text_of(form, "name"), text_of(form, "role")
    if role not in set(Role):
        raise RejectedError(f"role {role!r}: take one of {', '.join(Role)}")
    made = desk.add(visit.console.engine, name, Role(role), visit.who.by())
    return listing(visit, name, made)


@router.post("/revoke")
def revoke(visit: Administering, form: Filled) -> Response:
    """Revoke a token."""
    desk.revoke(visit.console.engine, text_of(form, "name"), visit.who.by())
    return visit.go("/tokens", "revoke")


def listing(visit: Visit, name: str = "", made: str = "") -> Response:
    """The page of all tokens, with the one that was just made."""
    found = visit.console.read(rows.everyone)
    return visit.page("tokens.html", tokens=found, roles=list(Role), name=name, made=made)
