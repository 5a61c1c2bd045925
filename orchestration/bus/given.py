"""The results and the configuration that a command carries, as the agent sees them."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from typing_extensions import override

from orchestration.errors import PermanentError


class GivenResults(Mapping[str, Any]):
    """Results of the steps that a command builds on, by name; of a fan-out a list.

    Args:
        values: Those that came with the command.
        left_out: Names of those that were too large for a message.
    """

    def __init__(self, values: Mapping[str, Any], left_out: Collection[str] = ()) -> None:
        self._values = values
        self._left_out = left_out

    @override
    def __getitem__(self, name: str) -> Any:
        if name in self._left_out:
            raise PermanentError(
                f"the result of {name!r} is too large for a message: let its step return less, such"
                " as where it can be read, or take this agent out of OUTSIDE_AGENTS"
            )
        return self._values[name]

    @override
    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from self._left_out

    @override
    def __len__(self) -> int:
        return len(self._values) + len(self._left_out)


class GivenConfiguration:
    """The fleet's configuration when a command was sent, and the values its answer will set.

    Args:
        values: Value by name.
        versions: For each name that was ever set, how often, and by whose run.
        left_out: Names of those that were too large for a message.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        versions: Mapping[str, Any] | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        self._values = values
        self._versions = versions or {}
        self._left_out = left_out
        self._new: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """The value that this command has set, or else the current one; None: it was never set.

        Raises:
            PermanentError: It was too large for a message.
        """
        if name in self._new:
            return self._new[name]
        if name in self._left_out:
            raise PermanentError(f"the configuration {name!r} is too large for a message")
        return self._values.get(name)

    def version(self, name: str) -> int:
        """How often it was set to another value; 0 if never."""
        found = self._told(name).get("version")
        return found if isinstance(found, int) else 0

    def set_by(self, name: str) -> str | None:
        """The run whose step set the current value; None: a person set it, or it was never set."""
        found = self._told(name).get("set_by")
        return found if isinstance(found, str) else None

    def set(self, name: str, value: Any) -> None:
        """Set a value in the transaction that completes the step, or not at all.

        If the step does not declare that it `configures` this name, or the value was set elsewhere
        since the command was sent, the step fails.

        Raises:
            ValueError: The value is not JSON.
        """
        try:
            self._new[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"this is not JSON: {error}") from None

    def answer(self) -> dict[str, Any]:
        """The answer's fields for the values that were set; none where none was."""
        if not self._new:
            return {}
        over = {name: self.version(name) for name in self._new}
        return {"configuration": self._new, "configuration_over": over}

    def _told(self, name: str) -> Mapping[str, Any]:
        found = self._versions.get(name)
        return found if isinstance(found, dict) else {}


def results_in(payload: Mapping[str, Any]) -> GivenResults:
    """The results in a command's payload."""
    return GivenResults(mapping(payload, "results"), names(payload, "results_left_out"))


def configuration_in(payload: Mapping[str, Any]) -> GivenConfiguration:
    """The configuration in a command's payload."""
    versions = mapping(payload, "configuration_versions")
    left_out = names(payload, "configuration_left_out")
    return GivenConfiguration(mapping(payload, "configuration"), versions, left_out)


def mapping(payload: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A field, if it is an object."""
    value = payload.get(field)
    return value if isinstance(value, dict) else {}


def names(payload: Mapping[str, Any], field: str) -> list[str]:
    """The texts in a field that is a list."""
    value = payload.get(field)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
