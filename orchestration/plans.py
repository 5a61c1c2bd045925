"""Steps as data, and the plan: the snapshot of a workflow that each run keeps."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter

from pydantic import TypeAdapter

from orchestration.errors import DefinitionError

UNDO = "undo."
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
LONGEST = timedelta(days=3650)  # so that adding one to a date does not overflow
APPROVAL = timedelta(hours=24)  # the time that a person has where a step says no other


def check_name(kind: str, name: str) -> None:
    """Refuse a name that would not be routable or readable."""
    if not NAME.fullmatch(name):
        raise DefinitionError(
            f"{kind} {name!r}: use 1 to 100 letters, digits, '_' or '-' (a dot is not routable)"
        )


def check_spans(owner: str, fields: Mapping[str, object]) -> None:
    """Refuse values that are no `timedelta`."""
    for name, value in fields.items():
        if isinstance(value, timedelta):
            continue
        cure = f"timedelta(seconds={value if isinstance(value, int | float) else 60})"
        raise DefinitionError(f"{owner}: {name}={value!r} is no length of time: use {cure}")


def names_in(owner: str, field_name: str, value: object) -> tuple[str, ...]:
    """The names in a list; a plain string is refused, as it would be read letter by letter."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        given = value if isinstance(value, str) else "name"
        raise DefinitionError(
            f'{owner}: {field_name}={value!r} is no list of names: write {field_name}=["{given}"]'
        )
    return tuple(value)


def check_retry(owner: str, value: object) -> None:
    """Refuse a value that is no `Retry`."""
    if not isinstance(value, Retry):
        attempts = value if type(value) is int and value > 0 else 3
        raise DefinitionError(
            f"{owner}: retry={value!r} is no Retry: use Retry(attempts={attempts})"
        )


def approval_of(owner: str, value: object) -> timedelta | None:
    """How long a person may take, as it is meant; None: nobody has to approve."""
    if isinstance(value, bool):
        return APPROVAL if value else None
    if isinstance(value, timedelta | None):
        return value
    hours = value if isinstance(value, int | float) else 1
    raise DefinitionError(
        f"{owner}: approval={value!r} is no length of time:"
        f" use True for 24 hours, or timedelta(hours={hours})"
    )


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after which pauses, a failed step is tried again.

    Args:
        attempts: Tries in all, the first included.
        delay: Pause before the second try; each further one is `factor` times longer.
        factor: Growth of the pause.
        longest: The longest pause.
        never: Names of exception types that are not retried.

    Raises:
        DefinitionError: A value is out of range.
    """

    attempts: int = 1
    _: KW_ONLY
    delay: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    longest: timedelta = timedelta(minutes=5)
    never: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "never", names_in("Retry", "never", self.never))
        check_spans("Retry", {"delay": self.delay, "longest": self.longest})
        if self.attempts < 1 or not (math.isfinite(self.factor) and self.factor >= 1):
            raise DefinitionError("Retry: attempts and factor must be at least 1")
        if any(not timedelta(0) <= span <= LONGEST for span in (self.delay, self.longest)):
            raise DefinitionError("Retry: delay and longest must be 0 to 10 years")

    def pause(self, failures: int) -> timedelta:
        """The pause after this many failures, without jitter."""
        try:
            return min(self.delay * self.factor ** (failures - 1), self.longest)
        except OverflowError:
            return self.longest if self.delay else self.delay


@dataclass(frozen=True, slots=True)
class Step:
    """One action of one agent, and when it may run.

    Args:
        name: Unique within the workflow.
        agent: The agent that does it; a list of agents: all of them at once, one branch each.
        action: Which of the agent's actions.
        needs: Steps that must be finished first.
        for_each: Dotted path to a list; one branch for each of its items, in parallel.
        when: Dotted path; the step is skipped if its value is false or empty.
        required: False: its failure does not fail the run; its result is then the error.
        retry: What to do when the action raises.
        timeout: Longest time for one attempt.
        progress_timeout: Longest silence between two progress reports of an attempt.
        start_within: Longest wait for a worker; then the step fails, and is not retried.
        undo: Action that takes it back when the run fails or is cancelled later.
        idempotent: Doing it twice does no harm: it may be sent again to an outside agent that
            fell silent at it.
        approval: A person must approve before it starts: True within 24 hours, or within a time of
            its own.
        configures: Names of the fleet's configuration that it, and its undo, may set.

    Raises:
        DefinitionError: A value is out of range or two of them contradict.
    """

    name: str
    agent: str | Sequence[str]
    action: str
    _: KW_ONLY
    needs: Sequence[str] = ()
    for_each: str | None = None
    when: str | None = None
    required: bool = True
    retry: Retry = field(default_factory=Retry)
    timeout: timedelta = timedelta(minutes=10)
    progress_timeout: timedelta | None = None
    start_within: timedelta | None = None
    undo: str | None = None
    idempotent: bool = False
    approval: timedelta | bool | None = None
    configures: Sequence[str] = ()

    def __post_init__(self) -> None:
        owner = f"step {self.name}"
        object.__setattr__(self, "needs", names_in(owner, "needs", self.needs))
        object.__setattr__(self, "configures", names_in(owner, "configures", self.configures))
        check_retry(owner, self.retry)
        for name in self.configures:
            check_name(f"step {self.name} configures", name)
        if not isinstance(self.agent, str):
            object.__setattr__(self, "agent", tuple(self.agent))
            if not self.agent or self.for_each is not None:
                raise DefinitionError(f"step {self.name}: give agents or for_each, not both")
        check_name("step", self.name)
        object.__setattr__(self, "approval", approval_of(owner, self.approval))
        self._check_spans()

    def _check_spans(self) -> None:
        given = {
            "timeout": self.timeout,
            "progress_timeout": self.progress_timeout,
            "start_within": self.start_within,
            "approval": self.approved_within,
        }
        spans = {name: span for name, span in given.items() if span is not None}
        check_spans(f"step {self.name}", {"timeout": self.timeout, **spans})
        if any(not timedelta(0) < span <= LONGEST for span in spans.values()):
            raise DefinitionError(f"step {self.name}: time spans are positive, at most 10 years")

    @property
    def approved_within(self) -> timedelta | None:
        """How long a person may take to approve it; None: nobody has to."""
        return None if isinstance(self.approval, bool) else self.approval

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents that do it, one or several."""
        return (self.agent,) if isinstance(self.agent, str) else tuple(self.agent)

    @property
    def fans_out(self) -> bool:
        """Whether its result is a list, one value a branch."""
        return self.for_each is not None or not isinstance(self.agent, str)

    def agent_of(self, branch: int) -> str:
        """The agent that does one branch."""
        return self.agents[branch if len(self.agents) > 1 else 0]


@dataclass(frozen=True)
class Plan:
    """The snapshot of a workflow by which a run goes on, even if the code changes later."""

    name: str
    steps: tuple[Step, ...]
    result: str
    versions: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def step(self) -> Mapping[str, Step]:
        """Its steps by name."""
        return {step.name: step for step in self.steps}

    @cached_property
    def fans_out(self) -> Mapping[str, bool]:
        """Whether the result of each step is a list."""
        return {step.name: step.fans_out for step in self.steps}

    @cached_property
    def text(self) -> str:
        """This plan as JSON text, the same for equal plans."""
        return dump(self)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of its text, in 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def known_to(self, step: str) -> tuple[str, ...]:
        """The steps whose results a step may read: all that finish before it starts.

        An undo also knows the step that it takes back.
        """
        before = self._before[step.removeprefix(UNDO)]
        own = {step.removeprefix(UNDO)} if step.startswith(UNDO) else set()
        return tuple(each.name for each in self.steps if each.name in before | own)

    def readable_by(self, step: str) -> tuple[str, ...]:
        """The steps whose results an action may read: those known to its step; of an undo, all.

        An undo begins once nothing acts any more, so what a later step has done is known, too.
        """
        return tuple(self.step) if step.startswith(UNDO) else self.known_to(step)

    def offer(self, step: str, branch: int) -> str:
        """`agent.action@version` that a worker must have to claim this branch."""
        target = self.step[step.removeprefix(UNDO)]
        agent = target.agent_of(branch)
        action = target.undo if step.startswith(UNDO) else target.action
        return f"{agent}.{action}@{self.versions.get(agent, 1)}"

    def check(self, parameters: Iterable[str]) -> None:
        """Refuse a graph that could not run.

        Raises:
            DefinitionError: A doubled step, an unknown need, a cycle or a wrong path.
        """
        names = [step.name for step in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise DefinitionError(f"workflow {self.name}: two steps are named {name!r}")
        for step in self.steps:
            for need in set(step.needs) - set(names):
                raise DefinitionError(
                    f"workflow {self.name}, step {step.name}: unknown need {need!r};"
                    f" steps: {', '.join(names)}"
                )
        if self.result not in names:
            raise DefinitionError(f"workflow {self.name}: result {self.result!r} is no step")
        before = self._before
        for step in self.steps:
            for path in filter(None, (step.for_each, step.when)):
                self._check_path(step, path, set(parameters), before[step.name])

    @cached_property
    def _before(self) -> Mapping[str, set[str]]:
        """For each step all steps that finish before it starts."""
        sorter = TopologicalSorter({step.name: step.needs for step in self.steps})
        before: dict[str, set[str]] = {}
        try:
            for name in sorter.static_order():
                needs = self.step[name].needs
                before[name] = set(needs).union(*(before[need] for need in needs))
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise DefinitionError(
                f"workflow {self.name}: steps need each other: {circle}"
            ) from None
        return before

    def _check_path(self, step: Step, path: str, fields: set[str], before: set[str]) -> None:
        root, _, rest = path.partition(".")
        name = rest.partition(".")[0]
        where = f"workflow {self.name}, step {step.name}: path {path!r}"
        if not name or root not in {"parameters", "results"}:
            raise DefinitionError(
                f"{where} must begin with 'parameters.<field>' or 'results.<step it needs>'"
            )
        if root == "parameters" and name not in fields:
            known = ", ".join(sorted(fields)) or "none: give the workflow a model, parameters=…"
            raise DefinitionError(f"{where}: no parameter is named {name!r}; parameters: {known}")
        if root == "results" and name not in before:
            known = ", ".join(sorted(before)) or "none"
            raise DefinitionError(
                f"{where}: it does not need {name!r}: add that to its needs; it needs: {known}"
            )


_PLAN = TypeAdapter(Plan)


def dump(plan: Plan) -> str:
    """The plan as JSON text, the same for equal plans."""
    return _PLAN.dump_json(plan).decode()


@lru_cache(maxsize=256)
def load(text: str) -> Plan:
    """The plan that `dump` wrote."""
    return _PLAN.validate_json(text)
