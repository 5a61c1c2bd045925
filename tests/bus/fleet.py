"""A fleet with the setup guide's commands, and quick agents; some of them are outside."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, field_validator

from orchestration import Agent, App, Context, PermanentError, Retry, Step, Workflow
from orchestration.definitions import NoParameters, Route

OUTSIDE = ("own_agent", "slow_agent", "absent_agent", "undo_agent", "bus_agent", "MyAgent")


class Restart(BaseModel):
    force_stop: bool = False
    strategy: str = "hybrid_v1"


class Stop(BaseModel):
    reason: str


class Integrate(BaseModel):
    primary_source: str = "polygon"
    fallback_sources: list[str] = ["yahoo"]


class Validate(BaseModel):
    strategies: list[str] = ["hybrid_v1", "legacy_v0"]
    validation_period: str = "6M"


class Delicate(BaseModel):
    share: float = 1.0
    limits: dict[str, int] = {}

    @field_validator("limits")
    @classmethod
    def has_most(cls, limits: dict[str, int]) -> dict[str, int]:
        return {"most": limits["most"]} if limits else {}


def work(context: Context) -> dict[str, Any]:
    context.progress(0.5, "half")
    return {"done": True}


def refuse(_context: Context) -> None:
    raise PermanentError("this never works")


def agent(name: str) -> Agent:
    return Agent(name, actions={"work": work, "refuse": refuse}, capabilities=[f"{name}s"])


ONCE = Retry(attempts=1)
OURS = ("management_agent", "discovery_algorithm_agent", "caching_performance_agent")
QUICK = timedelta(seconds=30)

app = App(
    agents=[*map(agent, OURS), *map(agent, OUTSIDE)],
    workflows=[
        Workflow(
            "restart_discovery_system",
            parameters=Restart,
            steps=[
                Step("stopping_rq_workers", "management_agent", "work"),
                Step(
                    "clearing_job_queue",
                    "caching_performance_agent",
                    "work",
                    needs=["stopping_rq_workers"],
                ),
                Step(
                    "restarting_discovery_service",
                    "discovery_algorithm_agent",
                    "work",
                    needs=["clearing_job_queue"],
                ),
            ],
        ),
        Workflow(
            "integrate_real_data",
            parameters=Integrate,
            steps=[Step("validating_data_connections", "management_agent", "work")],
        ),
        Workflow(
            "validate_algorithms",
            parameters=Validate,
            steps=[
                Step(
                    "running_backtests",
                    "management_agent",
                    "work",
                    for_each="parameters.strategies",
                )
            ],
        ),
        Workflow(
            "emergency_stop",
            parameters=Stop,
            system=True,
            stops=True,
            steps=[Step("collecting_acknowledgements", "management_agent", "work")],
        ),
        Workflow(
            "delicate", parameters=Delicate, steps=[Step("working", "management_agent", "work")]
        ),
        Workflow("fail", steps=[Step("refusing", "management_agent", "refuse", retry=ONCE)]),
        *(
            Workflow(
                f"ask_{name}",
                steps=[
                    Step("asking", name, "work", retry=ONCE, timeout=QUICK),
                    Step("closing", "management_agent", "work", needs=["asking"]),
                ],
            )
            for name in OUTSIDE
        ),
        Workflow(
            "undoable",
            parameters=NoParameters,
            steps=[
                Step("preparing", "management_agent", "work", undo="work"),
                Step(
                    "asking",
                    "undo_agent",
                    "work",
                    configures=["mode"],
                    needs=["preparing"],
                    retry=ONCE,
                    timeout=QUICK,
                ),
            ],
        ),
    ],
    routes=[
        Route("discovery_results", ["guest_a", "guest_b"]),
        Route("market_data", ["guest_a"], when="for_discovery"),
        Route("backtest_results", ["guest_a"], renamed="backtest_complete"),
    ],
)
