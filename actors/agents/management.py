"""The agent that decides from the other agents' results, and switches things on and off."""

from datetime import timedelta
from shutil import disk_usage
from typing import Any

from actors.discovery.configured import configured_controller
from actors.discovery.scanning import ACTIVE_STRATEGY
from actors.health import Facts, answering
from actors.integration.trading_mode import enable_real_trading
from actors.names import MANAGEMENT, MONITORING_ALERTING
from actors.parameters import RestartDiscoverySystem
from actors.prices import CHECKED_BY, question
from orchestration import Agent, Context, settings
from trading.metrics import Metrics
from trading.recommendation import Evidence, best_of, recommend
from trading.strategies import strategy_named


def generate_recommendations(context: Context) -> dict[str, Any]:
    """Judge every strategy on its held-out days; the answer is the result of the validation."""
    asked = question(context)
    analysis = context.results["analyzing_performance"]
    search = context.results["optimizing_parameters"]
    runs = {run["strategy"]: run for run in context.results["running_backtests"]}
    evidence: dict[str, Evidence] = {
        name: Evidence(
            strategy_named(name),
            Metrics.from_json(analysis["published"][name]),
            Metrics.from_json(search["optimised"][name]["in_sample"]),
            Metrics.from_json(search["optimised"][name]["out_of_sample"]),
            search["held"],
        )
        for name in asked.strategies
    }
    verdicts = {name: recommend(each) for name, each in evidence.items()}
    held_out = {name: each.out_of_sample for name, each in evidence.items()}
    divided = [search["divided"]] if search["divided"] else []
    return {
        "data": context.results[CHECKED_BY]["data"],
        "benchmark": analysis["benchmark"],
        "strategies": {
            name: {
                "recommendation": verdict.verdict.value,
                "reasons": [*verdict.reasons, *divided],
                "components_available": runs[name]["components_available"],
                "published": {
                    **analysis["published"][name],
                    "trade_list": runs[name]["trade_list"],
                    "equity_curve": runs[name]["equity_curve"],
                },
                "optimised": search["optimised"][name],
            }
            for name, verdict in verdicts.items()
        },
        "recommended_strategy": best_of(verdicts, held_out, asked.optimization_target),
        "seed": asked.seed,
    }


def stop_discovery(context: Context) -> dict[str, Any]:
    """Stop discovery's workers; if that fails, leave none of them suspended.

    Raises:
        WorkersBusyError: Some workers are still at work.
    """
    asked = restart_of(context)
    grace = timedelta(seconds=asked.grace_seconds)
    return configured_controller().stop(context, force=asked.force_stop, grace=grace)


def resume_discovery(context: Context) -> dict[str, Any]:
    """Let discovery's workers take work again."""
    return configured_controller().resume(context)


def activate_strategy(context: Context) -> dict[str, Any]:
    """Make the strategy the active one with this step's completion; tell of the whole restart."""
    strategy = restart_of(context).strategy
    before = context.configuration.get(ACTIVE_STRATEGY)
    context.configuration.set(ACTIVE_STRATEGY, strategy)
    return {
        ACTIVE_STRATEGY: strategy,
        "before": before,
        "stopped": context.results["stopping_rq_workers"],
        "cleared": context.results["clearing_job_queue"],
        "restarted": context.results["restarting_discovery_service"],
    }


def restart_of(context: Context) -> RestartDiscoverySystem:
    """Return the run's parameters by their type."""
    return RestartDiscoverySystem.model_validate(context.parameters, from_attributes=True)


def look(_context: Context) -> Facts:
    """Measure the disk of this process's ORCHESTRATION_HOME, which need not be there yet."""
    home = settings.load().orchestration_home.absolute()
    disk = disk_usage(next(each for each in (home, *home.parents) if each.exists()))
    return {"disk_free_mib": disk.free // 2**20, "disk_used": round(disk.used / disk.total, 3)}


agent = Agent(
    MANAGEMENT,
    capabilities=["system_management", "configuration", "deployment"],
    depends_on=[MONITORING_ALERTING],
    actions={
        "generate_recommendations": generate_recommendations,
        "stop_discovery": stop_discovery,
        "resume_discovery": resume_discovery,
        "activate_strategy": activate_strategy,
        "enable_real_trading": enable_real_trading,
        "health_check": answering(MANAGEMENT, look),
    },
)
