"""`POST /orchestration/bulk/workflows`: several runs at once, previewed first."""

from typing import Any, Literal, Self

from fastapi import APIRouter
from pydantic import Field, model_validator

from orchestration.desk import changes, preview
from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store.listings import Filter
from orchestration.store.runs import RunRow
from orchestration.views.workflow import summary
from orchestration.web.authentication import Operator, TheConsole
from orchestration.web.described import (
    MOST_SHOWN,
    RUN,
    SHOWN,
    Body,
    Moment,
    Previewed,
    Reason,
    Seen,
    Text,
    answers,
    shown_as,
)

router = APIRouter(prefix="/bulk", tags=["workflows"])

MOST_IDS = 1_000
EXAMPLE = {
    "change": "retry", "filter": {"status": ["failed"], "command": "restock"}, "preview": True,
}  # fmt: skip


class Meant(Body):
    """Which runs are meant; only those that can be changed like this."""

    status: list[RunStatus] = Field(default_factory=list)
    command: Text | None = None
    since: Moment | None = None
    text: Text = ""


class RunsChange(Body):
    """A change of several runs: `ids` or `filter`, and not both."""

    model_config = shown_as(EXAMPLE)

    change: Literal["cancel", "pause", "resume", "retry"]
    ids: list[Text] = Field(default_factory=list, max_length=MOST_IDS)
    filter: Meant | None = None
    preview: Previewed = True
    shown: Seen = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _ids_or_filter(self) -> Self:
        if bool(self.ids) == (self.filter is not None):
            raise ValueError("give ids or a filter, and not both")
        return self


@router.post(
    "/workflows",
    summary="Cancel, pause, resume or retry several runs",
    responses=answers(
        {
            "preview": True,
            "count": 1,
            "shown": SHOWN,
            "workflows": [{"id": RUN, "status": "failed"}],
        },
        *(404, 409, 422),
    ),
)
def change_workflows(console: TheConsole, actor: Operator, wish: RunsChange) -> dict[str, Any]:
    """By ids or by a filter; `preview` is true unless it is told otherwise, and gives `shown`."""
    change = changes.CHANGES[wish.change]
    found = console.read(lambda s: meant(s, wish))
    able = [run for run in found if run.status in change.allowed]
    ids = [run.id for run in able]
    told: dict[str, Any] = {"preview": wish.preview, "shown": preview.digest(ids)}
    if wish.preview:
        shown = list(map(summary, able[:MOST_SHOWN]))
        return {**told, "count": len(able), "workflows": shown, "refused": []}
    if wish.filter is not None or wish.shown is not None:
        preview.check(wish.shown, ids)
    unable = [] if wish.filter else [run for run in found if run.status not in change.allowed]
    why = [changes.refusal(change.name, run.id, run.status, change.allowed) for run in unable]
    changed, refused = changes.make_all(console.engine, change, ids, actor.by(wish.reason))
    done = list(map(changes.as_json, changed))
    told["refused"] = list(map(str, [*why, *refused]))
    return {**told, "count": len(done), "workflows": done}


def meant(session: Session, wish: RunsChange) -> list[RunRow]:
    """The runs that a requested change is about."""
    if wish.filter is None:
        return changes.named(session, wish.ids)
    given = wish.filter
    wanted = Filter(
        statuses=tuple(given.status), command=given.command, since=given.since, text=given.text
    )
    return changes.found(session, wanted, changes.CHANGES[wish.change].allowed)
