from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from actors.parameters import (
    Discover,
    EmergencyStop,
    HealthCheck,
    IntegrateRealData,
    RestartDiscoverySystem,
    StatusReport,
    ValidateAlgorithms,
)
from trading.metrics import TARGETS
from trading.strategies import STRATEGIES


def test_the_defaults_are_those_of_the_contract() -> None:
    assert ValidateAlgorithms().model_dump(mode="json") == {
        "strategies": ["hybrid_v1", "legacy_v0"],
        "validation_period": "6M",
        "symbols": ["AAPL", "GOOG", "IBM", "MSFT"],
        "test_capital": 100_000.0,
        "risk_per_trade": 0.02,
        "benchmark": "SPY",
        "optimization_target": "sharpe_ratio",
        "optimization_iterations": 100,
        "seed": 0,
    }
    assert RestartDiscoverySystem().model_dump() == {
        "force_stop": False,
        "strategy": "hybrid_v1",
        "grace_seconds": 30,
    }
    assert Discover().model_dump() == {"symbols": None}
    assert IntegrateRealData().model_dump(mode="json") == {
        "primary_source": "polygon",
        "fallback_sources": ["yahoo"],
        "calibrate_thresholds": True,
        "gradual_rollout": True,
        "strategy": "hybrid_v1",
        "symbols": ["AAPL", "GOOG", "IBM", "MSFT"],
    }
    assert HealthCheck().model_dump() == {"detailed": False}
    assert StatusReport().model_dump() == {}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("target", TARGETS)
def test_every_strategy_and_target_of_trading_can_be_asked_for(strategy: str, target: str) -> None:
    asked = ValidateAlgorithms(strategies=(strategy,), optimization_target=target)
    assert (asked.strategies, asked.optimization_target) == ((strategy,), target)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategies": []}, "name at least one"),
        ({"strategies": ["martingale"]}, "'hybrid_v1' or 'legacy_v0'"),
        ({"strategies": ["hybrid_v1", "hybrid_v1"]}, "each may stand once: hybrid_v1"),
        ({"symbols": []}, "name at least one"),
        ({"symbols": ["IBM", "AAPL", "IBM"]}, "each may stand once: IBM"),
        ({"symbols": ["../IBM"]}, "capital letters, digits, dots"),
        ({"symbols": ["IBM\n"]}, "capital letters, digits, dots"),
        ({"symbols": "IBM"}, "valid tuple"),
        ({"validation_period": "6X"}, "such as 6M, 1Y or 90D"),
        ({"validation_period": "0M"}, "such as 6M, 1Y or 90D"),
        ({"test_capital": -1}, "greater than 0"),
        ({"test_capital": 0}, "greater than 0"),
        ({"test_capital": float("inf")}, "less than or equal to 1000000000000"),
        ({"test_capital": float("nan")}, "less than or equal to 1000000000000"),
        ({"test_capital": 1e13}, "less than or equal to 1000000000000"),
        ({"test_capital": True}, "valid number"),
        ({"risk_per_trade": "0.1"}, "valid number"),
        ({"optimization_iterations": True}, "valid integer"),
        ({"seed": True}, "valid integer"),
        ({"test_capital": "much"}, "valid number"),
        ({"risk_per_trade": 0}, "greater than 0"),
        ({"risk_per_trade": 1}, "less than 1"),
        ({"risk_per_trade": float("nan")}, "less than 1"),
        ({"benchmark": ""}, "capital letters, digits, dots"),
        ({"optimization_target": "luck"}, "'sharpe_ratio', 'total_return'"),
        ({"optimization_iterations": 0}, "greater than or equal to 1"),
        ({"optimization_iterations": 10_001}, "less than or equal to 10000"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"seed": 1.5}, "valid integer"),
        ({"leverage": 2}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_validation_is_refused_with_its_reason(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as error:
        ValidateAlgorithms.model_validate(wrong)
    assert error.value.error_count() == 1


@pytest.mark.parametrize(
    ("model", "wrong", "message"),
    [
        (RestartDiscoverySystem, {"force_stop": "perhaps"}, "valid boolean"),
        (RestartDiscoverySystem, {"grace_seconds": 0}, "greater than or equal to 1"),
        (Discover, {"symbols": []}, "name at least one"),
        (IntegrateRealData, {"primary_source": "rumour"}, "'polygon', 'yahoo' or"),
        (IntegrateRealData, {"fallback_sources": ["yahoo", "yahoo"]}, "each may stand once"),
        (IntegrateRealData, {"primary_source": "yahoo"}, "yahoo cannot be its own fallback"),
        (HealthCheck, {"detail": True}, "Extra inputs"),
        (StatusReport, {"detailed": True}, "Extra inputs"),
        (EmergencyStop, {}, "Field required"),
        (EmergencyStop, {"reason": "  "}, "at least 1 character"),
    ],
)
def test_other_wrong_parameters_are_refused(
    model: type[BaseModel], wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        model.model_validate(wrong)


def test_a_fallback_list_may_be_empty() -> None:
    assert IntegrateRealData(fallback_sources=()).fallback_sources == ()


def test_what_pydantic_cannot_derive_stands_in_the_schema() -> None:
    properties = ValidateAlgorithms.model_json_schema()["properties"]
    assert properties["strategies"]["minItems"] == properties["symbols"]["minItems"] == 1
    assert properties["symbols"]["items"]["pattern"] == "^[A-Z0-9.^-]{1,15}$"
    assert properties["benchmark"]["pattern"] == "^[A-Z0-9.^-]{1,15}$"
