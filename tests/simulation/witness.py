"""The witness: what was seen from outside the store, and what must never be seen."""

from collections import defaultdict
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from orchestration.engine import Key
from orchestration.plans import UNDO
from orchestration.state import RunStatus
from tests.simulation.flows import undo_of

Json = dict[str, Any]


@dataclass
class Witness:
    """What has been seen of a fleet from outside its store.

    Attributes:
        keys: The run that each command was told to have started.
        asked: Every command that RabbitMQ took: sender and id.
        started: Attempts whose action began.
        completed: Accepted completions, in order, with their attempts.
        undone: Undos that have begun, in order.
        ended: How each generation of a run ended.
        scheduled: For which time the clock started a run.
        forgotten: Ended runs that retention has removed.
        stop: The emergency stop that held at the last look, if one did.
        running: Runs that were running then and that it could hold up.
        told: The messages to the requester of each run, in order.
    """

    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    started: set[tuple[Key, int]] = field(default_factory=set)
    completed: dict[Key, int] = field(default_factory=dict)
    undone: list[Key] = field(default_factory=list)
    ended: dict[tuple[str, int], RunStatus] = field(default_factory=dict)
    progress: dict[str, float] = field(default_factory=dict)
    payers: set[str] = field(default_factory=set)
    scheduled: dict[str, datetime | None] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    stop: int | None = None
    running: set[str] = field(default_factory=set)
    told: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))

    def copy(self) -> "Witness":
        """A copy of what has been seen by now."""
        found = replace(self, **{name: copy(known) for name, known in vars(self).items()})
        found.told = defaultdict(list, {run: list(told) for run, told in self.told.items()})
        return found

    def put_back(self, saved: "Witness", still_asked: set[tuple[str, str]]) -> None:
        """Go back to what was seen at a backup, but keep the attempts: numbers are never reused."""
        kept = self.started
        vars(self).update(vars(saved.copy()))
        self.started = kept
        self.asked |= still_asked

    def known(self, sender: str, key: str, run_id: str) -> None:
        """Check and note the run that a command was told to have started."""
        assert self.keys.setdefault((sender, key), run_id) == run_id, "one run a command, ever"
        owners = [each for each, run in self.keys.items() if run == run_id]
        assert owners == [(sender, key)], "one command a run, ever"

    def began(self, key: Key, attempt: int) -> None:
        """Check and note that an attempt's action has begun."""
        assert (key, attempt) not in self.started, "no attempt number is used twice"
        assert key not in self.completed, "a finished step never runs again"
        self.started.add((key, attempt))

    def accepts(self, key: Key, attempt: int) -> bool:
        """Note an accepted completion; return whether it is the only one of its branch."""
        return self.completed.setdefault(key, attempt) == attempt

    def undo_began(self, command: str, key: Key) -> None:
        """Check an undo that has begun: every branch completed later must be undone already."""
        if key not in self.undone:
            self.undone.append(key)
        run_id, step, branch = key
        order = [each for each in self.completed if each[0] == run_id]
        mine = (run_id, step.removeprefix(UNDO), branch)
        later = order[order.index(mine) + 1 :] if mine in order else []
        for _, name, number in later:
            if not name.startswith(UNDO) and undo_of(command, name):
                undone = (run_id, UNDO + name, number)
                assert undone in self.completed, "undone in reverse"

    def hear(self, message: Json, *, retried: bool) -> None:
        """Check and note a message to the requester of a run."""
        payload = message["payload"]
        update = payload.get("progress_update")
        run_id = (update or payload)["workflow_id"]
        told = self.told[run_id]
        if is_acknowledgement(message):
            self.known(message["recipient"], payload["original_message_id"], run_id)
        else:
            assert told, "acknowledgement first"
        if update:
            shares = [
                u["progress"] for each in told if (u := each["payload"].get("progress_update"))
            ]
            assert update["progress"] >= max(shares, default=0.0), "progress never falls"
            assert retried or not any(is_final(each) for each in told), "final last"
        told.append(message)


def is_acknowledgement(message: Json) -> bool:
    """Whether a message tells which run a command has started; a repeated command is told again."""
    return "command_received" in message["payload"]


def is_final(message: Json) -> bool:
    """Whether a message tells the end of a run."""
    return "progress_update" not in message["payload"] and not is_acknowledgement(message)
