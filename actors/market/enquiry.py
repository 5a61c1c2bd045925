"""One enquiry at one provider: admitted, sent, read, and its outcome shared with all processes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import stamina

from actors.market.errors import CircuitOpenError
from actors.market.gate import Gate, Hindrance, Obstacle
from actors.market.market import Market
from actors.market.provider import Provider
from orchestration.clock import new_id
from trading.bars import Bars
from trading.errors import (
    NoVendorBarsError,
    TradingError,
    VendorAnswerError,
    VendorDownError,
    VendorLimitError,
)
from trading.vendors.vendor import Answer, Asked, Page, Request, Row, bars_of

ATTEMPTS = 3
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=10)
# Long enough for a token of a rate of five a minute; a token of 25 a day is not waited for.
PATIENCE = timedelta(minutes=1)
MOST_PAGES = 40

_SAID = {
    Hindrance.COOLING: "it asked to be left alone",
    Hindrance.SPENT: "our requests to it are used up",
}

_retrying = stamina.RetryingCaller(
    attempts=ATTEMPTS, timeout=None, wait_initial=FIRST_PAUSE, wait_max=LONGEST_PAUSE
)


def ask(market: Market, name: str, asked: Asked) -> Bars:
    """Return the bars that a provider has, at least one, from all of its pages.

    A request that failed on the way or at the provider is tried again; a refused one is not.

    Raises:
        VendorError: The provider serves none; the kind says what to do.
        DataError: A bar lacks a value.
    """
    from actors.market.wire import Wire  # noqa: PLC0415 - httpx is slow to import, and seldom needed

    provider = market.provider(name)
    with Wire(provider, market.clock) as wire:
        rows = _Enquiry(market, provider, wire, asked).rows()
    bars = bars_of(asked, rows)
    if not len(bars):
        raise NoVendorBarsError(name, asked.symbol)
    return bars


class _Asks(Protocol):
    def ask(self, request: Request) -> Answer: ...


@dataclass(frozen=True, slots=True)
class _Enquiry:
    market: Market
    provider: Provider
    wire: _Asks
    asked: Asked

    def rows(self) -> list[Row]:
        rows: list[Row] = []
        request = self.provider.vendor.request(self.asked)
        for _ in range(MOST_PAGES):
            page = _retrying(VendorDownError, self._page, request)
            rows += page.rows
            if page.further is None:
                return rows
            request = page.further
        problem = f"its answer has more than {MOST_PAGES} pages"
        raise VendorAnswerError(self.provider.name, problem)

    def _page(self, request: Request) -> Page:
        self._pass_the_gate()
        name, clock, rules = self.provider.name, self.market.clock, self.provider.rules
        try:
            page = self.provider.vendor.read(self.asked, self.wire.ask(request))
        except VendorLimitError as error:
            wait = error.retry_after
            self.market.change_gate(name, lambda gate: gate.cool(clock.now(), wait))
            raise
        except (VendorDownError, VendorAnswerError) as error:
            cause = error.problem
            self.market.change_gate(name, lambda gate: gate.fail(clock.now(), rules, cause))
            raise
        except TradingError:
            self._alive()
            raise
        self._alive()
        return page

    def _alive(self) -> None:
        name = self.provider.name
        if self.market.gate(name).ailing:
            self.market.change_gate(name, lambda gate: gate.succeed())

    def _pass_the_gate(self) -> None:
        """Take a token, or wait for one.

        Raises:
            CircuitOpenError: The provider failed too often.
            VendorLimitError: The provider has asked for a pause, or there is no token soon.
        """
        ticket, waited = new_id(), timedelta(0)
        while obstacle := self._obstacle(ticket):
            waited += obstacle.wait
            if obstacle.hindrance is not Hindrance.SPENT or waited > PATIENCE:
                raise _refusal(self.provider.name, obstacle, self.market.gate(self.provider.name))
            self.market.sleep(obstacle.wait.total_seconds())

    def _obstacle(self, ticket: str) -> Obstacle | None:
        now, rules = self.market.clock.now(), self.provider.rules
        gate = self.market.change_gate(
            self.provider.name, lambda gate: gate.admit(now, rules, ticket)
        )
        return None if gate.ticket == ticket else gate.obstacle(now, rules)


def _refusal(source: str, obstacle: Obstacle, gate: Gate) -> CircuitOpenError | VendorLimitError:
    if obstacle.hindrance is Hindrance.OPEN:
        return CircuitOpenError(source, obstacle.wait, gate.cause)
    return VendorLimitError(source, _SAID[obstacle.hindrance], obstacle.wait)
