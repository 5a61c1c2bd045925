"""The promises of the commands of these tests, written down apart from the code."""

from tests.acceptance.checker import Promise

MODULE = "tests.acceptance.witnessed"
PARCELS = 3
VALIDATION = {
    "symbols": ["AAPL", "MSFT"],
    "validation_period": "1M",
    "optimization_iterations": 2,
}
VALIDATED = Promise(
    "completed",
    {
        "preparing_validation_data": (),
        "running_backtests": ("preparing_validation_data",),
        "analyzing_performance": ("running_backtests",),
        "optimizing_parameters": ("analyzing_performance",),
        "generating_recommendations": ("optimizing_parameters",),
    },
    {"running_backtests": 2},
)
STEPS = {
    "packing": (),
    "carrying": ("packing",),
    "counting": ("carrying",),
    "delivering": ("counting",),
}
DELIVERED = Promise("completed", STEPS, {"carrying": PARCELS})
RETURNED = Promise(
    "failed",
    STEPS,
    {"carrying": PARCELS},
    undone=("packing", "carrying"),
    never=frozenset({"delivering"}),
)
