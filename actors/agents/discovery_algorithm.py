"""Which parameters a strategy should have."""

from typing import Any

from actors.health import Facts, answering
from actors.names import DATA_VALIDATION, DISCOVERY_ALGORITHM
from actors.prices import checked_dataset, question
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
    """
    asked = question(context)
    dataset = checked_dataset(context)
    account = Account(asked.test_capital, asked.risk_per_trade)
    search = Search(asked.optimization_target, asked.optimization_iterations, asked.seed)
    found = {}
    for at, name in enumerate(asked.strategies):

        def tell(done: float, text: str, before: int = at) -> None:
            context.progress((before + done) / len(asked.strategies), text)

        study = Study.of(strategy_named(name), dataset.panel)
        found[name] = optimise(study, dataset.windows, account, search, tell).as_json()
    held = hold(dataset, dataset.windows.out_of_sample)
    return {"optimised": found, "held": held.total_return, "divided": dataset.windows.divided}


def look() -> Facts:
    """Count what can be chosen among."""
    return {
        "strategies": {name: len(strategy.choices) for name, strategy in STRATEGIES.items()},
    }


agent = Agent(
    DISCOVERY_ALGORITHM,
    capabilities=["candidate_discovery", "scoring", "filtering"],
    depends_on=[DATA_VALIDATION],
    actions={
        "optimize_parameters": optimize_parameters,
        "health_check": answering(DISCOVERY_ALGORITHM, look),
    },
)
