from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration import plans
from orchestration.errors import DefinitionError
from orchestration.plans import Plan, Retry, Step

SECOND = timedelta(seconds=1)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
SPANS = st.timedeltas(timedelta(microseconds=1), timedelta(days=400))


def plan(*steps: Step, result: str | None = None) -> Plan:
    return Plan("restock", steps, result or steps[-1].name)


class TestRetry:
    def test_pauses_grow_by_the_factor_up_to_the_longest(self) -> None:
        retry = Retry(attempts=9, delay=SECOND, factor=3, longest=20 * SECOND)
        pauses = [retry.pause(failures) / SECOND for failures in (1, 2, 3, 4, 5)]
        assert pauses == [1, 3, 9, 20, 20]

    @given(
        st.integers(1, 10_000),
        st.timedeltas(timedelta(0), timedelta(days=1)),
        st.floats(1, 1e9),
        st.timedeltas(timedelta(0), timedelta(days=1)),
    )
    def test_no_pause_is_longer_than_the_longest_however_often_it_failed(
        self, failures: int, delay: timedelta, factor: float, longest: timedelta
    ) -> None:
        retry = Retry(delay=delay, factor=factor, longest=longest)
        assert timedelta(0) <= retry.pause(failures) <= longest
        assert retry.pause(failures) <= retry.pause(failures + 1)

    def test_no_delay_stays_no_delay(self) -> None:
        assert Retry(delay=timedelta(0)).pause(5_000) == timedelta(0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"attempts": 0},
            {"factor": 0.5},
            {"factor": float("nan")},
            {"factor": float("inf")},
            {"delay": -SECOND},
            {"longest": -SECOND},
            {"longest": timedelta.max},
        ],
    )
    def test_values_out_of_range_are_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(DefinitionError, match="Retry"):
            Retry(**wrong)  # type: ignore[arg-type]


class TestStep:
    def test_one_agent_is_asked_for_every_branch(self) -> None:
        step = Step("packing", "warehouse", "pack", for_each="parameters.skus")
        assert step.agents == ("warehouse",)
        assert [step.agent_of(branch) for branch in (0, 7)] == ["warehouse", "warehouse"]
        assert step.fans_out

    def test_of_several_agents_each_is_asked_for_its_branch(self) -> None:
        step = Step("asking", ["a", "b"], "answer")
        assert [step.agent_of(branch) for branch in (0, 1)] == ["a", "b"]
        assert step.fans_out

    def test_a_list_of_one_agent_gives_a_list_of_one_result(self) -> None:
        assert Step("asking", ["a"], "answer").fans_out
        assert not Step("asking", "a", "answer").fans_out

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"name": "with.dot"},
            {"name": "with space"},
            {"name": "grün"},
            {"name": "x" * 101},
            {"agent": []},
            {"agent": ["a", "b"], "for_each": "parameters.skus"},
            {"timeout": timedelta(0)},
            {"timeout": timedelta.max},
            {"progress_timeout": -SECOND},
            {"approval": timedelta(0)},
        ],
    )
    def test_what_could_not_run_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(DefinitionError, match="step"):
            Step(**{"name": "packing", "agent": "warehouse", "action": "pack", **wrong})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            (True, timedelta(hours=24)),
            (timedelta(hours=1), timedelta(hours=1)),
            (False, None),
            (None, None),
        ],
    )
    def test_a_person_has_24_hours_unless_the_step_says_otherwise(
        self, given: Any, meant: timedelta | None
    ) -> None:
        asking, said = (Step("paying", "bank", "pay", approval=each) for each in (given, meant))
        assert asking == said
        assert asking.approved_within == meant
        again = plans.load(plans.dump(plan(asking)))
        assert again.step["paying"].approved_within == meant


class TestPlan:
    def test_an_offer_names_agent_action_and_version(self) -> None:
        step = Step("packing", ["a", "b"], "pack", undo="unpack")
        pinned = Plan("restock", (step,), "packing", {"b": 3})
        assert pinned.offer("packing", 0) == "a.pack@1"
        assert pinned.offer("packing", 1) == "b.pack@3"
        assert pinned.offer("undo.packing", 1) == "b.unpack@3"

    def test_a_path_into_a_parameter_or_an_earlier_result_is_accepted(self) -> None:
        plan(
            Step("first", "a", "x", when="parameters.wanted"),
            Step("second", "a", "x", needs=["first"]),
            Step("third", "a", "x", needs=["second"], for_each="results.first.list"),
        ).check(["wanted"])

    @pytest.mark.parametrize(
        ("steps", "problem"),
        [
            ([Step("a", "x", "y"), Step("a", "x", "y")], "two steps are named 'a'"),
            ([Step("a", "x", "y", needs=["b"])], "unknown need 'b'; steps: a"),
            ([Step("a", "x", "y", needs=["a"])], "need each other: a → a"),
            (
                [Step("a", "x", "y", needs=["b"]), Step("b", "x", "y", needs=["a"])],
                "need each other: (a → b → a|b → a → b)",
            ),
            ([Step("a", "x", "y", when="parameters")], "must begin with"),
            (
                [Step("a", "x", "y", when="parameters.other")],
                "no parameter is named 'other'; parameters: wanted",
            ),
            (
                [Step("a", "x", "y", for_each="results.b"), Step("b", "x", "y")],
                "does not need 'b': add that to its needs; it needs: none",
            ),
            ([Step("a", "x", "y", for_each="secrets.list")], "must begin with"),
        ],
    )
    def test_a_graph_that_could_not_run_is_refused(self, steps: list[Step], problem: str) -> None:
        with pytest.raises(DefinitionError, match=problem):
            plan(*steps).check(["wanted"])

    def test_the_result_must_be_a_step(self) -> None:
        with pytest.raises(DefinitionError, match="result 'b' is no step"):
            plan(Step("a", "x", "y"), result="b").check([])


@st.composite
def any_step(draw: st.DrawFn, name: str) -> Step:
    branched = draw(st.sampled_from(["one", "for_each", "agents"]))
    return Step(
        name,
        draw(st.lists(NAMES, min_size=1, max_size=3)) if branched == "agents" else draw(NAMES),
        draw(NAMES),
        for_each="parameters.list" if branched == "for_each" else None,
        when=draw(st.sampled_from([None, "parameters.wanted"])),
        required=draw(st.booleans()),
        retry=Retry(
            attempts=draw(st.integers(1, 9)),
            delay=draw(SPANS),
            factor=draw(st.floats(1, 10)),
            longest=draw(SPANS),
            never=tuple(draw(st.lists(NAMES, max_size=2))),
        ),
        timeout=draw(SPANS),
        progress_timeout=draw(st.none() | SPANS),
        undo=draw(st.none() | NAMES),
        approval=draw(st.none() | SPANS),
    )


@given(st.data())
def test_a_plan_comes_back_from_its_text_as_it_was(data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    steps = tuple(data.draw(any_step(name)) for name in names)
    before = Plan("restock", steps, names[-1], data.draw(st.dictionaries(NAMES, st.integers(1, 9))))
    after = plans.load(plans.dump(before))
    assert after == before
    assert plans.dump(after) == plans.dump(before)
    assert after.steps[0].agents == before.steps[0].agents
