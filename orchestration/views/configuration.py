"""The configuration of the fleet, version by version, as people and programs see it."""

from typing import Any

from orchestration.store.configuration import Version
from orchestration.views.times import iso


def as_json(version: Version) -> dict[str, Any]:
    """A version as people and programs see it."""
    return {
        "name": version.name,
        "version": version.version,
        "value": version.value,
        "at": iso(version.at),
        "actor": version.actor,
        "workflow_id": version.run_id,
        "step": version.step,
    }
