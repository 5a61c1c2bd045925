"""The first step: which of the wanted sources can be used at all."""

from typing import Any

from actors.integration.data_source import DataSource, market_of
from actors.market.connection import try_connections
from actors.parameters import IntegrateRealData
from actors.telling import telling
from orchestration import Context, PermanentError
from trading.errors import NoSourceError

VALIDATED = "validating_data_connections"


def integration_of(context: Context) -> IntegrateRealData:
    """Return the run's parameters by their type."""
    return IntegrateRealData.model_validate(context.parameters, from_attributes=True)


def try_sources(context: Context) -> dict[str, Any]:
    """Ask every wanted source for prices, and take the first one that has them.

    Raises:
        NoSourceError: None of them has prices.
        AbandonedError: The attempt is cancelled.
    """
    asked = integration_of(context)
    names = (asked.primary_source, *asked.fallback_sources)
    tried = try_connections(market_of(context), names, asked.symbols[0], telling(context))
    usable = [each["source"] for each in tried if each["usable"]]
    reasons = {each["source"]: str(each["reason"]) for each in tried if not each["usable"]}
    if not usable:
        raise NoSourceError(asked.symbols[:1], reasons)
    return {
        "requested": asked.primary_source,
        "used": usable[0],
        "fallbacks": usable[1:],
        "reason": reasons.get(asked.primary_source),
        "connections": tried,
    }


def chosen_source(context: Context) -> DataSource:
    """Return the source that the first step has found, as it will be configured.

    Raises:
        PermanentError: The result is that of another run, which was asked for other sources.
    """
    asked, found = integration_of(context), context.results[VALIDATED]
    tried = [each["source"] for each in found["connections"]]
    if tried != [asked.primary_source, *asked.fallback_sources]:
        raise PermanentError(
            f"{', '.join(tried)} were tried, and other sources are asked for now:"
            f" fork the run again with `--from {VALIDATED}`"
        )
    return DataSource(
        source=found["used"],
        fallbacks=tuple(found["fallbacks"]),
        symbols=asked.symbols,
        rollout="sample" if asked.gradual_rollout else "full",
    )
