import json

import empyrical
import numpy as np
import pytest

from trading.account import Account
from trading.backtest import backtest
from trading.ledger import Equity, Ledger, Trade
from trading.metrics import METRIC_NAMES, TARGETS, Metrics, measure, undefined
from trading.panel import Panel
from trading.sources.embedded import EmbeddedSource
from trading.strategies.legacy_v0 import legacy_v0
from trading.study import Study
from trading.window import Window

DAYS = ["2012-01-03", "2012-01-04", "2012-01-05", "2012-01-06", "2012-01-09"]


@pytest.fixture(scope="module")
def ledger(embedded: EmbeddedSource) -> Ledger:
    study = Study.of(legacy_v0(), Panel.stack(embedded.load(["AAPL", "GOOG", "IBM"]).bars))
    window = Window(80, len(study.panel.calendar) - 1)
    return backtest(study, study.strategy.published, window, Account(100_000, 0.02))


def made_up(values: list[float], *profits: float) -> Ledger:
    curve = tuple(Equity(day, value) for day, value in zip(DAYS, values, strict=False))
    trades = tuple(
        Trade("TEST", DAYS[1], 1.0, DAYS[3], 1.0 + profit, 1, 0.0, profit) for profit in profits
    )
    return Ledger(trades, curve)


def test_the_names_are_those_of_the_contract() -> None:
    assert METRIC_NAMES == (
        "total_return",
        "sharpe_ratio",
        "max_drawdown",
        "max_drawdown_from",
        "max_drawdown_to",
        "win_rate",
        "profit_factor",
        "trades",
        "exposure",
        "reason",
    )


def test_returns_are_empyricals(ledger: Ledger) -> None:
    values = np.array([point.equity for point in ledger.curve])
    returns = values[1:] / values[:-1] - 1
    metrics = measure(ledger)
    assert metrics.total_return == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9)
    assert metrics.sharpe_ratio == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    assert metrics.max_drawdown == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)


def test_every_metric_can_be_computed_again_from_the_published_lists(ledger: Ledger) -> None:
    published = json.loads(json.dumps(ledger.as_json(), allow_nan=False))
    trades, curve = published["trade_list"], published["equity_curve"]
    metrics = measure(ledger).as_json()
    by_date = {point["date"]: point["equity"] for point in curve}
    days = list(by_date)[1:]
    profits = [
        trade["quantity"] * (trade["exit_price"] - trade["entry_price"]) - trade["fees"]
        for trade in trades
    ]
    assert profits == [trade["profit"] for trade in trades]
    assert metrics["trades"] == len(trades)
    assert metrics["win_rate"] == sum(profit > 0 for profit in profits) / len(trades)
    lost = -sum(profit for profit in profits if profit < 0)
    won = sum(profit for profit in profits if profit > 0)
    assert metrics["profit_factor"] == pytest.approx(won / lost, rel=1e-12)
    high, low = by_date[metrics["max_drawdown_from"]], by_date[metrics["max_drawdown_to"]]
    assert metrics["max_drawdown"] == low / high - 1
    held = [any(t["entered"] <= day < t["left"] for t in trades) for day in days]
    assert metrics["exposure"] == sum(held) / len(days)
    again = measure(Ledger.from_json(trades, curve))
    assert again.as_json() == metrics
    assert Metrics.from_json({**metrics, "trade_list": trades}) == again


def test_no_trades_leave_everything_undefined() -> None:
    metrics = measure(made_up([100, 100, 100]), "no trades: the gates never passed")
    assert metrics == undefined("no trades: the gates never passed")
    assert metrics.trades == 0
    assert [metrics.value(target) for target in TARGETS] == [None] * 4


def test_no_losing_trade_leaves_the_profit_factor_undefined() -> None:
    metrics = measure(made_up([100, 101, 100, 103], 1.0, 2.0))
    assert metrics.profit_factor is None
    assert metrics.reason == "no losing trades, so no profit factor"
    assert metrics.win_rate == 1.0


def test_only_losing_trades_have_a_profit_factor_of_zero() -> None:
    metrics = measure(made_up([100, 99, 98], -1.0, -1.0))
    assert (metrics.profit_factor, metrics.win_rate) == (0.0, 0.0)


def test_equity_that_never_falls_has_no_dates_of_a_fall() -> None:
    metrics = measure(made_up([100, 101, 103], -1.0, 2.0))
    assert (metrics.max_drawdown, metrics.max_drawdown_from) == (0.0, None)
    assert metrics.reason == "equity never fell"


def test_equity_that_does_not_vary_has_no_sharpe_ratio() -> None:
    metrics = measure(made_up([100, 100, 100], 0.0))
    assert metrics.sharpe_ratio is None
    assert metrics.reason is not None
    assert metrics.reason.startswith("the daily returns do not vary")


def test_one_return_has_no_sharpe_ratio() -> None:
    reason = measure(made_up([100, 99], -1.0)).reason
    assert reason is not None
    assert reason.startswith("fewer than two daily returns")


def test_a_fall_is_dated_from_its_high_to_its_low() -> None:
    metrics = measure(made_up([100, 120, 110, 60, 90], -40.0))
    assert metrics.max_drawdown == pytest.approx(-0.5)
    assert (metrics.max_drawdown_from, metrics.max_drawdown_to) == (DAYS[1], DAYS[3])


def test_exposure_counts_the_closes_that_found_a_position_open() -> None:
    assert measure(made_up([100, 101, 102, 103, 104], 4.0)).exposure == 2 / 4
