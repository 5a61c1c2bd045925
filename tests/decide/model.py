"""The engine in memory: the effects of decisions on branches, and the fence at its door."""

from collections import deque
from dataclasses import dataclass, field

from orchestration.decide import decide, facts
from orchestration.decide.effects import Effect, Move, MoveAll, Open, Resolve, Settle
from orchestration.decide.facts import Fact
from orchestration.plans import UNDO, Plan
from orchestration.state import STEP_TRANSITIONS, Run, RunStatus, StepStatus, progress

Place = tuple[str, int]
Answer = facts.Resolved | facts.Unresolvable
S = StepStatus


def decided(status: StepStatus) -> StepStatus:
    """A status as decisions see it: a sent branch counts as ready."""
    return S.READY if status is S.QUEUED else status


@dataclass(slots=True)
class Branch:
    """One row of the table `steps`."""

    status: StepStatus
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    unknown: bool = False
    completed_as: int | None = None


@dataclass
class Model:
    """A run, its branches, and the attempts that may still act though their claim is gone."""

    plan: Plan
    answers: dict[str, Answer]
    branches: dict[Place, Branch] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    acting: set[tuple[str, int, int]] = field(default_factory=set)
    undone: list[Place] = field(default_factory=list)
    completions: int = 0

    def __post_init__(self) -> None:
        self.run = Run("run", self.plan)

    def tallies(self) -> dict[str, dict[StepStatus, int]]:
        counted: dict[str, dict[StepStatus, int]] = {step: {} for step in self.begun}
        for (step, _), branch in self.branches.items():
            status = decided(branch.status)
            counted[step][status] = counted[step].get(status, 0) + 1
        return counted

    def advance(self, fact: Fact) -> None:
        """Follow a fact to its end, as the engine does."""
        ended, before = self.run.status.ended, progress(self.run, {})
        open_facts = deque([fact])
        while open_facts:
            decision = decide(self.run, open_facts.popleft())
            self.run = decision.run
            for effect in decision.effects:
                open_facts.extend(self.apply(effect))
        if not isinstance(fact, facts.RetryRequested):
            assert not ended or self.run.status.ended, "ended stays ended"
            assert progress(self.run, {}) >= before, "progress never falls"

    def apply(self, effect: Effect) -> list[Fact]:
        match effect:
            case Resolve(step):
                return [self.answers[step]]
            case Open():
                self.open(effect)
            case Move(step, branch, source, target):
                self.move((step, branch), source, target)
            case MoveAll(step, source, target):
                for place, row in self.branches.items():
                    if place[0] == step and decided(row.status) is source:
                        self.move(place, source, target)
            case Settle() if self.run.status is RunStatus.UNDOING and not self.acting:
                return [facts.Settled(tuple(self.undoable()))]
        return []

    def open(self, effect: Open) -> None:
        if effect.step.startswith(UNDO):
            place = (effect.step.removeprefix(UNDO), effect.first)
            assert not self.acting, "no undo while an attempt may act"
            assert not self.open_branches(), "one undo at a time"
            assert place == self.undoable()[0], "undone in reverse"
            self.undone.append(place)
        else:
            assert effect.step not in self.begun, "a step is opened once"
            needs = [self.plan.step[need] for need in self.plan.step[effect.step].needs]
            assert all(self.run.finished(need) for need in needs), "needs come first"
        self.begun.add(effect.step)
        for branch in range(effect.first, effect.first + effect.count):
            self.branches[effect.step, branch] = Branch(effect.status)

    def move(self, place: Place, source: StepStatus, target: StepStatus) -> None:
        row = self.branches[place]
        assert decided(row.status) is source
        assert target in STEP_TRANSITIONS[row.status], "statuses move by the table"
        if source is S.RUNNING and target is S.CANCELLED:
            self.acting.add((*place, row.attempt))
            row.unknown = True
        if target is S.COMPLETED:
            assert row.completed_as is None, "one completion a branch"
            row.completed_as, row.unknown = self.completions, False
            self.completions += 1
        if not source.open:
            row.failures = row.losses = 0
        row.status = target

    def undoable(self) -> list[Place]:
        """Branches of steps with an undo that may have had effects, the latest first."""
        left = [
            (row.unknown, row.completed_as if row.completed_as is not None else -1, place)
            for place, row in self.branches.items()
            if not place[0].startswith(UNDO) and self.plan.step[place[0]].undo
            if row.unknown or row.status is S.COMPLETED
            if place not in self.undone
        ]
        return [place for _, _, place in sorted(left, reverse=True)]

    def open_branches(self, *statuses: StepStatus) -> list[Place]:
        wanted = statuses or tuple(status for status in S if status.open)
        return [place for place, row in self.branches.items() if row.status in wanted]

    # The checks of the engine before it makes a report a fact.

    def send(self, place: Place) -> None:
        self.branches[place].status = S.QUEUED

    def claim(self, place: Place) -> tuple[str, int, int]:
        row = self.branches[place]
        row.status = S.RUNNING
        row.attempt += 1
        self.run = self.run.moved(place[0], S.READY, S.RUNNING)
        return *place, row.attempt

    def owns(self, attempt: tuple[str, int, int]) -> bool:
        row = self.branches[attempt[0], attempt[1]]
        return row.status is S.RUNNING and row.attempt == attempt[2]

    def stopped(self, attempt: tuple[str, int, int]) -> None:
        """The code of an attempt that lost its claim has ended, or its worker is dead."""
        if attempt in self.acting:
            self.acting.remove(attempt)
            self.advance(facts.AttemptSettled())

    def complete(self, attempt: tuple[str, int, int]) -> None:
        if self.owns(attempt):
            self.advance(facts.Completed(*attempt[:2]))
        else:
            self.stopped(attempt)

    def fail(
        self, attempt: tuple[str, int, int], *, retryable: bool = True, timed_out: bool = False
    ) -> None:
        if not self.owns(attempt):
            self.stopped(attempt)
            return
        row = self.branches[attempt[0], attempt[1]]
        row.failures += 1
        if timed_out:
            row.unknown = True
            self.acting.add(attempt)
        self.advance(facts.Failed(*attempt[:2], row.failures, retryable))

    def lose(self, attempt: tuple[str, int, int], *, dead: bool) -> None:
        if not self.owns(attempt):
            return
        row = self.branches[attempt[0], attempt[1]]
        row.losses += 1
        row.unknown = True
        if not dead:
            self.acting.add(attempt)
        self.advance(facts.Lost(*attempt[:2], row.losses))

    def hand_over(self, attempt: tuple[str, int, int]) -> None:
        if self.owns(attempt):
            self.branches[attempt[0], attempt[1]].unknown = True
            self.advance(facts.HandedOver(*attempt[:2]))
