"""Workflows, steps and agents as checked data: what users declare, and what runs are made of."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict

from orchestration.context import Context
from orchestration.errors import DefinitionError
from orchestration.plans import Plan, Step, check_name
from orchestration.rate import Rate, parse_rates

RESERVED = ("orchestrator", "heartbeat_monitor")

Action = Callable[[Context], Any] | Callable[[Context], Awaitable[Any]]


def check_model(owner: str, value: object) -> None:
    """Refuse a value that is not a pydantic model class."""
    if not (isinstance(value, type) and issubclass(value, BaseModel)):
        shown = value.__name__ if isinstance(value, type) else repr(value)
        raise DefinitionError(
            f"{owner}: parameters={shown} is no pydantic model: write a class of BaseModel with a"
            " field for each parameter, and give that class"
        )


def check_actions(owner: str, value: object) -> None:
    """Refuse a value that is not a mapping from names to functions of a context."""
    if not isinstance(value, Mapping):
        raise DefinitionError(
            f'{owner}: actions={value!r} is no mapping: write actions={{"name": function}}'
        )
    for name, action in value.items():
        check_name(f"action of {owner.removeprefix('agent ')}", name)
        check_action(f"{owner}, action {name}", name, action)


def check_action(owner: str, name: str, action: object) -> None:
    """Refuse an action that is a generator, or cannot be called with a context alone."""
    if not callable(action):
        raise DefinitionError(
            f'{owner}: {action!r} is no function: write "{name}": {name}, the function itself and'
            " without parentheses"
        )
    if inspect.isgeneratorfunction(action) or inspect.isasyncgenfunction(action):
        raise DefinitionError(f"{owner}: it yields: collect that in a list, and return the list")
    try:
        signature = inspect.signature(action, follow_wrapped=False)  # the wrapper is called
    except (TypeError, ValueError):  # some functions written in C have no signature
        return
    try:
        signature.bind(None)
    except TypeError:
        word = "async def" if inspect.iscoroutinefunction(action) else "def"
        raise DefinitionError(
            f"{owner}: it is called with the context and nothing else, and its arguments are"
            f" {signature}: write `{word} {name}(context: Context)`, and take all it needs from"
            " the context"
        ) from None


class NoParameters(BaseModel):
    """The parameters of a workflow that takes none."""

    model_config = ConfigDict(extra="forbid")

    if not TYPE_CHECKING:  # to a type checker it has no other attributes

        def __getattr__(self, name: str) -> Any:
            what = "this workflow has no parameters: give it parameters=Model"
            raise AttributeError(f"no {name}: {what}")


@dataclass(frozen=True, slots=True)
class Agent:
    """A name and the actions it offers: functions from a `Context` to a JSON value.

    Args:
        name: Letters, digits, `_` and `-`, at most 100: also its queue.
        actions: By name, plain or async functions of one argument, the context. A result is
            stored as JSON; pydantic models, dataclasses, dates, sets and tuples are converted,
            while a generator, an open file or any other object fails the step.
        max_concurrent: Steps it may run at once across all workers; None: no limit.
        rate: Attempts that may begin across all workers, such as `5/minute`; None: any number.
        capabilities: What the agent says it can do, for people.
        depends_on: Names of agents it relies on, for people and health pages.
        version: Raise it when an action's meaning changes; open runs keep the old one.

    Raises:
        DefinitionError: A name, a limit or an action is not allowed.
    """

    name: str
    _: KW_ONLY
    actions: Mapping[str, Action]
    max_concurrent: int | None = None
    rate: str | None = None
    capabilities: Sequence[str] = ()
    depends_on: Sequence[str] = ()
    version: int = 1

    def __post_init__(self) -> None:
        check_name("agent", self.name)
        if self.name in RESERVED:
            raise DefinitionError(f"agent {self.name}: every fleet has this actor, choose a name")
        check_actions(f"agent {self.name}", self.actions)
        if self.max_concurrent is not None and self.max_concurrent < 1:
            raise DefinitionError(f"agent {self.name}: max_concurrent must be at least 1")
        try:
            if self.rate is not None:
                parse_rates(self.rate)
        except ValueError as error:
            raise DefinitionError(f"agent {self.name}: rate {self.rate!r}: {error}") from None

    def offer(self, action: str) -> str:
        """The name under which workers register one action: `agent.action@version`."""
        return f"{self.name}.{action}@{self.version}"


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves drawn from a step's results, one per branch.

    Args:
        title: What is drawn, for people.
        step: The step that has the results.
        points: Dotted path in a result to a list of objects, each a `date` (or any `x`) and a
            `value`: the two names are the last two arguments.
        name: Dotted path in a result to the curve's name; None: the step and its branch.
        drawdown: Whether each value's drop below the highest one before it is drawn beneath.
        x: The field of a point that holds its date or other x value.
        y: The field of a point that holds its value.

    Raises:
        DefinitionError: A path is empty.
    """

    title: str
    _: KW_ONLY
    step: str
    points: str
    name: str | None = None
    drawdown: bool = False
    x: str = "date"
    y: str = "value"

    def __post_init__(self) -> None:
        if not self.points or self.name == "":
            raise DefinitionError(f"plot {self.title!r}: name the fields that hold its points")


@dataclass(frozen=True, slots=True)
class Workflow:
    """A named graph of steps over agents, with validated parameters.

    Args:
        name: The command that starts it.
        parameters: The pydantic model that every start is validated with.
        steps: In reading order; their `needs` decide the order of execution.
        result: The step whose result is the workflow's; default the last one.
        priority: Default priority of its runs, 1 (low) to 4 (critical).
        system: True: its runs start at once and take no slot, also during an emergency stop.
        stops: True: starting it is an emergency stop, for the `reason` among its parameters.
        plots: Curves of its results, for people; no run depends on them.

    Raises:
        DefinitionError: A cycle, an unknown need, a doubled name or a wrong path.
    """

    name: str
    _: KW_ONLY
    steps: Sequence[Step]
    parameters: type[BaseModel] = NoParameters
    result: str | None = None
    priority: int = 2
    system: bool = False
    stops: bool = False
    plots: Sequence[Plot] = ()

    def __post_init__(self) -> None:
        check_name("workflow", self.name)
        check_model(f"workflow {self.name}", self.parameters)
        if not 1 <= self.priority <= 4:  # noqa: PLR2004 - the four priorities of the envelope
            raise DefinitionError(f"workflow {self.name}: priority must be 1 to 4")
        if self.stops and not (self.system and "reason" in self.parameters.model_fields):
            raise DefinitionError(
                f"workflow {self.name}: one that stops is a system one with a parameter `reason`"
            )
        if not self.steps:
            raise DefinitionError(f"workflow {self.name}: declare at least one step")
        self.plan.check(self.parameters.model_fields)
        for plot in self.plots:
            if plot.step not in self.plan.step:
                raise DefinitionError(
                    f"workflow {self.name}, plot {plot.title!r}: {plot.step!r} is no step"
                )

    @property
    def plan(self) -> Plan:
        """The part of this workflow that a run stores: data only."""
        result = self.result or self.steps[-1].name
        return Plan(self.name, tuple(self.steps), result)


@dataclass(frozen=True, slots=True)
class Route:
    """Further recipients of data that an agent sends to the orchestrator.

    Args:
        data_type: The type of the data.
        to: The agents that receive them.
        renamed: Their type as those agents know it; None: the same.
        when: A field that must be true; None: always.
    """

    data_type: str
    to: Sequence[str]
    _: KW_ONLY
    renamed: str | None = None
    when: str | None = None


@dataclass(frozen=True)
class App:
    """A fleet: agents, the workflows over them, and routes for the data that agents send.

    Raises:
        DefinitionError: A doubled name, or a step that no agent of the fleet can do.
    """

    agents: Sequence[Agent]
    workflows: Sequence[Workflow]
    routes: Sequence[Route] = ()
    agent: Mapping[str, Agent] = field(init=False, repr=False)
    workflow: Mapping[str, Workflow] = field(init=False, repr=False)
    _plans: Mapping[str, Plan] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "agent", by_name("agent", self.agents))
        object.__setattr__(self, "workflow", by_name("workflow", self.workflows))
        for workflow in self.workflows:
            for step in workflow.steps:
                self._check(workflow, step)
        plans = {each.name: self._pinned(each) for each in self.workflows}
        object.__setattr__(self, "_plans", plans)

    def _check(self, workflow: Workflow, step: Step) -> None:
        for name in step.agents:
            where = f"workflow {workflow.name}, step {step.name}"
            if name not in self.agent:
                known = ", ".join(sorted(self.agent))
                raise DefinitionError(f"{where}: unknown agent {name!r}; known: {known}")
            for action in filter(None, (step.action, step.undo)):
                if action not in self.agent[name].actions:
                    known = ", ".join(sorted(self.agent[name].actions))
                    raise DefinitionError(
                        f"{where}: {name} has no action {action!r}; it has: {known}"
                    )

    @property
    def rates(self) -> dict[str, tuple[Rate, ...]]:
        """The rates of those agents that have any."""
        return {each.name: parse_rates(each.rate) for each in self.agents if each.rate}

    def plan(self, workflow: Workflow) -> Plan:
        """What a run of this workflow stores: its steps, pinned to today's agent versions."""
        return self._plans[workflow.name]

    def _pinned(self, workflow: Workflow) -> Plan:
        used = {name for step in workflow.steps for name in step.agents}
        return replace(workflow.plan, versions={n: self.agent[n].version for n in sorted(used)})


Named = TypeVar("Named", Agent, Workflow)


def by_name(kind: str, declared: Iterable[Named]) -> dict[str, Named]:
    """Index declarations by name; refuse a name that is used twice."""
    index: dict[str, Named] = {}
    for each in declared:
        if each.name in index:
            raise DefinitionError(f"two {kind}s are named {each.name!r}: rename one")
        index[each.name] = each
    return index
