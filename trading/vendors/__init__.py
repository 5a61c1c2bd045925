"""The companies that sell or give daily bars, one file each: requests and answers, no network."""

from collections.abc import Mapping

from trading.vendors.alpha_vantage import AlphaVantage
from trading.vendors.polygon import Polygon
from trading.vendors.vendor import Vendor
from trading.vendors.yahoo import Yahoo

VENDORS: Mapping[str, Vendor] = {
    vendor.name: vendor for vendor in (Polygon(), Yahoo(), AlphaVantage())
}
