from collections.abc import Mapping
from typing import Any

import pytest

from orchestration.errors import RejectedError
from orchestration.paths import look_up

PARAMETERS: Mapping[str, Any] = {
    "skus": ["a", "b"],
    "deep": {"list": [{"name": "x"}]},
    "word": "abc",
}
RESULTS: Mapping[str, Any] = {"counting": {"total": 7}, "listing": [10, 20], "skipped": None}


def found(path: str) -> Any:
    return look_up(path, PARAMETERS, RESULTS.__getitem__)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("parameters.skus", ["a", "b"]),
        ("parameters.skus.1", "b"),
        ("parameters.deep.list.0.name", "x"),
        ("results.counting", {"total": 7}),
        ("results.counting.total", 7),
        ("results.listing.0", 10),
        ("results.skipped", None),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: Any) -> None:
    assert found(path) == value


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("parameters.nothing", "nothing"),
        ("parameters.skus.2", "2"),
        ("parameters.skus.-1", "-1"),
        ("parameters.skus.name", "name"),
        ("parameters.word.0", "0"),
        ("results.counting.total.0", "0"),
        ("results.skipped.total", "total"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(path: str, missing: str) -> None:
    with pytest.raises(RejectedError, match=f"there is no '{missing}'"):
        found(path)
