"""The six commands of AMC-TRADER as workflows."""

from datetime import timedelta

from actors.names import (
    ALL_AGENT_NAMES,
    BACKTESTING,
    DATA_VALIDATION,
    DISCOVERY_ALGORITHM,
    MANAGEMENT,
    MONITORING_ALERTING,
)
from actors.parameters import (
    EmergencyStop,
    HealthCheck,
    IntegrateRealData,
    RestartDiscoverySystem,
    StatusReport,
    ValidateAlgorithms,
)
from orchestration import Retry, Step, Workflow

# The same data and parameters would be refused again.
_HOPELESS = (
    "ParameterError",
    "PeriodError",
    "SymbolError",
    "UnknownStrategyError",
    "UnknownSymbolError",
    "SourceError",
    "DataError",
    "ProvenanceError",
)
_RETRY = Retry(attempts=3, delay=timedelta(seconds=1), never=_HOPELESS)

validate_algorithms = Workflow(
    "validate_algorithms",
    parameters=ValidateAlgorithms,
    result="generating_recommendations",
    steps=[
        Step(
            "preparing_validation_data",
            DATA_VALIDATION,
            "prepare_validation_data",
            retry=_RETRY,
            timeout=timedelta(minutes=5),
        ),
        Step(
            "running_backtests",
            BACKTESTING,
            "run_backtest",
            needs=["preparing_validation_data"],
            for_each="parameters.strategies",
            retry=_RETRY,
            timeout=timedelta(minutes=10),
        ),
        Step(
            "analyzing_performance",
            BACKTESTING,
            "analyze_performance",
            needs=["running_backtests"],
            retry=_RETRY,
            timeout=timedelta(minutes=5),
        ),
        Step(
            "optimizing_parameters",
            DISCOVERY_ALGORITHM,
            "optimize_parameters",
            needs=["analyzing_performance"],
            retry=_RETRY,
            timeout=timedelta(hours=1),
            progress_timeout=timedelta(minutes=5),
        ),
        Step(
            "generating_recommendations",
            MANAGEMENT,
            "generate_recommendations",
            needs=["optimizing_parameters"],
            retry=_RETRY,
            timeout=timedelta(minutes=2),
        ),
    ],
)

health_check = Workflow(
    "health_check",
    parameters=HealthCheck,
    system=True,
    steps=[
        Step(
            "asking_agents",
            ALL_AGENT_NAMES,
            "health_check",
            required=False,
            start_within=timedelta(seconds=10),
            timeout=timedelta(seconds=10),
        ),
        Step("reporting", MONITORING_ALERTING, "report_health", needs=["asking_agents"]),
    ],
)

status_report = Workflow(
    "status_report",
    parameters=StatusReport,
    system=True,
    steps=[Step("reporting", MONITORING_ALERTING, "report_status", timeout=timedelta(seconds=30))],
)

restart_discovery_system = Workflow(
    "restart_discovery_system",
    parameters=RestartDiscoverySystem,
    steps=[],
    unavailable="not available yet: discovery workers cannot be controlled by this version",
)

integrate_real_data = Workflow(
    "integrate_real_data",
    parameters=IntegrateRealData,
    steps=[],
    unavailable="not available yet: external sources cannot be connected by this version",
)

emergency_stop = Workflow(
    "emergency_stop",
    parameters=EmergencyStop,
    system=True,
    stops=True,
    priority=4,
    steps=[
        Step(
            "collecting_acknowledgements",
            MONITORING_ALERTING,
            "collect_acknowledgements",
            timeout=timedelta(minutes=1),
        )
    ],
)

WORKFLOWS = (
    restart_discovery_system,
    integrate_real_data,
    validate_algorithms,
    health_check,
    status_report,
    emergency_stop,
)
