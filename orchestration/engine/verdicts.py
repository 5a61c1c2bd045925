"""Approvals and rejections over the bus: each counts once, and none for the person's own run."""

import hashlib
import json
from dataclasses import dataclass

from orchestration.engine import answers
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError, OwnRunError, RejectedError, StateError
from orchestration.state import RunStatus
from orchestration.store import commands, runs
from orchestration.store.commands import Seen

APPROVE, REJECT = "approve_workflow", "reject_workflow"
NAMES = (APPROVE, REJECT)
LONGEST_QUESTION = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A person's answer.

    Attributes:
        name: `approve_workflow` or `reject_workflow`.
        run_id: The run.
        step: The step that waits for a person.
        shown: The fingerprint of what the person saw; None: not given.
        by: The person, as RabbitMQ has checked, with every name that counts as the person's own.
        sender: The agent that sent it, and gets the reply.
        key: By which a repeated answer is recognised.
    """

    name: str
    run_id: str
    step: str
    shown: str | None
    by: By
    sender: str
    key: str

    @property
    def digest(self) -> str:
        """A digest that is the same for the same answer of the same person."""
        said = self.name, self.run_id, self.step, self.shown, str(self.by)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def carry_out(tx: Transaction, verdict: Verdict) -> RunStatus:
    """Approve or reject as an answer says, once, and return the status of its run after that.

    Raises:
        DuplicateCommandError: Its key was used for something else.
        RejectedError: The answer is not valid here.
        StoppedError: An emergency stop holds.
    """
    try:
        seen = commands.find(tx.session, verdict.sender, verdict.key)
        if seen is None:
            status = decide(tx, verdict)
            new = Seen(verdict.digest, verdict.run_id)
            commands.remember(tx.session, verdict.sender, verdict.key, new, tx.now)
            return status
        if seen.digest != verdict.digest:
            raise commands.duplicate(verdict.sender, verdict.key)
        return runs.load(tx.session, verdict.run_id).status
    except (NotFoundError, StateError, OwnRunError) as error:
        raise RejectedError(str(error)) from None


def decide(tx: Transaction, verdict: Verdict) -> RunStatus:
    """Approve or reject as an answer says; an approval is only for what was shown.

    Raises:
        NotFoundError: No branch waits there.
        OwnRunError: It is the person's own run.
        StateError: The approval has expired, or is not for what was shown.
        RejectedError: The answer does not say what was shown.
        StoppedError: An emergency stop holds.
    """
    run_id, step, by = verdict.run_id, verdict.step, verdict.by
    if verdict.name == REJECT:
        return answers.reject(tx, run_id, step, by)
    if verdict.shown is not None:
        return answers.approve(tx, run_id, step, verdict.shown, by)
    answers.refuse_own(tx.session, run_id, by)
    shown, run = answers.shown(tx.session, run_id, step), runs.get(tx.session, run_id)
    raise RejectedError(
        f"parameters.shown: what waits has shown={shown}: at {step} of {run_id}, {run.command} with"
        f" {run.parameters[:LONGEST_QUESTION]}; who allows that sends it in a new command"
    )
