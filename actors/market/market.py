"""Everything that is needed to ask vendors, in one value; and the state of each vendor."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from typing_extensions import override

from actors.market.cache import Cache
from actors.market.gate import Gate
from actors.market.provider import Provider, configured_providers
from orchestration.clock import SystemClock
from orchestration.context import Shared
from orchestration.ports import Clock
from orchestration.settings import Settings
from trading.errors import ParameterError

PREFIX = "market."


class FleetClock(SystemClock):
    """This machine's clock, but with the time of day that all processes with these gates share."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    @override
    def now(self) -> datetime:
        return self._shared.now()


@dataclass(frozen=True, slots=True)
class Market:
    """The vendors by name, the values that all processes share, and the files on this disk.

    `sleep` takes seconds; it is called only to wait for a token of a vendor's rate.
    """

    providers: Mapping[str, Provider]
    shared: Shared
    cache: Cache
    clock: Clock
    sleep: Callable[[float], None]

    def provider(self, name: str) -> Provider:
        """Return the provider of this name.

        Raises:
            ParameterError: There is none.
        """
        if name not in self.providers:
            raise ParameterError("source", name, f"one of {', '.join(self.providers)}")
        return self.providers[name]

    def gate(self, name: str) -> Gate:
        """Return the gate of a provider, which all processes share."""
        return Gate.of(self.shared.get(PREFIX + name))

    def change_gate(self, name: str, change: Callable[[Gate], Gate]) -> Gate:
        """Replace the gate of a provider, which all processes share; `change` may run again."""
        key = PREFIX + name
        return Gate.of(self.shared.update(key, lambda old: change(Gate.of(old)).as_json()))

    def state(self) -> list[dict[str, Any]]:
        """Return the state of each provider as JSON: circuit, cooldown, budget left."""
        now = self.clock.now()
        return [self._state(provider, now) for provider in self.providers.values()]

    def _state(self, provider: Provider, now: datetime) -> dict[str, Any]:
        gate, rules = self.gate(provider.name), provider.rules
        obstacle = gate.obstacle(now, rules)
        return {
            "source": provider.name,
            "configured": provider.configured,
            "circuit": gate.circuit(now, rules).value,
            "failures": gate.failures,
            "open_until": _iso(gate.open_until, now),
            "cooldown_until": _iso(gate.cooldown_until, now),
            "hindrance": obstacle and obstacle.hindrance.value,
            "wait_seconds": obstacle.wait.total_seconds() if obstacle else 0.0,
            "budget": [
                {
                    "limit": rate.count,
                    "period_seconds": rate.period.total_seconds(),
                    "left": rate.left(gate.taken, now),
                }
                for rate in rules.rates
            ],
        }


def open_market(
    shared: Shared, settings: Settings, sleep: Callable[[float], None] = time.sleep
) -> Market:
    """Return the market that the settings describe, with the state that the fleet shares."""
    directory = settings.market_cache_dir or settings.orchestration_home / "cache" / "market"
    providers = configured_providers(settings)
    return Market(providers, shared, Cache(directory), FleetClock(shared), sleep)


def _iso(moment: datetime | None, now: datetime) -> str | None:
    return None if moment is None or moment <= now else moment.isoformat()
