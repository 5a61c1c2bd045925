"""AMC-TRADER's fleet: seven agents and their workflows. `dramatiq actors` serves it."""

from actors.agents import (
    api_integration,
    backtesting,
    caching_performance,
    data_validation,
    discovery_algorithm,
    management,
    monitoring_alerting,
)
from actors.routes import ROUTES
from actors.workflows import WORKFLOWS
from orchestration import App

app = App(
    agents=[
        management.agent,
        discovery_algorithm.agent,
        data_validation.agent,
        api_integration.agent,
        backtesting.agent,
        caching_performance.agent,
        monitoring_alerting.agent,
    ],
    workflows=WORKFLOWS,
    routes=ROUTES,
)
