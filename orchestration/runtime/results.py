"""What an action may read of its run: the results of the steps that finish before its own."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from typing_extensions import override

from orchestration.engine import Claim, Engine
from orchestration.errors import NotNeededError
from orchestration.store import artifacts


class Results(Mapping[str, Any]):
    """Results by step: from the claim, or read from the store on access; None of a skipped step."""

    def __init__(self, engine: Engine, claim: Claim) -> None:
        self._engine = engine
        self._claim = claim

    @override
    def __getitem__(self, name: str) -> Any:
        """The result of a step; of a fan-out a list.

        Raises:
            NotNeededError: Nothing says that the step has finished by now.
        """
        run_id, step, _ = self._claim.key
        if name not in self._claim.reads:
            raise NotNeededError(step, name, list(self._claim.reads))
        if (text := self._claim.known.get(name)) is not None:
            return json.loads(text)
        values = self._engine.store.read(lambda s: artifacts.result(s, run_id, name))
        if self._claim.reads[name]:
            return values
        return values[0] if values else None

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._claim.reads

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._claim.reads)

    @override
    def __len__(self) -> int:
        return len(self._claim.reads)
