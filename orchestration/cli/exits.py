"""The exit code of an error, and the one line that is printed for it."""

import errno
from importlib import import_module

import click

from orchestration.errors import (
    BrokerError,
    OrchestrationError,
    OverloadedError,
    ServerError,
    StoppedError,
    StoreError,
    UnknownCommandError,
    WorkflowFailedError,
)
from orchestration.exit_codes import DETACHED, FAILED, UNREACHABLE, USAGE
from orchestration.text import printable

CODES: dict[type[BaseException], int] = {
    StoreError: UNREACHABLE,
    BrokerError: UNREACHABLE,
    ServerError: UNREACHABLE,
    OverloadedError: UNREACHABLE,
    StoppedError: UNREACHABLE,
    WorkflowFailedError: FAILED,
    OrchestrationError: USAGE,
    click.exceptions.Abort: DETACHED,
    KeyboardInterrupt: DETACHED,
    click.ClickException: USAGE,
}


def code_of(error: BaseException) -> int:
    """The exit code for a kind of error."""
    return next((code for kind, code in CODES.items() if isinstance(error, kind)), FAILED)


def line_of(error: BaseException) -> str | None:
    """The line to print for an error, with what to do; None: nothing is printed."""
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt) or is_broken_pipe(error):
        return None
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "orchestrate"
        return one_line(f"{error.format_message().rstrip('.')} (see `{where} --help`)")
    if isinstance(error, click.ClickException):
        return one_line(error.format_message())
    if isinstance(error, UnknownCommandError) and is_app_on_board():
        return one_line(f"{error} (of the app on board; ORCHESTRATION_APP names yours)")
    if isinstance(error, OrchestrationError):
        return one_line(str(error))
    name = type(error).__name__
    return one_line(f"{name}: {error}; `orchestrate --debug …` shows where it comes from")


def is_app_on_board() -> bool:
    """Whether the commands are those of the app on board, since nothing names another one."""
    found = import_module("orchestration.settings").load()
    return not (found.orchestration_app or found.orchestration_url)


def complain(error: OrchestrationError, doing: str = "") -> None:
    """Print, in one line, an error that does not end the command, and what is done about it."""
    warn(f"{doing}{error}")


def warn(text: str) -> None:
    """Print, in one line, what may be wrong and does not end the command."""
    click.echo(f"orchestrate: {one_line(text)}", err=True)


def is_broken_pipe(error: BaseException) -> bool:
    """Whether the reader of our output has gone."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def one_line(text: str) -> str:
    """Text without line breaks and terminal control characters."""
    return printable(" ".join(text.split()))
