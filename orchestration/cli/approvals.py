"""`orchestrate workflows approve | reject`: a person answers for a step."""

import json
from collections.abc import Callable
from typing import Any

import click

from orchestration.cli import options, selecting
from orchestration.cli.opening import by, opened_engine
from orchestration.cli.output import emit
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.control import fingerprint
from orchestration.errors import StateError
from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import configuration, runs, steps
from orchestration.store.configuration import Version
from orchestration.views.workflow import summary

COLUMNS = ("id", "step", "parameters", "may_change")


def verb(name: str, help_: str, answer: Callable[..., RunStatus]) -> click.Command:
    """A command that answers for one waiting step."""

    @click.command(name, help=help_)
    @click.argument("run_id", metavar="ID")
    @click.argument("step", required=False)
    @click.option("--reason", default="", help="Why, for the audit.")
    @selecting.confirmation
    @options.output
    def command(*, run_id: str, step: str | None, reason: str, yes: bool, form: str) -> None:
        with opened_engine() as engine:
            waiting, run, shown = engine.store.read(lambda s: look(s, run_id, step))
            selecting.ask(name, [run], COLUMNS, yes=yes)
            status = answer(engine, run_id, waiting, by(reason), shown)
        emit(form, [{"id": run_id, "status": status.value}], ("id", "status"))

    return command


def look(session: Session, run_id: str, step: str | None) -> tuple[str, dict[str, Any], str]:
    """What waits in a run: the step, the run, and the fingerprint of both.

    Raises:
        NotFoundError: There is no such run.
        StateError: Nothing waits there, or several steps do and none is named.
    """
    run, rows = runs.get(session, run_id), steps.of_run(session, run_id)
    waiting = [row for row in rows if row.status is StepStatus.WAITING]
    names = sorted({row.step for row in waiting})
    if not names or (step is not None and step not in names):
        what = f"step {step!r} does not wait" if step else "nothing waits"
        raise StateError(
            f"{run_id} is {run.status}: {what} for an approval;"
            f" waiting: {', '.join(names) or 'none'}"
        )
    if step is None and len(names) > 1:
        raise StateError(f"{run_id}: several steps wait, name one of them: {', '.join(names)}")
    name = step or names[0]
    names_ = run.plan.step[name].configures
    now = {each: configuration.current(session, each) for each in names_}
    may_change = ", ".join(f"{n} (now {told(v)})" for n, v in now.items()) or "no configuration"
    shown = {**summary(run), "step": name, "parameters": run.parameters, "may_change": may_change}
    return name, shown, fingerprint(session, run, [row for row in waiting if row.step == name])


def told(version: Version | None) -> str:
    """A value of the configuration in one line."""
    return "unset" if version is None else f"{json.dumps(version.value)}, v{version.version}"


def _approve(engine: Engine, run_id: str, step: str, who: By, shown: str) -> RunStatus:
    return engine.approve(run_id, step, who, shown)


def _reject(engine: Engine, run_id: str, step: str, who: By, _shown: str) -> RunStatus:
    return engine.reject(run_id, step, who)


approve = verb("approve", "Allow STEP of the run ID, which waits for a person.", _approve)
reject = verb("reject", "Refuse STEP of the run ID: the run is cancelled.", _reject)
