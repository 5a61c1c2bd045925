"""Ended runs in bulk, written past the engine: a store as it looks after a long time.

Each run has five steps with their results, twenty events and its tallies, as the engine leaves
them; one in a hundred has failed. All runs share a few bodies, so that writing is quick.
"""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from orchestration.plans import Plan, Step
from orchestration.ports import Session, Store
from orchestration.state import StepStatus
from orchestration.store import tallies

STEPS = ("preparing", "fetching", "computing", "checking", "reporting")
COMMANDS = ("nightly_report", "rebalance", "import_prices", "score_all")
AGENTS = ("data_agent", "math_agent")
KINDS = ("step.ready", "step.claimed", "step.completed", "run.progress")
BATCH = 2_000
FAILED_ONE_IN = 100
ERROR = json.dumps({"type": "SourceError", "message": "the source was away", "traceback": None})


class Rows(NamedTuple):
    """The rows of one run, by table."""

    run: tuple[Any, ...]
    steps: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]


INSERTS = {
    "run": (
        "INSERT INTO runs (id, command, plan, parameters, sender, priority, rank, needs_slot,"
        " status, generation, progress, created_at, started_at, ended_at, tallies) VALUES"
        " (?, ?, ?, ?, ?, 2, ?, 1, ?, 1, ?, ?, ?, ?, ?)"
    ),
    "steps": (
        "INSERT INTO steps (run_id, step, branch, agent, offer, status, rank, attempt, worker,"
        " fraction, result, error, opened_at, claimed_at, ended_at, ended_order)"
        " VALUES (?, ?, 0, ?, ?, ?, ?, 1, 'history', ?, ?, ?, ?, ?, ?, ?)"
    ),
    "events": "INSERT INTO events (run_id, at, kind, step, branch) VALUES (?, ?, ?, ?, 0)",
}


def plan_of(command: str) -> Plan:
    """The plan of these runs: five steps one after the other."""
    steps = [
        Step(name, AGENTS[number % 2], name, needs=STEPS[number - 1 : number] if number else ())
        for number, name in enumerate(STEPS)
    ]
    return Plan(command, tuple(steps), STEPS[-1])


def fill(
    store: Store, runs: int, until: datetime, over: timedelta, result_bytes: int, *, seed: int = 7
) -> None:
    """Write so many finished runs that ended within a span.

    Args:
        store: The store to fill.
        runs: How many runs.
        until: When the last run ended.
        over: How long before that the first run ended.
        result_bytes: The size of all results of one run together.
        seed: Another seed makes another history.
    """
    chance = random.Random(seed)  # noqa: S311 - the same history each time
    plans = {command: plan_of(command) for command in COMMANDS}
    store.write(lambda s: [write_plan(s, plan) for plan in plans.values()] and None)
    filler = "x" * (result_bytes // len(STEPS) - 40)
    result = json.dumps({"rows": 5, "checked": True, "note": filler})
    for first in range(0, runs, BATCH):
        count = min(BATCH, runs - first)
        batch = list(rows_of(range(first, first + count), runs, until, over, result, chance))
        store.write(lambda s, batch=batch: write(s, batch))  # type: ignore[misc]


def write_plan(session: Session, plan: Plan) -> int:
    """Write a plan under its command's name."""
    sql = "INSERT INTO plans (digest, body) VALUES (?, ?) ON CONFLICT DO NOTHING"
    return session.changed(sql, plan.name, plan.text)


def rows_of(
    numbers: Sequence[int],
    runs: int,
    until: datetime,
    over: timedelta,
    result: str,
    chance: random.Random,
) -> Iterator[Rows]:
    """The rows of some runs, the oldest first."""
    for number in numbers:
        command = COMMANDS[chance.randrange(len(COMMANDS))]
        run_id = f"{command}_{chance.randrange(16**12):012x}"
        began = (until - over * (1 - number / runs)).timestamp() - chance.uniform(4, 40)
        failed = chance.randrange(FAILED_ONE_IN) == 0
        yield one(run_id, command, began, result, failed=failed)


def one(run_id: str, command: str, began: float, result: str, *, failed: bool) -> Rows:
    """One run: its last step fails, or none does."""
    steps, events, tally = [], [], {}
    for number, step in enumerate(STEPS):
        at = began + number * 0.8
        bad = failed and step == STEPS[-1]
        status, agent = "failed" if bad else "completed", AGENTS[number % 2]
        kept, error = (None, ERROR) if bad else (result, None)
        row = (run_id, step, agent, f"{agent}.{step}@1", status, began, 1.0, kept, error)
        steps.append((*row, at, at + 0.1, at + 0.7, number))
        events += [(run_id, at + k / 10, kind, step) for k, kind in enumerate(KINDS)]
        tally[step] = {StepStatus(status): 1}
    status, progress, ended = "failed" if failed else "completed", 0.8 if failed else 1.0, began + 4
    run: tuple[Any, ...] = (
        run_id,
        command,
        command,
        '{"day": "2025-06-02"}',
        "scheduler",
        began - 120,
        status,
    )
    run += (progress, began, began + 0.05, ended, tallies.dump(tally))
    return Rows(run, steps, events)


def write(session: Session, batch: Sequence[Rows]) -> None:
    """Write a batch of runs."""
    for rows in batch:
        session.run(INSERTS["run"], *rows.run)
        for table in ("steps", "events"):
            for row in getattr(rows, table):
                session.run(INSERTS[table], *row)
