"""`orchestrate serve`: everything in one process, until it is told to stop."""

import signal
import threading
from types import FrameType

import click

from orchestration import logs, settings
from orchestration.cli.opening import load_app
from orchestration.errors import ConfigurationError
from orchestration.runtime.serving import serving

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command()
def serve() -> None:
    """Work for every run of the store, in this process alone, until SIGTERM or Ctrl-C.

    It ends in good order, with exit code 0: what is claimed may finish.
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
    stopping = stop_event()
    with serving(app, found):
        click.echo(f"serving {len(app.agents)} agents of {found.app}; Ctrl-C ends it", err=True)
        stopping.wait()
        click.echo("ending: what is claimed may finish", err=True)


def stop_event() -> threading.Event:
    """An event that the first stop signal sets; further ones change nothing."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    return stopping
