"""The agents that also get data that an agent sends to the orchestrator."""

from actors.names import DISCOVERY_ALGORITHM, MANAGEMENT, MONITORING_ALERTING
from orchestration.definitions import Route

ROUTES = (
    Route("discovery_results", [MANAGEMENT, MONITORING_ALERTING]),
    Route("market_data", [DISCOVERY_ALGORITHM], when="for_discovery"),
    Route("backtest_results", [MANAGEMENT], renamed="backtest_complete"),
)
