"""Everything that is known of a run, record by record: never the whole run at once."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

from orchestration.ports import Session, Store
from orchestration.store import artifacts, attempts, audit, events, runs, steps
from orchestration.store.attempts import AttemptRow
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow
from orchestration.views import workflow
from orchestration.views.times import iso

BATCH = 200
Record = dict[str, Any]


def ids(store: Store, statuses: Sequence[str] = (), command: str | None = None) -> Iterator[str]:
    """The ids of runs, newest first."""
    last: RunRow | None = None
    look = partial(runs.newest, limit=BATCH, statuses=statuses, command=command)
    while batch := store.read(partial(look, than=last)):
        yield from (run.id for run in batch)
        last = batch[-1]


def of_run(store: Store, run_id: str) -> Iterator[Record]:
    """A run, then its steps with their results, its other attempts, and its events.

    Raises:
        NotFoundError: There is no such run.
    """
    row = store.read(lambda s: runs.get(s, run_id))
    yield {"record": "run", **store.read(lambda s: workflow.overview(s, row))}
    failed = store.read(lambda s: attempts.of_run(s, run_id))
    by_branch = attempts.by_branch(failed)
    for branch in store.read(lambda s: steps.of_run(s, run_id)):
        mine = by_branch[branch.step, branch.branch]
        told = store.read(partial(step, run=row, row=branch, failed=mine))
        yield record("step", run_id, told)
    for attempt in failed:
        told = store.read(partial(workflow.attempt, row=attempt))
        place = {"step": attempt.step, "branch": attempt.branch}
        yield record("attempt", run_id, {**place, **told})
    yield from of_events(store, run_id)


def of_events(store: Store, run_id: str) -> Iterator[Record]:
    """The events of a run, oldest first."""
    last = 0
    while batch := store.read(partial(events.after, last=last, limit=BATCH, run_id=run_id)):
        for each in batch:
            place = {"step": each.step, "branch": each.branch}
            told = {"at": iso(each.at), "kind": each.kind, **place, "detail": each.detail}
            yield record("event", run_id, told)
        last = batch[-1].id


def of_people(store: Store, run_ids: Collection[str]) -> Iterator[Record]:
    """The audit entries of some runs, oldest first."""
    last = 0
    while batch := store.read(partial(audit.after, last=last, limit=BATCH)):
        for each in batch:
            run_id = re.split("[: ]", each.subject, maxsplit=1)[0]
            if run_id in run_ids:
                told = {"actor": each.actor, "action": each.action, "subject": each.subject}
                yield record("audit", run_id, {"at": iso(each.at), **told})
        last = batch[-1].id


def step(session: Session, run: RunRow, row: StepRow, failed: Sequence[AttemptRow]) -> Record:
    """One branch, with its item and its result."""
    return {
        **workflow.branch(session, run, row, failed),
        "item": None if row.item is None else json.loads(row.item),
        "result": artifacts.of_branch(session, *row.key),
    }


def record(kind: str, run_id: str, content: Record) -> Record:
    """One line of an export."""
    return {"record": kind, "workflow_id": run_id, **content}
