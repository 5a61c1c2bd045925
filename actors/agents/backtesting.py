"""The agent that backtests strategies."""

from typing import Any

import numpy as np

from actors.health import Facts, answering
from actors.names import BACKTESTING, DATA_VALIDATION, DISCOVERY_ALGORITHM
from actors.prices import checked_dataset, question
from actors.telling import telling
from orchestration import Agent, Context
from orchestration.text import counted
from trading.account import Account
from trading.backtest import backtest
from trading.benchmark import hold
from trading.indicators import cutler_rsi
from trading.ledger import Ledger
from trading.metrics import measure
from trading.optimise import no_trades
from trading.strategies import strategy_named
from trading.study import Study

READING = 0.8


def run_backtest(context: Context) -> dict[str, Any]:
    """Trade one strategy, the branch's item, with its published parameters.

    Raises:
        TradingError: The prices are not those of the first step, or the strategy is unknown.
        AbandonedError: The attempt is cancelled.
    """
    asked = question(context)
    dataset = checked_dataset(context)
    strategy = strategy_named(context.item)
    study = Study.of(strategy, dataset.panel, telling(context, end=READING))
    window = dataset.windows.validation
    account = Account(asked.test_capital, asked.risk_per_trade)
    ledger = backtest(study, strategy.published, window, account)
    context.progress(1.0, f"{strategy.name}: {counted(len(ledger.trades), 'trade')}")
    return {
        "strategy": strategy.name,
        "components_available": list(strategy.available),
        "without_trades": no_trades(study, strategy.published, window),
        **ledger.as_json(),
    }


def analyze_performance(context: Context) -> dict[str, Any]:
    """Measure every backtest from its own trade list and equity curve, and the benchmark.

    Raises:
        TradingError: The prices are not those of the first step.
        AbandonedError: The attempt is cancelled.
    """
    dataset, tell = checked_dataset(context), telling(context)
    published = {}
    runs = context.results["running_backtests"]
    for at, run in enumerate(runs):
        ledger = Ledger.from_json(run["trade_list"], run["equity_curve"])
        published[run["strategy"]] = measure(ledger, run["without_trades"]).as_json()
        tell((at + 1) / len(runs), f"measured {run['strategy']}")
    benchmark = hold(dataset, dataset.windows.validation)
    return {"published": published, "benchmark": benchmark.as_json()}


def look(_context: Context) -> Facts:
    """Compute one indicator whose value is known."""
    rising = float(cutler_rsi(np.arange(1.0, 21.0))[-1])
    return {"numpy": np.__version__, "rsi_of_a_rising_price": rising}


agent = Agent(
    BACKTESTING,
    capabilities=["strategy_testing", "historical_analysis", "performance_metrics"],
    depends_on=[DISCOVERY_ALGORITHM, DATA_VALIDATION],
    actions={
        "run_backtest": run_backtest,
        "analyze_performance": analyze_performance,
        "health_check": answering(BACKTESTING, look),
    },
)
