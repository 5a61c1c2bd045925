"""Configuration and data that an action stages until its attempt completes; shared values."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from orchestration.context import storable_json
from orchestration.engine import Engine, Value, Yield
from orchestration.errors import PermanentError
from orchestration.store import configuration, shared
from orchestration.store.configuration import Version


class Staging:
    """The fleet's configuration as one attempt sees it, and what it will set and emit.

    Args:
        engine: The engine whose store has the configuration.
        step: The attempt's step.
        allowed: The names that it may set.
    """

    def __init__(self, engine: Engine, step: str, allowed: tuple[str, ...]) -> None:
        self._engine = engine
        self._step = step
        self._allowed = allowed
        self._seen: dict[str, Version | None] = {}
        self._values: dict[str, Any] = {}
        self._data: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def staged(self) -> Yield:
        """The values and data to write with the attempt's completion."""
        values = {name: Value(each, self.version(name)) for name, each in self._values.items()}
        return Yield(values, tuple(self._data))

    def get(self, name: str) -> Any:
        """The value that this attempt has staged, or else the current one."""
        if name in self._values:
            return self._values[name]
        found = self._look(name)
        return found and found.value

    def version(self, name: str) -> int:
        """The version of the current value; 0 if it was never set."""
        found = self._look(name)
        return found.version if found else 0

    def set_by(self, name: str) -> str | None:
        """The run whose step set the current value; None: a person set it, or it was never set."""
        found = self._look(name)
        return None if found is None else found.run_id

    def set(self, name: str, value: Any) -> None:
        """Stage a value.

        Raises:
            PermanentError: The step does not declare that it `configures` this name.
            ValueError: The value is not JSON.
        """
        if name not in self._allowed:
            raise PermanentError(
                f"step {self._step} may not set {name!r}: declare configures=[{name!r}] on it"
            )
        self._look(name)
        self._values[name] = plain(value)

    def emit(self, data_type: str, data: Mapping[str, Any]) -> None:
        """Stage data for other agents.

        Raises:
            ValueError: The data are not JSON.
        """
        self._data.append((data_type, plain(dict(data))))

    def _look(self, name: str) -> Version | None:
        """The version that this attempt read first: its decisions build on that."""
        if name not in self._seen:
            found = self._engine.store.read(lambda s: configuration.current(s, name))
            self._seen[name] = found
        return self._seen[name]


class SharedValues:
    """Small values that every process sees.

    Args:
        engine: The engine whose store has them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, key: str) -> Any:
        """The value, or None."""
        return self._engine.store.read(lambda s: shared.get(s, key))

    def under(self, prefix: str) -> Mapping[str, Any]:
        """Every value whose key begins with a prefix."""
        return self._engine.store.read(lambda s: shared.under(s, prefix))

    def update(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Replace a value by what `change` makes of it."""
        return self._engine.update_shared(key, change)

    def now(self) -> datetime:
        """The time of day by the store's clock."""
        return self._engine.clock.now()


def plain(value: Any) -> Any:
    """A value as it will be read back from JSON.

    Raises:
        ValueError: The value is not JSON.
    """
    try:
        return json.loads(storable_json(json.dumps(value, allow_nan=False)))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from None
