"""`orchestrate serve`: everything in one process, until it is told to stop."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from orchestration import logs, settings
from orchestration.cli.exits import FAILED
from orchestration.cli.opening import load_app
from orchestration.errors import ConfigurationError
from orchestration.runtime.serving import serving

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command()
def serve() -> None:
    """Work for every run of the store, in this process alone, until SIGTERM or Ctrl-C.

    It ends in good order, with exit code 0: what is claimed may finish. Where it had to end
    itself, the code is 1, so that a supervisor starts it again.
    """
    found = settings.load()
    if found.broker_url is not None:
        raise ConfigurationError(
            f"a broker is configured ({found.transport}): there `dramatiq actors` and"
            " `python scheduler.py` serve the fleet; unset RABBITMQ_URL, CLOUDAMQP_URL and"
            " RABBITMQ_HOST to serve it in this one process"
        )
    app = load_app(found)
    logs.configure(found.log_level, found.log_format)
    with stop_signals() as wait, serving(app, found) as host:
        click.echo(f"serving {len(app.agents)} agents of {found.app}; Ctrl-C ends it", err=True)
        wait()
        reason = host.running.end_reason
        click.echo(f"ending: {reason or 'what is claimed may finish'}", err=True)
    if reason is not None:
        raise SystemExit(FAILED)


@contextmanager
def stop_signals() -> Iterator[Callable[[], object]]:
    """Yield what waits for the first stop signal; the others, then and later, change nothing.

    The interpreter writes a byte for each signal, whichever thread the system gave it to. A
    handler would only run once the main thread wakes up, and a lock does not wake it.
    """
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    with reader, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda _number, _frame: None)
        try:
            yield lambda: reader.recv(1)
        finally:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
