"""What people read: numbers with their nouns."""

import pytest

from orchestration.text import counted


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (0, ["agent"], "0 agents"),
        (1, ["agent"], "1 agent"),
        (2, ["agent"], "2 agents"),
        (1, ["entry", "entries"], "1 entry"),
        (2, ["entry", "entries"], "2 entries"),
    ],
)
def test_one_is_not_several(number: int, words: list[str], told: str) -> None:
    assert counted(number, *words) == told
