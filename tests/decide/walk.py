"""Everything that can happen to a run, as actions that may be taken in any order."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random

from orchestration.decide import facts
from orchestration.decide.facts import Fact
from orchestration.plans import Plan, Retry, Step
from orchestration.state import ENDED, MOVING, RunStatus, StepStatus
from tests.decide.model import Answer, Model, Place

R, S = RunStatus, StepStatus
Attempt = tuple[str, int, int]

WISHES: Mapping[Callable[[], Fact], set[RunStatus]] = {  # the statuses that the engine demands
    facts.Admitted: {R.PENDING},
    facts.CancelRequested: set(R) - ENDED,
    facts.DeadlineReached: {R.RUNNING},
    facts.PauseRequested: {R.PENDING, R.RUNNING, R.WAITING, R.UNDOING},
    facts.ResumeRequested: {R.PAUSED},
    facts.RetryRequested: {R.FAILED, R.CANCELLED},
}


def flow(random: Random) -> tuple[Plan, dict[str, Answer]]:
    """A plan of one to five steps, and the values that its paths will have."""
    steps: list[Step] = []
    answers: dict[str, Answer] = {}
    for name in ["a", "b", "c", "d", "e"][: random.randint(1, 5)]:
        step = Step(
            name,
            "agent",
            "act",
            needs=[earlier.name for earlier in steps if random.random() < 0.4],
            required=random.random() < 0.8,
            retry=Retry(attempts=random.randint(1, 3)),
            undo=random.choice([None, "undo_it"]),
            approval=random.choice([None, None, timedelta(hours=1)]),
        )
        steps.append(step)
        told: list[Answer] = [facts.Resolved(name, count) for count in (0, 1, 1, 2, 3)]
        told += [facts.Resolved(name, 0, wanted=False), facts.Unresolvable(name)]
        answers[name] = random.choice(told)
    return Plan("flow", tuple(steps), steps[-1].name), answers


class Walk:
    """A run in the model, all its attempts so far, and what may happen next."""

    def __init__(self, plan: Plan, answers: dict[str, Answer]) -> None:
        self.model = Model(plan, answers)
        self.attempts: list[Attempt] = []

    def is_in(self, *statuses: RunStatus) -> bool:
        return self.model.run.status in statuses

    def one_of(self, pick: int, *statuses: StepStatus) -> Place | None:
        places = self.model.open_branches(*statuses)
        return places[pick % len(places)] if places else None

    def attempt(self, pick: int) -> Attempt | None:
        """Mostly a running attempt; else any attempt so far, to end it late or a second time."""
        running = [attempt for attempt in self.attempts if self.model.owns(attempt)]
        known = self.attempts if pick % 4 == 0 else running or self.attempts
        return known[pick % len(known)] if known else None

    def a_message_is_sent(self, pick: int) -> None:
        if place := self.one_of(pick, S.READY):
            self.model.send(place)

    def a_worker_claims(self, pick: int) -> None:
        if place := self.one_of(pick, S.QUEUED):
            self.attempts.append(self.model.claim(place))

    def an_attempt_completes(self, pick: int) -> None:
        if attempt := self.attempt(pick):
            self.model.complete(attempt)

    def an_attempt_fails(self, pick: int) -> None:
        if attempt := self.attempt(pick):
            self.model.fail(attempt, retryable=pick % 3 > 0)

    def an_attempt_runs_out_of_time(self, pick: int) -> None:
        if attempt := self.attempt(pick):
            self.model.fail(attempt, timed_out=True)

    def a_worker_dies(self, pick: int) -> None:
        if attempt := self.attempt(pick):
            self.model.lose(attempt, dead=True)

    def a_worker_falls_silent(self, pick: int) -> None:
        if attempt := self.attempt(pick):
            self.model.lose(attempt, dead=False)

    def a_worker_goes_in_good_order(self, pick: int) -> None:
        if attempt := self.attempt(pick):
            self.model.hand_over(attempt)

    def nobody_takes_it_in_time(self, pick: int) -> None:
        if (place := self.one_of(pick, S.READY, S.QUEUED)) and place[0] in self.model.answers:
            self.model.advance(facts.StartTimedOut(*place))

    def a_pause_is_over(self, pick: int) -> None:
        if place := self.one_of(pick, S.BACKOFF):
            self.model.advance(facts.BackoffOver(*place))

    def a_person_approves(self, pick: int) -> None:
        if place := self.one_of(pick, S.WAITING):
            self.model.advance(facts.Approved(*place))

    def a_person_rejects(self, pick: int) -> None:
        if place := self.one_of(pick, S.WAITING):
            self.model.advance(facts.Rejected(*place))

    def the_run_gets_a_slot(self, _pick: int) -> None:
        self.wish(facts.Admitted)

    def somebody_intervenes(self, pick: int) -> None:
        self.wish(list(WISHES)[pick % len(WISHES)])

    def wish(self, kind: Callable[[], Fact]) -> None:
        undone = kind is facts.RetryRequested and self.model.run.undone
        if self.is_in(*WISHES[kind]) and not undone:
            self.model.advance(kind())

    @property
    def actions(self) -> list[Callable[[int], None]]:
        """All actions above; those that advance a run are more frequent."""
        on = [self.a_message_is_sent, self.a_worker_claims, self.the_run_gets_a_slot]
        back = [self.an_attempt_fails, self.an_attempt_runs_out_of_time, self.a_worker_dies]
        back += [self.a_worker_falls_silent, self.a_worker_goes_in_good_order]
        people = [self.a_person_approves, self.a_person_rejects, self.somebody_intervenes]
        late = [self.a_pause_is_over, self.nobody_takes_it_in_time]
        return [*on, *on, *on, self.an_attempt_completes, *back, *late, *people]

    def check(self) -> None:
        """Check what must hold after every fact."""
        model, opened = self.model, self.model.open_branches
        assert model.run.tallies == model.tallies(), "tallies agree with branches"
        if opened(S.HELD):
            assert self.is_in(R.PENDING, R.PAUSED), "only what may not run is held"
        if self.is_in(R.PAUSED):
            assert not opened(S.READY, S.QUEUED), "a paused run starts nothing"
        match model.run.status:  # every live run has a wake-up
            case R.RUNNING:
                assert opened(*MOVING)
            case R.WAITING:
                assert opened(S.WAITING)
                assert not opened(*MOVING)
            case R.UNDOING:
                assert opened() or model.acting
            case R.COMPLETED | R.FAILED | R.CANCELLED:
                assert not opened(), "nothing is open in what has ended"
            case R.PENDING | R.PAUSED:
                pass

    def finish(self) -> None:
        """Check that, whatever happened, the run ends with slots, workers and patient people."""
        for _ in range(100):
            if self.model.run.status.ended:
                return
            self.wish(facts.ResumeRequested)
            self.wish(facts.Admitted)
            self.a_message_is_sent(0)
            self.a_worker_claims(0)
            self.a_pause_is_over(0)
            self.a_person_approves(0)
            for attempt in self.attempts:
                self.model.complete(attempt)
            self.check()
        raise AssertionError(f"the run never ends: {self.model.run}")
