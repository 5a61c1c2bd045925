"""`orchestrate schema`: what a message looks like, for agents in other languages."""

from typing import Any, BinaryIO

import click

from orchestration import exit_codes
from orchestration.cli import options
from orchestration.cli.output import emit
from orchestration.errors import MalformedMessageError
from orchestration.messages import ORCHESTRATORS, parse
from orchestration.messages import schema as envelope_schema


@click.command()
@click.option(
    "--check",
    "file",
    type=click.File("rb"),
    help="Check one message, JSON in a file, in its place; - is stdin.",
)
@options.output
def schema(*, file: BinaryIO | None, form: str) -> int:
    """Print the JSON Schema of every message on the exchange, or check one message.

    Exits 1 where the message would become a dead letter.
    """
    if file is None:
        emit("json", envelope_schema())
        return exit_codes.COMPLETED
    found = checked(file.read())
    emit(form, found)
    return exit_codes.COMPLETED if found["valid"] else exit_codes.FAILED


def checked(body: bytes) -> dict[str, Any]:
    """How the orchestrator would read a message."""
    try:
        envelope = parse(body)
    except MalformedMessageError as error:
        return {"valid": False, "reason": error.reason, "problem": str(error)}
    return {
        "valid": True,
        "message_type": envelope.message_type.value,
        "sender": envelope.sender,
        "for_the_orchestrator": envelope.recipient in ORCHESTRATORS,
    }
