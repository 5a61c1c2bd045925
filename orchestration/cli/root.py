"""The command itself: finds verbs, and turns every error into one line and an exit code."""

import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError
from typing_extensions import override

from orchestration import exit_codes
from orchestration.cli import exits
from orchestration.cli.verbs import VERBS, Group, Verb

HELP = ("-h", "--help")


class LazyGroup(click.Group):
    """A group whose verbs are imported when they are invoked, and not before.

    Args:
        verbs: The verbs by name.
        default: The verb that is run if none is named; None: the help is shown.
    """

    def __init__(
        self,
        *args: Any,
        verbs: Mapping[str, Verb | Group],
        default: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = verbs
        self._default = default

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        option = bool(args) and args[0].startswith("-") and args[0] not in HELP
        if self._default is not None and (not args or option):
            args = [self._default, *args]
        return super().parse_args(ctx, args)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self._verbs.get(cmd_name)
        if isinstance(verb, Group):
            return LazyGroup(cmd_name, help=verb.help, verbs=verb.verbs, default=verb.default)
        if verb is None:
            return None
        module, _, name = verb.home.partition(":")
        command: click.Command = getattr(import_module(f"orchestration.cli.{module}"), name)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in self._verbs.items()])

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._verbs and not args[0].startswith("-"):
            known = ", ".join(self._verbs)
            ctx.fail(f"unknown command {args[0]!r}; {ctx.command_path} knows: {known}")
        return super().resolve_command(ctx, args)


class Root(LazyGroup):
    """The outermost group: it alone decides about exit codes."""

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        shared: dict[str, bool] = kwargs.setdefault("obj", {"debug": False})
        kwargs["standalone_mode"] = False
        sys.exit(self._guarded(shared, args, kwargs))

    def _guarded(self, shared: dict[str, bool], args: Any, kwargs: Any) -> int:
        try:
            code = super().main(*args, **kwargs)
        except NoArgsIsHelpError as error:
            error.show()
            return exit_codes.USAGE
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost frame
            if shared["debug"]:
                traceback.print_exc()
            if line := exits.line_of(error):
                click.echo(f"orchestrate: {line}", err=True)
            return exits.code_of(error)
        return code if isinstance(code, int) else exit_codes.COMPLETED


def print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's way
    """Print the release, and end."""
    if value:
        metadata = import_module("importlib.metadata")
        try:
            release = metadata.version("fleet-orchestration")
        except metadata.PackageNotFoundError:
            release = "unreleased"
        click.echo(f"orchestrate {release}")
        ctx.exit()


@click.group(
    cls=Root,
    verbs=VERBS,
    name="orchestrate",
    context_settings={"help_option_names": list(HELP)},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_version,
    help="Show the release.",
)
@click.pass_context
def root(ctx: click.Context, *, debug: bool) -> None:
    """Durable orchestration of agents: embedded by default, on RabbitMQ where it is configured."""
    ctx.obj["debug"] = debug
