"""Why a run is not further than it is, by everything that can be asked."""

from dataclasses import replace

from orchestration.bus.address import address_in
from orchestration.runtime.look import broker_state
from orchestration.settings import Settings
from orchestration.store.connect import Opened
from orchestration.views import facts, why
from orchestration.views.blocker import Blocker
from orchestration.views.facts import Away

HELD_UP_S = 1.0


def explain(opened: Opened, settings: Settings, run_id: str) -> Blocker:
    """What a run waits for.

    Raises:
        NotFoundError: There is no such run.
    """
    now, slots = opened.store.clock.now(), settings.max_concurrent_workflows
    found = opened.store.read(lambda s: facts.load(s, opened.locks, run_id, slots, now))
    found = replace(found, writer=opened.store.writer_for(HELD_UP_S), app=settings.app)
    blocker, address = why.why(found), address_in(settings)
    if address is None or blocker.kind not in why.NEEDS_BROKER:
        return blocker
    state = broker_state(address)
    if state["reachable"]:
        return blocker
    away = Away(state["address"], state["problem"], state["cure"])
    return why.why(replace(found, broker=away))
