"""The names of AMC-TRADER's agents."""

MANAGEMENT = "management_agent"
DISCOVERY_ALGORITHM = "discovery_algorithm_agent"
DATA_VALIDATION = "data_validation_agent"
API_INTEGRATION = "api_integration_agent"
BACKTESTING = "backtesting_agent"
CACHING_PERFORMANCE = "caching_performance_agent"
MONITORING_ALERTING = "monitoring_alerting_agent"

ALL_AGENT_NAMES = (
    MANAGEMENT,
    DISCOVERY_ALGORITHM,
    DATA_VALIDATION,
    API_INTEGRATION,
    BACKTESTING,
    CACHING_PERFORMANCE,
    MONITORING_ALERTING,
)
