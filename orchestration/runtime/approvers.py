"""Which users may answer approvals over the bus, and what their answers say."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestration.engine.by import By
from orchestration.engine.verdicts import Verdict
from orchestration.errors import RejectedError
from orchestration.messages import Envelope
from orchestration.settings import Settings

INSTEAD = "`orchestrate workflows approve` or `reject` does it without the bus"
LONGEST_REASON = 500

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Parameters(BaseModel):
    """What an answer says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    workflow_id: Name
    step: Name
    shown: Name | None = None
    reason: Annotated[str, Field(max_length=LONGEST_REASON, pattern=r"^[^\x00]*$")] = ""


def verdict_of(
    envelope: Envelope, name: str, key: str, user: str | None, settings: Settings
) -> Verdict:
    """The answer in a command.

    Args:
        envelope: The command.
        name: The verb that it names.
        key: By which a repeated answer is recognised.
        user: The publisher, as RabbitMQ has checked.
        settings: Which users may answer, and which agents they speak for.

    Raises:
        RejectedError: The user may not answer, or the parameters are wrong.
    """
    approver = checked_approver(name, user, settings)
    try:
        said = Parameters.model_validate(envelope.payload.get("parameters") or {})
    except ValidationError as error:
        problems = [
            f"parameters.{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise RejectedError(f"{name}: {'; '.join(problems)}") from None
    agents = {agent for known, agent in settings.user_agents if known == approver}
    also = frozenset({approver, envelope.sender, envelope.answer_to, *agents})
    return Verdict(
        name=name,
        run_id=said.workflow_id,
        step=said.step,
        shown=said.shown,
        by=By(actor_of(approver), settings.mask(said.reason), bound=True, also=also),
        sender=envelope.sender,
        key=key,
    )


def checked_approver(name: str, user: str | None, settings: Settings) -> str:
    """The user, if the user's answers count.

    Raises:
        RejectedError: They do not count.
    """
    if not settings.approvers:
        raise RejectedError(
            f"{name}: approvals over the bus are off: name RabbitMQ's users whose answers count in"
            f" APPROVERS; {INSTEAD}"
        )
    if user is None or user not in settings.approvers:
        who = "a message without user_id" if user is None else f"user {user!r}"
        raise RejectedError(
            f"{name} counts only from a user in APPROVERS whom RabbitMQ has checked, and {who} is"
            f" none: publish it with the property user_id, as one of them; {INSTEAD}"
        )
    return user


def actor_of(user: str) -> str:
    """A user of RabbitMQ, as the audit log and the causers of runs name one."""
    return f"bus:{user}"
