"""Forms from JSON Schemas: what is filled in comes back as what the model wants."""

from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from starlette.datastructures import FormData, UploadFile

from actors.parameters import IntegrateRealData, ValidateAlgorithms
from orchestration import Step, Workflow
from orchestration.engine.submit import validated
from orchestration.errors import Fault, RejectedError
from orchestration.web.pages.form import apart, fields_of, values_of
from orchestration.web.pages.value import Facts, Items, Table, Text, shown


class Inner(BaseModel):
    x: int = 1


class Model(BaseModel):
    flag: bool = True
    kind: Literal["a", "b"] = "a"
    kinds: tuple[Literal["a", "b"], ...] = ("a",)
    names: list[str] = ["n"]
    maybe_names: tuple[str, ...] | None = None
    count: Annotated[int, Field(ge=1, le=9, description="How many")] = 2
    ratio: float = 0.5
    text: Annotated[str, Field(max_length=5)] = "t"
    maybe: str | None = None
    needed: str
    inner: Inner = Inner()
    either: int | str = 3


SCHEMA = Model.model_json_schema()


KNOWN = "high, inner, items, low"


class Ranged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    low: int = 0
    high: int = 1
    items: list[str] = []
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


def filled_in(schema: dict[str, Any], values: dict[str, Any] | None = None) -> FormData:
    """A form as a browser sends it untouched."""
    items: list[tuple[str, str | UploadFile]] = []
    for field in fields_of(schema, values):
        if field.kind in {"check", "choices"}:
            items.append((f"has.{field.name}", "1"))
        if field.kind == "check":
            items += [(field.key, "on")] if field.value else []
        elif field.kind == "choices":
            items += [(field.key, each) for each in field.value]
        else:
            text = field.value if isinstance(field.value, str) else "\n".join(field.value)
            items.append((field.key, text))
    return FormData(items)


def test_every_kind_of_parameter_has_its_field() -> None:
    kinds = {field.name: field.kind for field in fields_of(SCHEMA)}
    assert kinds == {
        "flag": "check", "kind": "choice", "kinds": "choices", "names": "lines",
        "maybe_names": "lines", "count": "number", "ratio": "number", "text": "text",
        "maybe": "text", "needed": "text", "inner": "json", "either": "json",
    }  # fmt: skip
    count = next(field for field in fields_of(SCHEMA) if field.name == "count")
    assert count.hint == "How many · 1 to 9 · default 2"
    assert dict(count.attributes) == {"step": "1", "min": "1", "max": "9"}


@pytest.mark.parametrize("model", [ValidateAlgorithms, IntegrateRealData])
def test_a_form_that_nobody_touched_gives_the_defaults(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert model.model_validate(values_of(schema, filled_in(schema))) == model()


def test_what_a_run_was_started_with_comes_back_whole() -> None:
    given = Model(
        flag=False, kind="b", kinds=("b", "a"), names=["x", "y z"], maybe_names=("q",), count=9,
        ratio=1e-3, text="five5", maybe="m", needed="here", inner=Inner(x=7), either="word",
    )  # fmt: skip
    values = given.model_dump(mode="json")
    back = Model.model_validate(values_of(SCHEMA, filled_in(SCHEMA, values)))
    assert set(back.kinds) == set(given.kinds)
    assert back.model_copy(update={"kinds": given.kinds}) == given


def test_what_is_left_empty_is_nothing() -> None:
    form = FormData([("p.maybe", ""), ("p.count", ""), ("p.maybe_names", " \n"), ("has.flag", "1")])
    assert values_of(SCHEMA, form) == {"maybe": None, "maybe_names": None, "flag": False}


def test_what_is_no_number_or_no_json_is_named() -> None:
    form = FormData([("p.count", "many"), ("p.ratio", "half"), ("p.inner", "{")])
    with pytest.raises(RejectedError) as raised:
        values_of(SCHEMA, form)
    assert list(raised.value.problems) == [
        "count: 'many' is not a whole number",
        "ratio: 'half' is not a number",
        "inner: '{' is not JSON",
    ]
    marked = {f.name: f.problems for f in fields_of(SCHEMA, None, form, raised.value.faults)}
    assert marked["count"] == ["'many' is not a whole number"]
    assert marked["needed"] == []
    assert apart(raised.value, fields_of(SCHEMA)) == []


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(RejectedError, match="is not JSON"):
        values_of(SCHEMA, FormData([("p.inner", "[" * 100_000)]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"items": ["a", 2]}, {"items": ["item 2: Input should be a valid string"]}),
        ({"inner": {"x": {}}}, {"inner": ["x: Input should be a valid integer"]}),
        ({"low": 9, "high": 1}, {"": ["low is above high"]}),
        ({"odd": 1}, {"": [f"unknown parameter 'odd'; this workflow takes: {KNOWN}"]}),
    ],
)  # fmt: skip
def test_what_a_model_refuses_is_said_once_at_its_field_or_above_all(
    given: dict[str, Any], said: dict[str, list[str]]
) -> None:
    workflow = Workflow("ranged", parameters=Ranged, steps=[Step("a", "b", "c")])
    with pytest.raises(RejectedError) as raised:
        validated(workflow, given)
    fields = fields_of(Ranged.model_json_schema(), faults=raised.value.faults)
    found = {field.name: list(field.problems) for field in fields if field.problems}
    above = apart(raised.value, fields)
    assert (found | ({"": above} if above else {})) == said


def test_what_describes_a_field_is_named_by_it() -> None:
    bad = [Fault(("low",), "is wrong")]
    told_by = {
        field.name: field.told_by for field in fields_of(Ranged.model_json_schema(), faults=bad)
    }
    assert told_by["low"] == "field-low-hint field-low-problem"
    assert told_by["high"] == "field-high-hint"


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"ge": 1, "le": 9}, "1 to 9"),
        ({"gt": 0, "le": 1}, "more than 0, at most 1"),
        ({"gt": 0, "lt": 1}, "more than 0, less than 1"),
        ({"ge": 0, "lt": 2**63}, "at least 0"),
        ({"le": 1e12}, "at most 1,000,000,000,000"),
        ({"lt": 0.5}, "less than 0.5"),
        ({}, ""),
    ],
)
def test_a_hint_says_which_bounds_count(bounds: dict[str, Any], said: str) -> None:
    model = create_model("Bounded", ratio=(Annotated[float, Field(**bounds)], ...))
    (field,) = fields_of(model.model_json_schema())
    assert field.hint == " · ".join(filter(None, [said, "required"]))


def test_values_are_shown_as_texts_tables_and_facts() -> None:
    assert shown(None) == Text("—", "nothing")
    assert shown(["a", 1, True]) == Text("a, 1, yes")
    assert isinstance(shown([{"a": 1}, {"a": 2, "b": None}]), Table)
    assert isinstance(shown({"one": {"a": 1}, "two": {"a": 2}}), Table)
    assert isinstance(shown({"one": {"a": [1]}, "two": 2}), Facts)
    assert isinstance(shown([{"a": {"b": [1]}}, 2]), Items)


def test_of_what_is_too_much_a_part_is_shown_and_the_rest_counted() -> None:
    table = shown([{"n": n} for n in range(1_000)])
    assert isinstance(table, Table)
    assert (len(table.rows), table.left_out) == (40, 960)
    facts = shown({str(n): [[n]] for n in range(100)})
    assert isinstance(facts, Facts)
    assert facts.left_out == 40
    deep: Any = "x"
    for _ in range(500):
        deep = [deep, [deep if isinstance(deep, str) else 1]]
    assert isinstance(shown(deep), Items)
    assert len(shown("y" * 10_000).text) == 2_001  # type: ignore[union-attr]
