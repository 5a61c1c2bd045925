"""`/dead-letters`: messages that could not be used: shown, replayed, or discarded."""

import json
from typing import Any

from fastapi import APIRouter, Response

from orchestration.desk import dead_letters as desk
from orchestration.errors import NotFoundError
from orchestration.ports import Session
from orchestration.store import dead_letters
from orchestration.store.dead_letters import DeadLetterRow
from orchestration.web.pages.visit import (
    LARGEST_ID,
    Asked,
    Before,
    Filled,
    Looking,
    Operating,
    Visit,
    text_of,
    texts_of,
)

router = APIRouter(prefix="/dead-letters")

PAGE = 50
MOST_AT_ONCE = 1_000
LONGEST_BODY = 50_000


@router.get("")
def listing(
    visit: Looking,
    reason: Asked = "",
    before: Before | None = None,
) -> Response:
    """A page of dead letters, newest first."""

    def look(session: Session) -> tuple[list[DeadLetterRow], dict[str, int]]:
        found = dead_letters.newest(session, PAGE + 1, reason or None, None, before)
        return found, dead_letters.reasons(session)

    found, reasons = visit.console.read(look)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return visit.page(
        "dead_letters.html", letters=found[:PAGE], reasons=reasons, reason=reason, older=older
    )


@router.get("/{letter_id}")
def show(visit: Looking, letter_id: int) -> Response:
    """One dead letter, with its body."""
    if not 0 < letter_id <= LARGEST_ID:
        raise NotFoundError(f"no dead letter {letter_id}: /dead-letters shows them")
    row, body = visit.console.read(lambda s: dead_letters.get(s, letter_id))
    text, value = readable(body)
    return visit.page("dead_letter.html", letter=row, text=text, value=value)


@router.post("/replay")
def replay(visit: Operating, form: Filled) -> Response:
    """Handle the chosen letters again, oldest first, as if they had just arrived."""
    console, by = visit.console, visit.who.by(text_of(form, "reason"))
    if not (rows := meant(visit, form)):
        return visit.go("/dead-letters", "unmarked")
    told, errors = desk.replay(console.engine, console.app, console.settings, rows, by)
    again = [each for each in told if each.died_as is not None]
    refused = [f"dead letter {each.letter} {each.outcome}" for each in again]
    refused += map(str, errors)
    done = len(told) - len(again)
    return visit.page("letters_done.html", verb="handled again", done=done, refused=refused)


@router.post("/discard")
def discard(visit: Operating, form: Filled) -> Response:
    """Forget the chosen letters for good."""
    by = visit.who.by(text_of(form, "reason"))
    if not (rows := meant(visit, form)):
        return visit.go("/dead-letters", "unmarked")
    told, errors = desk.discard(visit.console.engine, rows, by)
    refused = list(map(str, errors))
    return visit.page("letters_done.html", verb="discarded", done=len(told), refused=refused)


def meant(visit: Visit, form: Filled) -> list[DeadLetterRow]:
    """The letters that a form names, newest first; empty if it names none.

    Raises:
        NotFoundError: A letter is gone.
    """
    ids = wanted(form)
    if not ids:
        return []
    return visit.console.read(lambda s: desk.wanted(s, sorted(ids, reverse=True), None, None))


def wanted(form: Filled) -> list[int]:
    """The numbers of the letters that a form names."""
    texts = [text for text in texts_of(form, "id") if text.isdecimal()]
    found = [int(text) for text in texts if len(text) <= len(str(LARGEST_ID))]
    return [each for each in found if each <= LARGEST_ID][:MOST_AT_ONCE]


def readable(body: bytes) -> tuple[str, Any]:
    """A body as text, undecodable bytes escaped, and as JSON if it is an object."""
    text = body[:LONGEST_BODY].decode(errors="backslashreplace")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return text, None
    return text, value if isinstance(value, dict) else None
