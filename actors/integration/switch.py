"""The second step: the fleet takes its prices from the new source; the undo switches back."""

from typing import Any

from actors.integration.connections import chosen_source
from actors.integration.data_source import DATA_SOURCE, DataSource, current_source
from orchestration import Context
from orchestration.errors import ConfigurationError

SWITCHED = "switching_data_sources"


def switch_source(context: Context) -> dict[str, Any]:
    """Configure the source that was found to work, and keep the previous one in the result."""
    before, chosen = source_before(context), chosen_source(context)
    context.configuration.set(DATA_SOURCE, chosen.as_json())
    return {"before": before.as_json(), "after": chosen.as_json()}


def source_before(context: Context) -> DataSource:
    """Return the source that an undo restores: the configured one, or if unreadable the default."""
    try:
        return current_source(context)
    except ConfigurationError as error:
        context.log.warning("%s", error)
        return DataSource()


def switch_back(context: Context) -> dict[str, Any]:
    """Configure the previous source, unless a person or another run has set one since."""
    switched = context.results[SWITCHED]
    return restore(context, DATA_SOURCE, switched)


def restore(context: Context, name: str, changed: dict[str, Any] | None) -> dict[str, Any]:
    """Set a configuration back to its value before a change.

    Args:
        context: The attempt.
        name: The name of the configuration.
        changed: Its values `before` and `after`; None: it was not changed.
    """
    if changed is None:
        return {"restored": False, "reason": "nothing was changed"}
    if (owner := context.configuration.set_by(name)) != context.workflow_id:
        return {"restored": False, "reason": f"{name} was set by {owner or 'a person'} since"}
    context.configuration.set(name, changed["before"])
    return {"restored": True, "value": changed["before"]}
