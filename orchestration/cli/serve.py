"""`orchestrate serve`: everything in one process, until it is told to stop."""

from contextlib import nullcontext

import click

from orchestration import logs, settings
from orchestration.cli.opening import BROKER_SETTINGS, load_app, tell_misspelt
from orchestration.cli.stopping import stop_signals
from orchestration.cli.web import beside, port_option
from orchestration.errors import ConfigurationError
from orchestration.exit_codes import FAILED
from orchestration.runtime.serving import serving
from orchestration.text import counted

NO_WEB = "no console: --no-web"


@click.command()
@click.option("--web/--no-web", default=True, help="Serve HTTP beside it, as `web` does.")
@port_option
def serve(*, web: bool, port: int | None) -> None:
    """Work for every run of the store, in this process alone, until SIGTERM or Ctrl-C.

    It ends in good order, with exit code 0: what is claimed may finish. Where it had to end
    itself, the code is 1, so that a supervisor starts it again.

    HTTP is for this machine alone, unless ORCHESTRATION_API_TOKEN is set: then its address is that
    of `web`.
    """
    found = settings.load()
    if found.broker_url is not None:
        raise ConfigurationError(
            f"a broker is configured ({found.transport}): there `dramatiq {found.app}` and"
            f" `python -m scheduler` serve the fleet; unset {BROKER_SETTINGS} to serve it in this"
            " one process"
        )
    tell_misspelt()
    app = load_app(found)
    logs.configure(found.log_level, found.log_format, found.mask)
    with (
        stop_signals() as wait,
        serving(app, found) as host,
        beside(host, app, found, port) if web else nullcontext(NO_WEB) as console,
    ):
        click.echo(console, err=True)
        click.echo(
            f"serving {counted(len(app.agents), 'agent')} of {found.app}; Ctrl-C ends it", err=True
        )
        wait()
        reason = host.running.end_reason
        click.echo(f"ending: {reason or 'what is claimed may finish'}", err=True)
    if reason is not None:
        raise SystemExit(FAILED)
