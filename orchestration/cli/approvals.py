"""`orchestrate workflows approve | reject`: a person answers for waiting steps."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from orchestration import exit_codes
from orchestration.cli import bulk, exits, options, remotely, selecting
from orchestration.cli.opening import by, engine_over
from orchestration.cli.output import emit
from orchestration.cli.paging import MOST_AT_ONCE, at_once
from orchestration.cli.selecting import Wanted
from orchestration.desk import approvals as desk
from orchestration.desk import changes
from orchestration.desk.naming import run_named
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import NotFoundError, StateError
from orchestration.ports import Session
from orchestration.server_paths import path_of
from orchestration.state import RunStatus, StepStatus
from orchestration.store import runs
from orchestration.store.connect import Opened

if TYPE_CHECKING:
    from orchestration.remote import Remote

COLUMNS = ("id", "step", "parameters", "may_change")
ANSWERABLE = (*changes.PAUSABLE, RunStatus.PAUSED)
ID_AND_STEP = 2

Json = dict[str, Any]
Answer = Callable[[Engine, Json, By], RunStatus]
Asked = tuple[list[Json], list[StateError]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the runs are, by three questions to it.

    Attributes:
        is_run: Whether a word names a run there.
        chosen: The runs that are wanted, as lines of a listing.
        waiting: The waiting steps of these runs, perhaps among those of others.
    """

    is_run: Callable[[str], bool]
    chosen: Callable[[Wanted], list[Json]]
    waiting: Callable[[Sequence[Json]], list[Json]]


def verb(name: str, help_: str, answer: Answer, sent: Sequence[str]) -> click.Command:
    """A command that answers for one waiting step of each run; a server gets the fields `sent`."""

    @click.command(name, help=help_, epilog=options.SHORT_ID)
    @selecting.selection
    @click.option(
        "--step", help="Which step, where several wait; after a single ID the word alone."
    )
    @click.option("--reason", default="", help="Why, for the audit.")
    @selecting.confirmation
    @options.output
    def command(*, step: str | None, reason: str, yes: bool, form: str, **words: Any) -> int:
        wanted = Wanted(**words, allowed=ANSWERABLE)

        def there(server: "Remote") -> int:
            def tell(asked: Json) -> Json:
                wish = {"reason": reason} | {each: asked[each] for each in sent}
                path = path_of(asked["workflow_id"])
                told: Json = server.post(f"{path}/{name}", wish)
                return told

            asked = questions(wanted, step, behind(server, wanted.ids))
            return carry_out(name, asked, tell, yes=yes, form=form)

        def here(opened: Opened) -> int:
            engine = engine_over(opened)

            def tell(asked: Json) -> Json:
                status = answer(engine, asked, by(reason))
                return {"id": asked["workflow_id"], "status": status.value}

            asked = engine.store.read(lambda s: questions(wanted, step, in_store(s)))
            return carry_out(name, asked, tell, yes=yes, form=form)

        return remotely.wherever(there, here)

    return command


def carry_out(
    verb: str, asked: Asked, answer: Callable[[Json], Json], *, yes: bool, form: str
) -> int:
    """Answer for each step, after consent, and print the outcome for each run."""
    questions, unasked = asked
    for error in unasked:
        exits.complain(error)
    if len(questions) == 1 and not yes and selecting.is_terminal():
        emit("table", questions[0]["builds_on"])
    if questions:
        selecting.ask(verb, list(map(in_line, questions)), COLUMNS, yes=yes)
    outcomes, refused = bulk.one_by_one(questions, answer)
    for each in refused:
        exits.complain(each)
    if outcomes or not (unasked or refused):
        emit(form, outcomes, ("id", "status"))
    kept = exit_codes.USAGE if unasked else exit_codes.COMPLETED
    return max(map(exits.code_of, refused), default=kept)


def questions(wanted: Wanted, step: str | None, place: Place) -> Asked:
    """The waiting steps to answer for, and why the other named runs have none."""
    ids = wanted.ids
    if step is None and len(ids) == ID_AND_STEP and not place.is_run(ids[1]):
        wanted, step = replace(wanted, ids=ids[:1]), ids[1]
    chosen = place.chosen(wanted)
    waiting = defaultdict[str, dict[str, Json]](dict)
    for each in place.waiting(chosen):
        waiting[each["workflow_id"]][each["step"]] = each
    found, refused = [], list[StateError]()
    for run in chosen:
        those = waiting[run["id"]]
        if not ids and not those:
            continue
        try:
            found.append(those[desk.meant(run["id"], run["status"], sorted(those), step)])
        except StateError as error:
            refused.append(error)
    return found, refused


def in_store(session: Session) -> Place:
    """The runs of this machine's own store."""
    return Place(
        is_run=partial(is_run, session),
        chosen=partial(selecting.select, session),
        waiting=partial(waiting_in, session),
    )


def behind(server: "Remote", ids: Sequence[str]) -> Place:
    """The runs behind a server."""
    return Place(
        is_run=partial(is_run_there, server),
        chosen=partial(remotely.chosen, server),
        waiting=partial(waiting_there, server, ids),
    )


def waiting_in(session: Session, chosen: Sequence[Json]) -> list[Json]:
    """The waiting steps of runs in a store."""
    found = list[Json]()
    for run_id in (run["id"] for run in chosen):
        if runs.load(session, run_id).count_branches(StepStatus.WAITING):
            found += map(desk.as_json, desk.of_run(session, runs.get(session, run_id)))
    return found


def waiting_there(server: "Remote", ids: Sequence[str], chosen: Sequence[Json]) -> list[Json]:
    """The waiting steps of runs behind a server: of these by one request each, or else of all.

    Release 0.2.0 also lists those of other runs.
    """
    if not ids:
        return at_once(server, "/approvals", changes.MOST)
    listed = (server.get("/approvals", workflow_id=run["id"], limit=MOST_AT_ONCE) for run in chosen)
    return list(chain.from_iterable(listed))


def in_line(asked: Json) -> Json:
    """A question in one line of a table."""
    parameters = json.dumps(asked["parameters"])
    return {**asked, "id": asked["workflow_id"], "parameters": parameters}


def is_run(session: Session, word: str) -> bool:
    """Whether a word is a run's id, or the beginning of one; a step's name may look like it."""
    try:
        return bool(runs.status(session, run_named(session, word)))
    except NotFoundError:
        return False


def is_run_there(server: "Remote", word: str) -> bool:
    """Whether a word is the whole id of a run behind a server."""
    try:
        return bool(remotely.named(server, word))
    except NotFoundError:
        return False


def _approve(engine: Engine, asked: Json, who: By) -> RunStatus:
    return engine.approve(asked["workflow_id"], asked["step"], asked["shown"], who)


def _reject(engine: Engine, asked: Json, who: By) -> RunStatus:
    return engine.reject(asked["workflow_id"], asked["step"], who)


approve = verb(
    "approve",
    "Allow the steps that wait for a person in the runs ID.",
    _approve,
    ("step", "shown"),
)
reject = verb(
    "reject",
    "Refuse the steps that wait in the runs ID: the runs are cancelled.",
    _reject,
    ("step",),
)
