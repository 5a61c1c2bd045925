"""The configured source of the fleet's prices."""

from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from actors.market.feed import Fetched, Wanted, fetch_bars
from actors.market.market import Market, open_market
from actors.prices import configured_source
from actors.telling import telling, waiting
from orchestration import Context, settings
from orchestration.errors import ConfigurationError
from trading.progress import OnProgress, unheard
from trading.sessions import last_closed_day
from trading.sources.loaded import LoadedSource
from trading.sources.source import Source

DATA_SOURCE = "data_source"
UNIVERSE = ("AAPL", "GOOG", "IBM", "MSFT")
SAMPLE = 2
HISTORY = timedelta(days=725)  # every vendor's plan reaches back that far
LEAST_BARS = 60

Rollout = Literal["sample", "full"]


class DataSource(BaseModel):
    """Where prices come from; `embedded` are those of the package or of MARKET_DATA_DIR.

    With the rollout `sample` only the first symbols of the universe are taken from it.
    """

    model_config = ConfigDict(frozen=True)

    source: str = "embedded"
    fallbacks: tuple[str, ...] = ()
    symbols: tuple[str, ...] = UNIVERSE
    rollout: Rollout = "full"

    @property
    def is_external(self) -> bool:
        """Whether a vendor has to be asked."""
        return self.source != "embedded"

    @property
    def alone(self) -> "DataSource":
        """The same source without fallbacks: what is learned and tested is its own."""
        return self.model_copy(update={"fallbacks": ()})

    @property
    def served(self) -> tuple[str, ...]:
        """The symbols that are taken from it."""
        return self.symbols[:SAMPLE] if self.rollout == "sample" else self.symbols

    def as_json(self) -> dict[str, Any]:
        """Return the source as its configuration stores it."""
        return self.model_dump(mode="json")


def current_source(context: Context) -> DataSource:
    """Return the configured source; if none was ever configured, the embedded prices.

    Raises:
        ConfigurationError: It cannot be read; `integrate_real_data` sets it anew.
    """
    found = context.configuration.get(DATA_SOURCE)
    try:
        return DataSource() if found is None else DataSource.model_validate(found)
    except ValidationError:
        raise ConfigurationError(
            f"{DATA_SOURCE} is configured as what is no source:"
            " `orchestrate run integrate_real_data` sets another one"
        ) from None


def market_of(context: Context) -> Market:
    """Return the vendors, with the state that the whole fleet shares.

    A cancelled attempt waits for none of them: it ends with `AbandonedError`.
    """
    return open_market(context.shared, settings.load(), waiting(context))


def fetch(
    market: Market, source: DataSource, symbols: tuple[str, ...], tell: OnProgress = unheard
) -> Fetched:
    """Return the bars of the last two years from an external source or its fallbacks.

    Raises:
        NoSourceError: None of them has the prices.
    """
    last = last_closed_day(market.clock.now())
    wanted = Wanted(symbols, last - HISTORY, last, LEAST_BARS)
    return fetch_bars(market, wanted, source.source, source.fallbacks, tell)


def active_prices(context: Context, symbols: tuple[str, ...] | None) -> Source:
    """Return the prices of the configured source: of these symbols, or of all that it serves.

    Raises:
        NoSourceError: Neither the source nor a fallback serves them; no other source is asked.
        SourceError: MARKET_DATA_DIR is no directory.
        AbandonedError: The attempt is cancelled.
    """
    source = current_source(context)
    if not source.is_external:
        return configured_source()
    wanted = symbols or source.served
    return LoadedSource(fetch(market_of(context), source, wanted, telling(context)).prices)
