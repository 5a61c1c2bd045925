"""Options that several verbs take."""

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import click
from typing_extensions import override

F = TypeVar("F", bound=Callable[..., Any])

FORMS = ("table", "json")
SENDER = "cli"
SHORT_ID = (
    "Of an ID its beginning is enough, or that of its digits, from four digits on; behind"
    " ORCHESTRATION_URL it is written whole."
)


class Starter(click.Command):
    """A command with `given_parameters`; its error for a pair without -p shows how to write it."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True  # refused here, with a better message
        left = super().parse_args(ctx, args)
        if not left or ctx.resilient_parsing:
            return left
        told = (
            f"unexpected: {' '.join(left)}: a parameter is written -p key=value, and a value with"
            " spaces in quotes"
        )
        if all("=" in each for each in left):
            pairs = " ".join(f"-p {shlex.quote(each)}" for each in left)
            told = f"a parameter needs -p before it: write {pairs}"
        raise click.UsageError(told, ctx)


def output(function: F) -> F:
    """`-o table|json`, given to the function as `form`."""
    option = click.option(
        "-o", "--output", "form", type=click.Choice(FORMS), default=FORMS[0], help="Tables or JSON."
    )
    return option(function)


def json_only(function: F) -> F:
    """`-o json` for a verb that has no other form, so nothing is given to the function."""
    option = click.option(
        "-o", "--output", type=click.Choice(("json",)), default="json", expose_value=False,
        help="There is no other form.",
    )  # fmt: skip
    return option(function)


def limit(function: F) -> F:
    """`--limit`, given as `limit`."""
    option = click.option(
        "--limit",
        type=click.IntRange(1, 10_000),
        default=50,
        show_default=True,
        help="At most so many.",
    )
    return option(function)


def limit_if_any(function: F) -> F:
    """`--limit` of a short listing, which is shown whole without it; given as `limit`."""
    option = click.option(
        "--limit", type=click.IntRange(1, 10_000), help="At most so many; all without it."
    )
    return option(function)


def given_parameters(function: F) -> F:
    """`-p key=value …` and `--json FILE`, given as `pairs` and `file`."""
    pairs = click.option(
        "-p", "--parameter", "pairs", multiple=True, metavar="KEY=VALUE",
        help="A parameter: JSON, a comma list, or text; may be repeated.",
    )  # fmt: skip
    file = click.option(
        "--json",
        "file",
        type=click.File("rb"),
        help="All parameters, as a JSON object; - is stdin.",
    )
    return pairs(file(function))


def idempotency_key(function: F) -> F:
    """`--idempotency-key`, given as `idempotency_key`."""
    option = click.option("--idempotency-key", help="The same key never starts a second run.")
    return option(function)


def full(function: F) -> F:
    """`--full`, given as `full`."""
    option = click.option(
        "--full", is_flag=True, help="Leave nothing out of the result: also trades and curves."
    )
    return option(function)
