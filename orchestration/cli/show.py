"""`orchestrate workflows show`: the whole story of a run."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import click

from orchestration import settings
from orchestration.cli import options, remotely
from orchestration.cli.opening import opened_store, run_named
from orchestration.cli.output import emit
from orchestration.desk.explaining import explain
from orchestration.server_paths import path_of
from orchestration.text import all_printable, printable
from orchestration.views import error, workflow
from orchestration.views.blocker import Blocker

COLOURS = {"completed": "green", "failed": "red", "cancelled": "red", "running": "cyan"}
Json = Mapping[str, Any]


@click.command(epilog=options.SHORT_ID)
@click.argument("run_id", metavar="ID")
@options.output
def show(run_id: str, form: str) -> None:
    """Tell the whole story of the run ID: steps, attempts, workers, errors, and what to do next."""
    found = settings.load()
    if (server := remotely.server_of(found)) is not None:
        with closing(server):
            story = server.get(path_of(run_id))
        blocker = remotely.blocker_of(story)
    else:
        with opened_store() as opened:
            run_id = run_named(opened, run_id)
            story = opened.store.read(lambda s: workflow.detail(s, run_id))
            blocker = explain(opened, found, run_id)
    if form == "json":
        emit(form, {**story, "next": blocker.cure})
    else:
        for line in tell(all_printable(story), blocker):
            click.echo(line)


def tell(story: Json, blocker: Blocker) -> Iterator[str]:
    """The whole story of a run, line by line."""
    yield f"{click.style(story['id'], bold=True)}  {status(story)}  {story['progress']:.0%}"
    yield f"  {story['command']} {json.dumps(story['parameters'])}"
    yield (
        f"  by {story['sender']}, priority {story['priority']}, generation {story['generation']};"
        f" created {moment(story['created_at'])}, started {moment(story['started_at'])},"
        f" ended {moment(story['ended_at'])}"
    )
    if story["forked_from"]:
        yield f"  forked from {story['forked_from']}"
    if story["reason"]:
        yield f"  {click.style(story['reason'], fg='red')}"
    for step in story["steps"]:
        yield from tell_step(step)
    yield printable(blocker.what)
    yield f"next: {printable(blocker.cure)}"


def tell_step(step: Json) -> Iterator[str]:
    """One branch of a step, with each of its attempts."""
    reused = f", reused from {step['reused_from']}" if step["reused_from"] else ""
    name = step.get("name") or step["step"]  # a server of 0.2.0 sends no name
    yield f"  {name} · {step['agent']}  {status(step)}{reused}"
    for attempt in step["attempts"]:
        acting = ", may still act" if attempt["may_still_act"] else ""
        yield from tell_attempt(attempt, f"{attempt['outcome']}{acting}", attempt["started_at"])
    archived = [attempt["attempt"] for attempt in step["attempts"]]
    if step["attempt"] and step["attempt"] not in archived:
        yield from tell_attempt(step, step["status"], step["claimed_at"])


def tell_attempt(attempt: Json, outcome: str, started_at: str | None) -> Iterator[str]:
    """One attempt: when, where, how far, and what went wrong."""
    yield (
        f"    attempt {attempt['attempt']}  {outcome}  at {place(attempt['worker'])}"
        f"  {moment(started_at)} to {moment(attempt['ended_at'])}{last_progress(attempt)}"
    )
    problem = attempt["error"]
    if problem and outcome != "completed":
        yield f"      {click.style(error.flat(problem), fg='red')}"
        for line in (problem["traceback"] or "").rstrip().splitlines():
            yield f"      | {line}"


def last_progress(attempt: Json) -> str:
    """The last progress of an attempt."""
    said = f" {attempt['message']}" if attempt["message"] else ""
    return f"  {attempt['fraction']:.0%}{said}"


def place(worker: Json | None) -> str:
    """Host, process, id and release of a worker."""
    if worker is None:
        return "a forgotten worker"
    if worker["host"] is None:
        return "an outside agent"
    place = f"{worker['host']}:{worker['pid']}"
    return f"{place} (worker {worker['id'][:8]}, release {worker['release']})"


def status(thing: Json) -> str:
    """A status in its colour."""
    return click.style(thing["status"], fg=COLOURS.get(thing["status"], "yellow"))


def moment(at: str | None) -> str:
    """An ISO moment for people."""
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else "-"
