"""The agent that finds symbols for a strategy, and parameters for it."""

from typing import Any

from actors.discovery.configured import configured_controller
from actors.discovery.scanning import ACTIVE_STRATEGY, DEFAULT_STRATEGY, scan_prices
from actors.errors import require_wanted
from actors.health import Facts, answering
from actors.integration.calibration import calibrate, restore_thresholds, thresholds_of
from actors.integration.data_source import active_prices
from actors.integration.trial import try_data_flow
from actors.names import DATA_VALIDATION, DISCOVERY_ALGORITHM
from actors.parameters import Discover
from actors.prices import checked_dataset, question
from actors.telling import telling
from orchestration import Agent, Context
from trading.account import Account
from trading.benchmark import hold
from trading.optimise import Search, optimise
from trading.strategies import STRATEGIES, strategy_named
from trading.study import Study


def optimize_parameters(context: Context) -> dict[str, Any]:
    """Search each strategy's parameters on earlier days, and try the best on later ones.

    Raises:
        TradingError: The prices are not those of the first step.
        AbandonedError: The attempt is cancelled.
    """
    asked = question(context)
    dataset = checked_dataset(context)
    account = Account(asked.test_capital, asked.risk_per_trade)
    search = Search(asked.optimization_target, asked.optimization_iterations, asked.seed)
    found, parts = {}, len(asked.strategies)
    for at, name in enumerate(asked.strategies):
        tell = telling(context, at / parts, (at + 1) / parts)
        study = Study.of(strategy_named(name), dataset.panel)
        found[name] = optimise(study, dataset.windows, account, search, tell).as_json()
    held = hold(dataset, dataset.windows.out_of_sample)
    return {"optimised": found, "held": held.total_return, "divided": dataset.windows.divided}


def scan(context: Context) -> dict[str, Any]:
    """Score the source's symbols with the active strategy, and publish the candidates.

    Raises:
        TradingError: The strategy or a symbol is unknown, or the prices are not usable.
        AbandonedError: The attempt is cancelled.
    """
    asked = Discover.model_validate(context.parameters, from_attributes=True)
    strategy = context.configuration.get(ACTIVE_STRATEGY) or DEFAULT_STRATEGY
    source = active_prices(context, asked.symbols)
    prices = source.load(list(asked.symbols or source.available()))
    found = scan_prices(prices, strategy, thresholds_of(context, strategy))
    context.emit("discovery_results", found)
    return found


def restart_discovery(context: Context) -> dict[str, Any]:
    """Have discovery's workers started, and check that they work.

    Raises:
        ServiceError: The workers do not work.
        AbandonedError: The attempt is cancelled.
    """
    require_wanted(context)
    return configured_controller().restart(context, context.results["stopping_rq_workers"])


def look(_context: Context) -> Facts:
    """Look at discovery's workers, and count the strategies."""
    return {
        "workers": dict(configured_controller().look()),
        "strategies": {name: len(strategy.choices) for name, strategy in STRATEGIES.items()},
    }


agent = Agent(
    DISCOVERY_ALGORITHM,
    capabilities=["candidate_discovery", "scoring", "filtering"],
    depends_on=[DATA_VALIDATION],
    actions={
        "scan": scan,
        "restart_discovery": restart_discovery,
        "optimize_parameters": optimize_parameters,
        "calibrate": calibrate,
        "restore_thresholds": restore_thresholds,
        "try_data_flow": try_data_flow,
        "health_check": answering(DISCOVERY_ALGORITHM, look),
    },
)
