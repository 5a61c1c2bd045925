"""`/orchestration/dead-letters`: messages that could not be used."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter
from pydantic import Field, StrictInt, model_validator

from orchestration.desk import dead_letters as desk
from orchestration.desk import preview
from orchestration.desk.changes import Outcome
from orchestration.desk.dead_letters import Handled
from orchestration.store import dead_letters
from orchestration.store.dead_letters import DeadLetterRow
from orchestration.views.dead_letters import as_json, readable
from orchestration.web.api import cursors
from orchestration.web.authentication import Actor, Operator, TheConsole, Viewer
from orchestration.web.console import Console
from orchestration.web.described import (
    MOST_SHOWN,
    SHOWN,
    Body,
    Cursor,
    Limit,
    Number,
    Previewed,
    Seen,
    Text,
    Word,
    answers,
    shown_as,
)

router = APIRouter(tags=["dead letters"])

LETTER = {
    "id": 7, "reason": "command_rejected", "detail": "unknown command 'fly'", "replayable": True,
    "routing_key": "command.orchestration", "sender": "a", "message_id": "m", "size": 180,
    "received_at": "2026-01-31T06:30:00.000+00:00",
}  # fmt: skip
EXAMPLE = {"change": "replay", "reason": "command_rejected", "preview": True}
Id = Annotated[StrictInt, Field(ge=1, le=2**53)]


class LettersChange(Body):
    """What is to become of several letters: `ids`, or those of a reason or sender."""

    model_config = shown_as(EXAMPLE)

    change: Literal["replay", "discard"]
    ids: list[Id] = Field(default_factory=list, max_length=1_000)
    reason: Text | None = None
    sender: Text | None = None
    preview: Previewed = True
    shown: Seen = None

    @model_validator(mode="after")
    def _ids_or_filter(self) -> Self:
        if bool(self.ids) == bool(self.reason or self.sender):
            raise ValueError("give ids, or a reason or a sender, and not both")
        return self


@router.get(
    "/dead-letters",
    summary="List dead letters",
    responses=answers({"items": [LETTER], "next": None}, 404),
)
def list_dead_letters(
    console: TheConsole,
    _: Viewer,
    *,
    reason: Word | None = None,
    sender: Word | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first."""
    before = cursors.number_in(cursor)
    found = console.read(lambda s: dead_letters.newest(s, limit + 1, reason, sender, before))
    return cursors.page(found, limit, as_json, lambda row: (row.id,))


@router.get(
    "/dead-letters/{letter}",
    summary="One with its body",
    responses=answers({**LETTER, "body": {}}, 404),
)
def get_dead_letter(console: TheConsole, _: Viewer, letter: Number) -> dict[str, Any]:
    """Configured secrets are masked in it."""
    row, body = console.read(lambda s: dead_letters.get(s, letter))
    return {**as_json(row), "body": readable(body)}


@router.post(
    "/dead-letters/{letter}/replay",
    summary="Handle a message again",
    responses=answers({"id": 7, "outcome": "handled", "died_as": None}, 404, 409),
)
def replay_dead_letter(console: TheConsole, actor: Operator, letter: Number) -> dict[str, Any]:
    """As if it had just come; `died_as` is its new number where it could not be used again."""
    return only(act(console, actor, "replay", one(console, letter)))


@router.post(
    "/dead-letters/{letter}/discard",
    summary="Forget a message for good",
    responses=answers({"id": 7, "outcome": "discarded", "died_as": None}, 404),
)
def discard_dead_letter(console: TheConsole, actor: Operator, letter: Number) -> dict[str, Any]:
    """Nothing keeps it afterwards."""
    return only(act(console, actor, "discard", one(console, letter)))


@router.post(
    "/bulk/dead-letters",
    summary="Replay or discard several messages",
    responses=answers(
        {"preview": True, "count": 1, "shown": SHOWN, "letters": [LETTER]}, 404, 409, 422
    ),
)
def change_dead_letters(
    console: TheConsole, actor: Operator, wish: LettersChange
) -> dict[str, Any]:
    """By ids or by a filter; `preview` is true unless it is told otherwise, and gives `shown`."""
    rows = console.read(lambda s: desk.wanted(s, wish.ids, wish.reason, wish.sender))
    numbers = [row.id for row in rows]
    told: dict[str, Any] = {"preview": wish.preview, "shown": preview.digest(numbers)}
    if wish.preview:
        shown = [as_json(row) for row in rows[:MOST_SHOWN]]
        return {**told, "count": len(rows), "letters": shown, "refused": []}
    if not wish.ids or wish.shown is not None:
        preview.check(wish.shown, numbers)
    handled, refused = act(console, actor, wish.change, rows)
    done = list(map(desk.as_json, handled))
    return {**told, "count": len(done), "letters": done, "refused": list(map(str, refused))}


def act(
    console: Console, actor: Actor, change: str, rows: Sequence[DeadLetterRow]
) -> Outcome[Handled]:
    """Replay or discard letters."""
    ways: dict[str, Callable[[], Outcome[Handled]]] = {
        "replay": lambda: desk.replay(
            console.engine, console.app, console.settings, rows, actor.by()
        ),
        "discard": lambda: desk.discard(console.engine, rows, actor.by()),
    }
    return ways[change]()


def one(console: Console, letter: int) -> list[DeadLetterRow]:
    """A letter alone.

    Raises:
        NotFoundError: There is no such letter.
    """
    return console.read(lambda s: desk.wanted(s, [letter], None, None))


def only(told: Outcome[Handled]) -> dict[str, Any]:
    """What became of one letter.

    Raises:
        OrchestrationError: It was refused.
    """
    handled, refused = told
    if refused:
        raise refused[0]
    return desk.as_json(handled[0])
