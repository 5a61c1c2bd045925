"""The second step: the fleet takes its prices from the new source, or from the one before again."""

from typing import Any

from actors.integration.connections import chosen_source
from actors.integration.data_source import DATA_SOURCE, DataSource, current_source
from orchestration import Context
from orchestration.errors import ConfigurationError

SWITCHED = "switching_data_sources"


def switch_source(context: Context) -> dict[str, Any]:
    """Configure the source that was found to work, and keep what there was before."""
    before, chosen = source_before(context), chosen_source(context)
    context.configuration.set(DATA_SOURCE, chosen.as_json())
    return {"before": before.as_json(), "after": chosen.as_json()}


def source_before(context: Context) -> DataSource:
    """Return the source that is to be restored; one that cannot be read is none."""
    try:
        return current_source(context)
    except ConfigurationError as error:
        context.log.warning("%s", error)
        return DataSource()


def switch_back(context: Context) -> dict[str, Any]:
    """Configure the source before, unless somebody else has changed it since."""
    switched = context.results[SWITCHED]
    return restore(context, DATA_SOURCE, switched)


def restore(context: Context, name: str, changed: dict[str, Any] | None) -> dict[str, Any]:
    """Set a configuration back to what it was before a change.

    Args:
        context: The attempt.
        name: Which one.
        changed: Its values `before` and `after`; None: the change never came about.
    """
    if changed is None:
        return {"restored": False, "reason": "nothing was changed"}
    if (owner := context.configuration.set_by(name)) != context.workflow_id:
        return {"restored": False, "reason": f"{name} was set by {owner or 'a person'} since"}
    context.configuration.set(name, changed["before"])
    return {"restored": True, "value": changed["before"]}
