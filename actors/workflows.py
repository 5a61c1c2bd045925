"""The commands of AMC-TRADER as workflows: the setup guide's six, and `discover`."""

from datetime import timedelta

from actors.discovery.scanning import ACTIVE_STRATEGY
from actors.integration.calibration import THRESHOLDS
from actors.integration.data_source import DATA_SOURCE
from actors.integration.trading_mode import TRADING_MODE
from actors.names import (
    ALL_AGENT_NAMES,
    API_INTEGRATION,
    BACKTESTING,
    CACHING_PERFORMANCE,
    DATA_VALIDATION,
    DISCOVERY_ALGORITHM,
    MANAGEMENT,
    MONITORING_ALERTING,
)
from actors.parameters import (
    Discover,
    EmergencyStop,
    HealthCheck,
    IntegrateRealData,
    RestartDiscoverySystem,
    StatusReport,
    ValidateAlgorithms,
)
from orchestration import Plot, Retry, Step, Workflow

# A retry would be refused again for the same data, parameters and services.
_HOPELESS = (
    "ParameterError",
    "PeriodError",
    "SymbolError",
    "UnknownStrategyError",
    "UnknownSymbolError",
    "SourceError",
    "DataError",
    "ProvenanceError",
    "ServiceError",
    "ConfigurationError",
)
_CRITICAL = (DISCOVERY_ALGORITHM, API_INTEGRATION, CACHING_PERFORMANCE)
_PATIENT = Retry(attempts=3, delay=timedelta(seconds=30), never=_HOPELESS)
_RETRY = Retry(attempts=3, delay=timedelta(seconds=1), never=_HOPELESS)

validate_algorithms = Workflow(
    "validate_algorithms",
    parameters=ValidateAlgorithms,
    result="generating_recommendations",
    plots=[
        Plot(
            "Equity by strategy",
            step="running_backtests",
            points="equity_curve",
            y="equity",
            name="strategy",
            drawdown=True,
        )
    ],
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
    steps=[
        Step(
            "stopping_rq_workers",
            MANAGEMENT,
            "stop_discovery",
            undo="resume_discovery",
            retry=_RETRY,
            timeout=timedelta(minutes=10),
        ),
        Step(
            "clearing_job_queue",
            CACHING_PERFORMANCE,
            "clear_job_queue",
            needs=["stopping_rq_workers"],
            retry=_RETRY,
            timeout=timedelta(minutes=5),
        ),
        Step(
            "restarting_discovery_service",
            DISCOVERY_ALGORITHM,
            "restart_discovery",
            needs=["clearing_job_queue"],
            retry=_RETRY,
            timeout=timedelta(minutes=5),
        ),
        Step(
            "validating_system_health",
            _CRITICAL,
            "health_check",
            needs=["restarting_discovery_service"],
            retry=_RETRY,
            start_within=timedelta(seconds=30),
            timeout=timedelta(seconds=30),
        ),
        Step(
            "updating_configuration",
            MANAGEMENT,
            "activate_strategy",
            needs=["validating_system_health"],
            retry=_RETRY,
            timeout=timedelta(minutes=1),
            configures=[ACTIVE_STRATEGY],
        ),
    ],
)

discover = Workflow(
    "discover",
    parameters=Discover,
    steps=[
        Step(
            "scanning",
            DISCOVERY_ALGORITHM,
            "scan",
            retry=_RETRY,
            timeout=timedelta(minutes=10),
        )
    ],
)

integrate_real_data = Workflow(
    "integrate_real_data",
    parameters=IntegrateRealData,
    steps=[
        Step(
            "validating_data_connections",
            DATA_VALIDATION,
            "try_sources",
            retry=_PATIENT,
            timeout=timedelta(minutes=5),
        ),
        Step(
            "switching_data_sources",
            API_INTEGRATION,
            "switch_source",
            needs=["validating_data_connections"],
            undo="switch_back",
            retry=_RETRY,
            timeout=timedelta(minutes=1),
            configures=[DATA_SOURCE],
        ),
        Step(
            "updating_algorithms",
            DISCOVERY_ALGORITHM,
            "calibrate",
            needs=["switching_data_sources"],
            undo="restore_thresholds",
            retry=_PATIENT,
            timeout=timedelta(minutes=30),
            configures=list(THRESHOLDS.values()),
        ),
        Step(
            "testing_data_flow",
            DISCOVERY_ALGORITHM,
            "try_data_flow",
            needs=["updating_algorithms"],
            retry=_PATIENT,
            timeout=timedelta(minutes=30),
        ),
        Step(
            "enabling_real_trading",
            MANAGEMENT,
            "enable_real_trading",
            needs=["testing_data_flow"],
            approval=True,
            timeout=timedelta(minutes=1),
            configures=[TRADING_MODE, DATA_SOURCE],
        ),
    ],
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
    discover,
    health_check,
    status_report,
    emergency_stop,
)
