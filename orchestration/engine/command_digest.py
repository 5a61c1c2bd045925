"""The digest by which a command is recognised again, the same in every process."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, RootModel
from pydantic_core import to_jsonable_python


def digest_of(name: str, parameters: str) -> str:
    """A digest of a command, in 64 hex digits."""
    return hashlib.sha256(f"{name}\n{parameters}".encode()).hexdigest()


def as_given(name: str, parameters: Mapping[str, Any]) -> str | None:
    """A digest of a command as its caller gave it; None: it cannot be written as JSON."""
    try:
        return digest_of(name, json.dumps(parameters, sort_keys=True, default=as_json))
    except (TypeError, ValueError, RecursionError):
        return None


def as_json(value: Any) -> Any:
    """A value that JSON does not know, as one that it does.

    Raises:
        TypeError: The value is an iterator, which can be read only once.
        ValueError: Pydantic cannot turn it into JSON, either.
    """
    if isinstance(value, Iterator):
        raise TypeError(type(value).__name__)
    return in_order(value, to_jsonable_python(value, by_alias=True))


def dumped(parameters: Mapping[str, Any] | BaseModel | None) -> Mapping[str, Any]:
    """The parameters that a caller gave, under the names that the workflow's model reads."""
    if isinstance(parameters, BaseModel):
        return parameters.model_dump(by_alias=True)
    return parameters or {}


def chosen(model: BaseModel) -> Mapping[str, Any]:
    """The fields that a caller set or changed in a model, without those left at their defaults."""
    if isinstance(model, RootModel):
        return dumped(model)
    unset = type(model).model_fields.keys() - model.model_fields_set
    changed = {name for name in unset if is_changed(model, name)}
    return model.model_dump(by_alias=True, include=model.model_fields_set | changed)


def is_changed(model: BaseModel, name: str) -> bool:
    """Whether the value of a field that nobody set differs from its default, say a list.

    A value with a hash cannot be changed in place, and its default may be another one each time.
    """
    value, field = getattr(model, name, None), type(model).model_fields[name]
    if is_hashable(value):
        return False
    try:
        default = field.get_default(call_default_factory=True)
        if isinstance(value, BaseModel) and isinstance(default, BaseModel):
            return chosen(value) != chosen(default)
        return bool(value != default)
    except Exception:  # noqa: BLE001 - an application's own default, or its comparison
        return False


def is_hashable(value: Any) -> bool:
    """Whether a value has a hash; pydantic shares such defaults, since they do not change."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def in_order(value: Any, json_value: Any) -> Any:
    """What pydantic dumped of a value, with sets sorted: their order differs between processes."""
    match value, json_value:
        case RootModel(root=root), _:
            return in_order(root, json_value)
        case BaseModel(), dict():
            fields = type(value).model_fields
            known = {fields[n].serialization_alias or n: v for n, v in value if n in fields}
            return {name: in_order(known.get(name), each) for name, each in json_value.items()}
        case (dict(), dict()) if len(value) == len(json_value):
            pairs = zip(value.values(), json_value.items(), strict=True)
            return {name: in_order(inner, each) for inner, (name, each) in pairs}
        case ((list() | tuple() | set() | frozenset()), list()) if len(value) == len(json_value):
            each_in_order = map(in_order, value, json_value)
            if isinstance(value, set | frozenset):
                return sorted(each_in_order, key=partial(json.dumps, sort_keys=True))
            return list(each_in_order)
    return json_value
