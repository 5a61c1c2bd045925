"""Names that a caller gives to a workflow, but that are none of its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, RootModel

from orchestration.definitions import Workflow
from orchestration.errors import Fault


def ignored(
    problems: Sequence[Mapping[str, Any]], workflow: Workflow, parameters: Mapping[str, Any]
) -> list[Fault]:
    """Names that a model ignores while a required one is missing: perhaps a misspelling of it."""
    misses = any(each["type"] == "missing" and len(each["loc"]) == 1 for each in problems)
    return strays(workflow, parameters) if misses else []


def strays(workflow: Workflow, parameters: Mapping[str, Any]) -> list[Fault]:
    """Names that a model ignores; none if its fields alone cannot tell that."""
    model, fields = workflow.parameters, workflow.parameters.model_fields
    plain = all(isinstance(each.validation_alias, str | None) for each in fields.values())
    if not plain or model.model_config.get("extra", "ignore") != "ignore" or renames(model):
        return []
    known = {*fields, *(each.validation_alias for each in fields.values())}
    return [unknown(name, workflow) for name in parameters if name not in known]


def renames(model: type[BaseModel]) -> bool:
    """Whether a model may read names other than its fields'."""
    validators = model.__pydantic_decorators__.model_validators.values()
    return issubclass(model, RootModel) or any(each.info.mode != "after" for each in validators)


def unread(workflow: Workflow, parameters: Mapping[str, Any]) -> list[Fault]:
    """Names that a model ignores without declaring `extra`."""
    return [] if "extra" in workflow.parameters.model_config else strays(workflow, parameters)


def unknown(name: object, workflow: Workflow) -> Fault:
    """The fault of a name that is no parameter."""
    fields = workflow.parameters.model_fields.items()
    known = ", ".join(sorted(field.alias or name for name, field in fields)) or "none"
    return Fault((), f"unknown parameter {name!r}; this workflow takes: {known}")
