"""A vendor as it is set up here: its address, its key, and how often it may be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from actors.market.gate import Rules
from orchestration.rate import parse_rates
from orchestration.settings import Settings
from trading.errors import VendorKeyError
from trading.vendors import VENDORS
from trading.vendors.vendor import Vendor


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor, its address without a slash at the end, its key, and its rules.

    `timeout` bounds each wait: to connect, and for the next part of an answer.
    """

    vendor: Vendor
    url: str
    key: SecretStr | None
    rules: Rules
    timeout: timedelta = timedelta(seconds=10)

    @property
    def name(self) -> str:
        """The vendor's name."""
        return self.vendor.name

    @property
    def configured(self) -> bool:
        """Whether its key is set, if it takes one."""
        return self.vendor.key_parameter is None or bool(self.key and self.key.get_secret_value())

    def secret_query(self) -> dict[str, str]:
        """Return the secret part of each query.

        Raises:
            VendorKeyError: The key is not set.
        """
        if self.vendor.key_parameter is None:
            return {}
        if self.key is None or not self.configured:
            raise VendorKeyError(self.name, f"{self.name.upper()}_API_KEY is not set")
        return {self.vendor.key_parameter: self.key.get_secret_value()}


def configured_providers(settings: Settings) -> Mapping[str, Provider]:
    """Return every vendor by name, as the settings have it."""
    given = {
        "polygon": (settings.polygon_url, settings.polygon_api_key, settings.polygon_rate),
        "yahoo": (settings.yahoo_url, None, settings.yahoo_rate),
        "alpha_vantage": (
            settings.alpha_vantage_url,
            settings.alpha_vantage_api_key,
            settings.alpha_vantage_rate,
        ),
    }
    return {
        name: Provider(VENDORS[name], url, key, Rules(parse_rates(rates)), settings.market_timeout)
        for name, (url, key, rates) in given.items()
    }
