import copy
import operator
import pickle
import re
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

import pytest
from pydantic import BaseModel

from orchestration.context import Context
from orchestration.definitions import Agent, App, NoParameters, Workflow
from orchestration.errors import DefinitionError
from orchestration.plans import Retry, Step


class Restock(BaseModel):
    skus: list[str] = []


def pack(_context: Context) -> None: ...


def agent(name: str = "warehouse", **more: Any) -> Agent:
    return Agent(name, actions={"pack": pack, "unpack": pack}, **more)


PACKING = Step("packing", "warehouse", "pack", for_each="parameters.skus", undo="unpack")
RESTOCK = Workflow("restock", parameters=Restock, steps=[PACKING])


def test_an_offer_carries_the_version_of_its_agent() -> None:
    assert agent(version=3).offer("pack") == "warehouse.pack@3"


@pytest.mark.parametrize("name", ["", "with.dot", "with space", "x" * 101, "grün"])
def test_names_must_be_routable(name: str) -> None:
    with pytest.raises(DefinitionError, match="letters, digits"):
        agent(name)
    with pytest.raises(DefinitionError, match="letters, digits"):
        Agent("warehouse", actions={name: pack})
    with pytest.raises(DefinitionError, match="letters, digits"):
        Workflow(name, steps=[Step("packing", "warehouse", "pack")])


@pytest.mark.parametrize("name", ["orchestrator", "heartbeat_monitor"])
def test_names_of_the_fleets_own_actors_are_taken(name: str) -> None:
    with pytest.raises(DefinitionError, match="every fleet has this actor"):
        agent(name)


def test_an_agent_that_may_do_nothing_is_refused() -> None:
    with pytest.raises(DefinitionError, match="max_concurrent must be at least 1"):
        agent(max_concurrent=0)


def count() -> int:
    return 1


async def fetch(_context: Context, url: str) -> str:
    return url


def rows(_context: Context) -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (count, r"its arguments are \(\) -> int: write `def act\(context: Context\)`"),
        (fetch, r"\(_context: .*, url: str\) -> str: write `async def act\(context: Context\)`"),
        (lambda: 1, r"are \(\): write `def act\(context"),
        (rows, "it yields: collect that in a list, and return the list"),
        (None, 'None is no function: write "act": act, the function itself and without paren'),
    ],
)
def test_an_action_takes_the_context_and_returns(action: Any, told: str) -> None:
    with pytest.raises(DefinitionError, match=f"agent warehouse, action act: .*{told}"):
        Agent("warehouse", actions={"act": action})


@pytest.mark.parametrize("action", [pack, print, str, partial(fetch, url="u"), lambda *_: None])
def test_whatever_can_be_called_with_a_context_is_an_action(action: Any) -> None:
    assert Agent("warehouse", actions={"act": action}).actions == {"act": action}


def test_actions_have_names() -> None:
    with pytest.raises(DefinitionError, match=r'is no mapping: write actions=\{"name": function\}'):
        Agent("warehouse", actions=[pack])  # type: ignore[arg-type]


@pytest.mark.parametrize("priority", [0, 5])
def test_there_are_four_priorities(priority: int) -> None:
    with pytest.raises(DefinitionError, match="priority must be 1 to 4"):
        Workflow("restock", steps=[PACKING], parameters=Restock, priority=priority)


def test_a_workflow_has_steps() -> None:
    with pytest.raises(DefinitionError, match="declare at least one step"):
        Workflow("empty", steps=[])


def test_paths_are_checked_against_the_parameters() -> None:
    with pytest.raises(
        DefinitionError,
        match="no parameter is named 'skus'; parameters: none: give the workflow a model",
    ):
        Workflow("restock", steps=[PACKING])


def test_the_result_is_that_of_the_last_step_unless_one_is_named() -> None:
    shipping = Step("shipping", "warehouse", "pack", needs=["packing"])
    both = [PACKING, shipping]
    assert Workflow("w", parameters=Restock, steps=both).plan.result == "shipping"
    assert Workflow("w", parameters=Restock, steps=both, result="packing").plan.result == "packing"


def test_a_plan_pins_the_versions_of_the_agents_it_uses() -> None:
    app = App(agents=[agent(version=3), agent("other")], workflows=[RESTOCK])
    assert app.plan(RESTOCK).versions == {"warehouse": 3}
    assert app.plan(RESTOCK).offer("packing", 0) == "warehouse.pack@3"


def test_names_are_unique_in_a_fleet() -> None:
    with pytest.raises(DefinitionError, match="two agents are named 'warehouse'"):
        App(agents=[agent(), agent()], workflows=[])
    with pytest.raises(DefinitionError, match="two workflows are named 'restock'"):
        App(agents=[agent()], workflows=[RESTOCK, RESTOCK])


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (Step("packing", "nobody", "pack"), "unknown agent 'nobody'; known: warehouse"),
        (Step("packing", ["warehouse", "nobody"], "pack"), "unknown agent 'nobody'"),
        (Step("packing", "warehouse", "fly"), "no action 'fly'; it has: pack, unpack"),
        (Step("packing", "warehouse", "pack", undo="fly"), "no action 'fly'"),
    ],
)
def test_a_step_that_nobody_can_do_is_refused(step: Step, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        App(agents=[agent()], workflows=[Workflow("restock", steps=[step])])


def test_an_action_that_a_decorator_gives_more_than_the_context_is_one() -> None:
    def with_tools(action: Callable[[Context, str], str]) -> Callable[[Context], str]:
        @wraps(action)
        def act(context: Context) -> str:
            return action(context, "hammer")

        return act

    @with_tools
    def build(_context: Context, tool: str) -> str:
        return tool

    assert Agent("warehouse", actions={"build": build}).actions["build"] is build


def test_a_workflow_without_parameters_takes_none() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        NoParameters.model_validate({"skus": []})


def test_who_reads_a_parameter_of_a_workflow_without_any_is_told_to_declare_them() -> None:
    with pytest.raises(
        AttributeError, match=r"no skus: .* no parameters: give it parameters=Model"
    ):
        operator.attrgetter("skus")(NoParameters())
    assert copy.deepcopy(NoParameters()) == pickle.loads(pickle.dumps(NoParameters()))  # noqa: S301


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"timeout": 60}, "step s: timeout=60 is no length of time: use timedelta(seconds=60)"),
        ({"timeout": None}, "step s: timeout=None is no length of time: use timedelta(seconds=60)"),
        (
            {"approval": "1h"},
            "step s: approval='1h' is no length of time: use True for 24 hours, or timedelta(",
        ),
        ({"approval": 6}, "approval=6 is no length of time: use True for 24 hours, or time"),
        (
            {"start_within": 1.5},
            "start_within=1.5 is no length of time: use timedelta(seconds=1.5)",
        ),
        ({"progress_timeout": 5}, "progress_timeout=5 is no length of time"),
        ({"retry": 3}, "step s: retry=3 is no Retry: use Retry(attempts=3)"),
        ({"retry": None}, "step s: retry=None is no Retry: use Retry(attempts=3)"),
        (
            {"needs": "counting"},
            "step s: needs='counting' is no list of names: write needs=[\"counti",
        ),
        ({"needs": None}, 'step s: needs=None is no list of names: write needs=["name"]'),
        (
            {"configures": "x"},
            "step s: configures='x' is no list of names: write configures=[\"x\"]",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_to_write(
    wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(DefinitionError, match=re.escape(told)):
        Step("s", "warehouse", "pack", **wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"delay": 1}, "Retry: delay=1 is no length of time: use timedelta(seconds=1)"),
        ({"longest": None}, "Retry: longest=None is no length of time: use timedelta(seconds=60)"),
        ({"longest": 9}, "Retry: longest=9 is no length of time: use timedelta(seconds=9)"),
        ({"never": "KeyError"}, "Retry: never='KeyError' is no list of names"),
    ],
)
def test_a_retry_is_refused_with_what_to_write(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(told)):
        Retry(**wrong)


@pytest.mark.parametrize(("wrong", "shown"), [(dict, "dict"), ({"a": 1}, "{'a': 1}")])
def test_the_parameters_are_a_pydantic_model(wrong: Any, shown: str) -> None:
    told = f"workflow w: parameters={shown} is no pydantic model: write a class of BaseModel"
    with pytest.raises(DefinitionError, match=re.escape(told)):
        Workflow("w", steps=[Step("s", "warehouse", "pack")], parameters=wrong)
