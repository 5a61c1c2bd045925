"""The parameters of the commands: one model each, with the defaults of the setup guide."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from trading.optimise import MOST_ITERATIONS
from trading.period import Period
from trading.symbol import SYMBOL_PATTERN, checked_symbol

MOST_SYMBOLS = 500
MOST_CAPITAL = 1e12
MOST_GRACE_SECONDS = 300

StrategyName = Literal["hybrid_v1", "legacy_v0"]
ExternalSource = Literal["polygon", "yahoo", "alpha_vantage"]
Target = Literal["sharpe_ratio", "total_return", "profit_factor", "win_rate"]
Symbol = Annotated[
    str, AfterValidator(checked_symbol), Field(json_schema_extra={"pattern": SYMBOL_PATTERN})
]


def _period(text: str) -> str:
    return Period.parse(text).text


def _free_of_duplicates(values: Sequence[str]) -> Sequence[str]:
    doubled = sorted({value for value in values if values.count(value) > 1})
    if doubled:
        raise ValueError(f"each may stand once: {', '.join(doubled)}")
    return values


def _some(values: Sequence[str]) -> Sequence[str]:
    # A minimal length would add a second complaint about a list whose only value is wrong.
    if not values:
        raise ValueError("name at least one")
    return values


Distinct = AfterValidator(_free_of_duplicates)
Some = AfterValidator(_some)


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestartDiscoverySystem(_Parameters):
    """How to restart discovery."""

    force_stop: Annotated[
        bool, Field(description="Also break off what is still busy when the grace is over")
    ] = False
    strategy: Annotated[StrategyName, Field(description="The active one afterwards")] = "hybrid_v1"
    grace_seconds: Annotated[
        int,
        Field(
            ge=1, le=MOST_GRACE_SECONDS, strict=True, description="How long busy workers may finish"
        ),
    ] = 30


class Discover(_Parameters):
    """Which symbols to scan; none named: all that the active source has."""

    symbols: (
        Annotated[
            tuple[Symbol, ...],
            Some,
            Distinct,
            Field(max_length=MOST_SYMBOLS, json_schema_extra={"minItems": 1}),
        ]
        | None
    ) = Field(default=None, description="None: all that the active source has")


class IntegrateRealData(_Parameters):
    """Which sources of market data to switch to, and how carefully."""

    primary_source: Annotated[
        ExternalSource, Field(description="Who is asked for prices first")
    ] = "polygon"
    fallback_sources: Annotated[
        tuple[ExternalSource, ...],
        Distinct,
        Field(description="Asked in their order when the primary one fails"),
    ] = ("yahoo",)
    calibrate_thresholds: Annotated[
        bool, Field(description="Search the strategy's thresholds anew on the new source's prices")
    ] = True
    gradual_rollout: Annotated[
        bool, Field(description="Only the first symbols at once, all when a person has approved")
    ] = True
    strategy: Annotated[StrategyName, Field(description="Whose thresholds are searched")] = (
        "hybrid_v1"
    )
    symbols: Annotated[
        tuple[Symbol, ...],
        Some,
        Distinct,
        Field(
            max_length=MOST_SYMBOLS,
            json_schema_extra={"minItems": 1},
            description="What the new source is to serve",
        ),
    ] = ("AAPL", "GOOG", "IBM", "MSFT")

    @model_validator(mode="after")
    def _fallbacks_differ(self) -> Self:
        if self.primary_source in self.fallback_sources:
            raise ValueError(f"{self.primary_source} cannot be its own fallback")
        return self


class ValidateAlgorithms(_Parameters):
    """Which strategies to test, on which prices, with which stake."""

    strategies: Annotated[
        tuple[StrategyName, ...],
        Some,
        Distinct,
        Field(
            json_schema_extra={"minItems": 1}, description="Each is tested in a branch of its own"
        ),
    ] = ("hybrid_v1", "legacy_v0")
    validation_period: Annotated[
        str,
        AfterValidator(_period),
        Field(description="How long, up to the last bar: a number and D, W, M or Y"),
    ] = "6M"
    symbols: Annotated[
        tuple[Symbol, ...],
        Some,
        Distinct,
        Field(
            max_length=MOST_SYMBOLS,
            json_schema_extra={"minItems": 1},
            description="What is traded",
        ),
    ] = ("AAPL", "GOOG", "IBM", "MSFT")
    test_capital: Annotated[
        float,
        Field(gt=0, le=MOST_CAPITAL, strict=True, description="In the currency of the prices"),
    ] = 100_000.0
    risk_per_trade: Annotated[
        float,
        Field(gt=0, lt=1, strict=True, description="The part of equity lost when a stop is hit"),
    ] = 0.02
    benchmark: Annotated[Symbol, Field(description="What the strategies are compared with")] = "SPY"
    optimization_target: Annotated[
        Target, Field(description="What the search for parameters makes as high as it can")
    ] = "sharpe_ratio"
    optimization_iterations: Annotated[
        int,
        Field(ge=1, le=MOST_ITERATIONS, strict=True, description="How many sets of them it tries"),
    ] = 100
    seed: Annotated[
        int,
        Field(ge=0, lt=2**63, strict=True, description="The same seed and prices, the same result"),
    ] = 0


class HealthCheck(_Parameters):
    """How much to ask."""

    detailed: Annotated[bool, Field(description="Also what each process runs on")] = False


class StatusReport(_Parameters):
    """A status report takes nothing."""


class EmergencyStop(_Parameters):
    """Why everything has to stop; it stands in every record of the stop."""

    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
        Field(description="What is wrong"),
    ]
