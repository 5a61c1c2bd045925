"""Tokens and their roles, the audit, and the emergency stop."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from orchestration.desk import stopping, tokens
from orchestration.desk.tokens import Role
from orchestration.store import audit
from orchestration.store import tokens as rows
from orchestration.store.audit import Deed
from orchestration.views import emergency
from orchestration.views.times import iso
from orchestration.web.api import cursors
from orchestration.web.authentication import Admin, Operator, Releaser, TheConsole, Viewer
from orchestration.web.described import (
    NO_CONTROLS,
    RUN,
    Because,
    Body,
    Cursor,
    Limit,
    Name,
    Word,
    answers,
    because_of,
    shown_as,
    told,
)

router = APIRouter(tags=["security"])

STOPPED = {
    "stopped": True, "epoch": 1, "by": "http:alice", "reason": "wrong prices", "acting": [
        {"workflow_id": RUN, "step": "reserving", "branch": 0, "name": "reserving[0]", "attempt": 1,
         "agent": "warehouse_agent", "place": "a:42", "since": "2026-01-31T06:30:00.000+00:00"},
    ],
}  # fmt: skip
DEED = {
    "id": 7, "at": "2026-01-31T06:30:00.000+00:00", "actor": "http:alice: wrong prices",
    "action": "cancel", "subject": RUN,
}  # fmt: skip
TOKEN = {"name": "alice", "role": "operator", "created_at": None, "created_by": "root"}


class Stop(Body):
    """Why everything is stopped."""

    model_config = shown_as({"reason": "wrong prices"})

    reason: Annotated[str, Field(min_length=1, max_length=1_000, pattern=NO_CONTROLS)]


class NewToken(Body):
    """Whom a token is for, and what it opens."""

    model_config = shown_as({"name": "alice", "role": "operator"})

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]
    role: Role


@router.get("/whoami", summary="Who is asking", responses=answers({"name": "a", "role": "viewer"}))
def who_am_i(actor: Viewer) -> dict[str, str]:
    """The name and the role of the token."""
    return {"name": actor.name, "role": actor.role.value}


@router.get("/emergency", summary="Whether a stop holds", responses=answers(STOPPED))
def get_emergency(console: TheConsole, _: Viewer) -> dict[str, Any]:
    """Why, what may still act, who has acknowledged it, and who has not."""
    return console.read(emergency.status)


@router.post("/emergency/stop", summary="Stop everything", responses=answers(STOPPED))
def stop_everything(console: TheConsole, actor: Operator, stop: Stop) -> dict[str, Any]:
    """Cancels all work, and lets nothing begin until it is released."""
    stopping.stop(console.engine, console.opened.locks, actor.by(stop.reason))
    return console.read(emergency.status)


@router.post("/emergency/release", summary="Allow work again", responses=answers(STOPPED, 409))
def release_emergency(
    console: TheConsole, actor: Releaser, because: Because | None = None
) -> dict[str, Any]:
    """What the stop held up, such as undo, goes on."""
    console.engine.release(actor.by(because_of(because)))
    return console.read(emergency.status)


@router.get(
    "/audit", summary="What people did", responses=answers({"items": [DEED], "next": None}, 404)
)
def list_audit(
    console: TheConsole, _: Viewer, *, text: Word = "", limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """Newest first; `text` is in who, what or to what."""
    before = cursors.number_in(cursor)
    found = console.read(lambda s: audit.newest(s, limit + 1, before, text))
    return cursors.page(found, limit, as_json, lambda deed: (deed.id,))


@router.get("/tokens", summary="Who may come in", responses=answers([TOKEN]))
def list_tokens(console: TheConsole, _: Admin) -> list[dict[str, Any]]:
    """By name; a token itself is kept nowhere."""
    return list(map(tokens.as_json, console.read(rows.everyone)))


@router.post(
    "/tokens",
    status_code=201,
    summary="Make a token",
    responses=answers({"name": "alice", "role": "operator", "token": "orc_..."}, status=201),
)
def add_token(console: TheConsole, actor: Admin, new: NewToken) -> dict[str, str]:
    """It is shown in this answer, and never again."""
    token = tokens.add(console.engine, new.name, new.role, actor.by())
    return {"name": new.name, "role": new.role.value, "token": token}


@router.delete(
    "/tokens/{name}",
    status_code=204,
    summary="Let a token open nothing any more",
    responses={204: {"description": "Revoked."}, **told((404,))},
)
def revoke_token(console: TheConsole, actor: Admin, name: Name) -> Response:
    """Sessions that it opened end."""
    tokens.revoke(console.engine, name, actor.by())
    return Response(status_code=204)


def as_json(deed: Deed) -> dict[str, Any]:
    """What somebody did, as programs see it."""
    what = {"actor": deed.actor, "action": deed.action, "subject": deed.subject}
    return {"id": deed.id, "at": iso(deed.at), **what}
