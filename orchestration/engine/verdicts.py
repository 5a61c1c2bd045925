"""Answers over the bus to what waits for a person: each counts once, none for a run of his own."""

import hashlib
import json
from dataclasses import dataclass

from orchestration.engine import control
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
        run_id: The run in which something waits.
        step: What waits.
        shown: The fingerprint of what he saw; None: he does not say.
        by: Who answers, as RabbitMQ has checked, and every name that he speaks for.
        sender: Who has sent it, and is told.
        key: What makes it known where it comes again.
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
        """The same for the same answer of the same person."""
        said = self.name, self.run_id, self.step, self.shown, str(self.by)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def settle(tx: Transaction, verdict: Verdict) -> RunStatus:
    """Do what an answer says, once, and tell how its run is then.

    Raises:
        DuplicateCommandError: Its key was used for something else.
        RejectedError: It counts for nothing.
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
    """Do what an answer says; an approval holds for what was shown.

    Raises:
        NotFoundError: Nothing waits there.
        OwnRunError: It is his own run.
        StateError: The time to answer is over, or something else waits now.
        RejectedError: It does not say what was shown, or an emergency stop holds.
    """
    run_id, step, by = verdict.run_id, verdict.step, verdict.by
    if verdict.name == REJECT:
        return control.reject(tx, run_id, step, by)
    if verdict.shown is not None:
        return control.approve(tx, run_id, step, verdict.shown, by)
    control.refuse_own(tx.session, run_id, by)
    shown, run = control.shown(tx.session, run_id, step), runs.get(tx.session, run_id)
    raise RejectedError(
        f"parameters.shown: what waits has shown={shown}: at {step} of {run_id}, {run.command} with"
        f" {run.parameters[:LONGEST_QUESTION]}; who allows that sends it in a new command"
    )
