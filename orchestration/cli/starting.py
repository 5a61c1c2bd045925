"""Starts a run: as a client if workers serve the store, else alone in this process."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any, NamedTuple, NoReturn

import click

from orchestration.bus.address import address_in
from orchestration.cli import parameters
from orchestration.cli.ending import code_of
from orchestration.cli.following import LOOK_EVERY_S
from orchestration.cli.opening import load_app
from orchestration.cli.options import SENDER
from orchestration.cli.output import emit
from orchestration.cli.stopping import STOP_SIGNALS
from orchestration.client import Client
from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.desk.starting import command_of
from orchestration.engine import Engine
from orchestration.engine.submit import Command, prepare, refuse, workflow_of
from orchestration.errors import OrchestrationError
from orchestration.exit_codes import DETACHED
from orchestration.runtime.embedded import embedded
from orchestration.runtime.host import Host
from orchestration.runtime.reach import require_own_store
from orchestration.runtime.watch import Watch
from orchestration.settings import Settings
from orchestration.store import commands, runs, workers
from orchestration.store.connect import Opened

LAST_WORDS_S = 1.0
UNSERVED = "`orchestrate serve` finishes it"


class Begun(NamedTuple):
    """A run that was started.

    Attributes:
        fate: What becomes of it without this process, in words.
    """

    run_id: str
    fate: str


@dataclass(frozen=True, slots=True)
class Wish:
    """The workflow and the parameters of a run to be started."""

    app: App
    settings: Settings
    name: str
    parameters: Mapping[str, Any]

    def check(self) -> None:
        """Refuse a run that could not start, before anything is written.

        Raises:
            RejectedError: The name or the parameters are wrong.
            BrokerError: A broker is configured, and cannot be used, or is that of another store.
            StoreError: The store cannot be used.
        """
        found = prepare(self.app, self.name, self.parameters, sender=SENDER, run_hex=run_hex())
        refuse(self.name, found.strays)
        if (address := address_in(self.settings)) is not None:
            require_own_store(address, self.settings.store_url)


def make_wish(
    name: str, pairs: tuple[str, ...], file: IO[bytes] | None, settings: Settings
) -> Wish:
    """A checked wish.

    Raises:
        RejectedError: The name or the parameters are wrong.
        BrokerError: A broker is configured, and cannot be used, or is that of another store.
        StoreError: The store cannot be used.
    """
    app = load_app(settings)
    model = workflow_of(app, name).parameters
    wish = Wish(app, settings, name, parameters.read(model, pairs, file))
    wish.check()
    return wish


def served_on(opened: Opened) -> str | None:
    """The transport of the live workers that serve every run of the store; None: there are none."""
    for row in opened.store.read(workers.present):
        if row.scope is None and not row.draining and not opened.locks.is_free(row.id):
            return row.transport
    return None


@contextmanager
def started(wish: Wish, opened: Opened, key: str | None = None) -> Iterator[Begun]:
    """Start a run, and let workers or this process work on it until the block ends.

    Args:
        wish: What is started.
        opened: The store.
        key: The same key never starts a second run; it finds the first one.

    Raises:
        RejectedError: The key is wrong, or was used for another command.
        StoreError: Nothing was stored.
        InDoubtError: It is not known whether it was stored.
    """
    if wish.settings.broker_url is not None or served_on(opened) == wish.settings.transport:
        with Client(wish.settings.store_url, app=wish.app, sender=SENDER) as client:
            run_id = client.start(wish.name, wish.parameters, idempotency_key=key).workflow_id
            begun = Begun(run_id, "it goes on where it is worked on")
            try:
                yield begun
            except KeyboardInterrupt:
                say_detached(begun)
                sys.exit(DETACHED)
    else:
        with alone(wish, opened, key) as begun:
            yield begun


@contextmanager
def alone(wish: Wish, opened: Opened, key: str | None) -> Iterator[Begun]:
    """Start a run or find that of the key, and work in this process for that run alone."""
    command = command_of(wish.app, wish.name, wish.parameters, SENDER, key)
    command = replace(command, needs_slot=False)
    scope = known_by(opened, command) or command.run_id
    with embedded(wish.app, wish.settings, scope=scope) as host, sigterm_like_ctrl_c():
        engine = host.running.engine
        begun = Begun(engine.submit(command), UNSERVED)
        if begun.run_id != scope and not has_ended(engine, begun.run_id):
            # the id was taken, or another process has just used the key: this one serves its scope
            say_detached(begun)
            sys.exit(DETACHED)
        try:
            with Watch(engine):
                yield begun
        except KeyboardInterrupt:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)  # a second signal would only delay the exit
            host.drain()
            say_detached(begun)
            if hangs(host):
                leave(DETACHED)
            sys.exit(DETACHED)
        host.running.forget()
        if hangs(host):
            leave(code_of(engine.store.read(lambda s: runs.status(s, begun.run_id))))


def known_by(opened: Opened, command: Command) -> str | None:
    """The run that the same command has started under its key; None: there is none."""
    if (key := command.key) is None:
        return None
    seen = opened.store.read(lambda s: commands.find(s, command.sender, key))
    return seen.run_id if seen is not None and command.is_that(seen) else None


def has_ended(engine: Engine, run_id: str) -> bool:
    """Whether a run has ended: one that its key has found, for instance."""
    return engine.store.read(lambda s: runs.status(s, run_id)).ended


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt until the block ends; then restore the handlers."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number, meaning in before.items():
            signal.signal(number, meaning)


def hangs(host: Host) -> bool:
    """Whether an attempt still goes on after a short wait, though its result is not wanted."""
    end = time.monotonic() + LAST_WORDS_S
    while (held := host.running.frame.held()) and time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
    return bool(held)


def leave(code: int) -> NoReturn:
    """End this process now; another worker of the store takes over the attempts that it holds."""
    sys.stdout.flush()
    os._exit(code)


@contextmanager
def told_of(begun: Begun, form: str) -> Iterator[None]:
    """Tell which run was started if an error ends the block before the run's end was seen.

    Raises:
        OrchestrationError: The block's own error, whose exit code and line are as everywhere.
    """
    try:
        yield
    except OrchestrationError:
        say_detached(begun)
        if form == "json":
            emit(form, {"workflow_id": begun.run_id})
        raise


def say_detached(begun: Begun) -> None:
    """Print that the run outlives this process, and how to see it again."""
    run_id, fate = begun
    click.echo(
        f"\ndetached from {run_id}: {fate}; `orchestrate workflows watch {run_id}` shows it",
        err=True,
    )
