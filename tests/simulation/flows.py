"""The workflows of the simulated fleet: together they take every way that a run can take."""

from orchestration.plans import Retry, Step
from tests.engine.fleet import HOUR, MINUTE, SECOND, app_of, step, workflow

LIMIT, RATE = 2, 6
STRANGER = "stranger"
RETRY = Retry(attempts=3, delay=5 * SECOND)

FLOWS = [
    workflow(
        "chain", step("a", retry=RETRY, timeout=MINUTE), step("b", "a", retry=RETRY), step("c", "b")
    ),
    workflow(
        "diamond",
        step("left", retry=RETRY, timeout=MINUTE),
        step("right", agent="narrow", required=False),
        step("join", "left", "right", retry=RETRY),
        step("pay", "join", approval=HOUR, undo="unpay", configures=["payer"]),
    ),
    workflow(
        "trip",
        step("book", undo="unbook", retry=RETRY),
        step("rooms", "book", for_each="parameters.items", undo="unrooms", retry=RETRY),
        step("guide", "book", agent="narrow", undo="unguide", when="parameters.wanted"),
        step("leave", "rooms", "guide", retry=RETRY),
    ),
    workflow(
        "check",
        step("ask", agent=["warehouse", "narrow"], required=False, start_within=5 * SECOND),
        system=True,
    ),
    workflow(
        "abroad",
        step("pack", undo="unpack"),
        step("ship", "pack", agent=STRANGER, retry=RETRY, idempotent=True, timeout=MINUTE),
        step(
            "insure",
            "pack",
            agent=STRANGER,
            for_each="parameters.items",
            required=False,
            timeout=MINUTE,
        ),
        step("sign", "ship", "insure", start_within=30 * SECOND, retry=RETRY),
    ),
    workflow(  # its paths sometimes miss, in the parameters or in the result
        "astray",
        step("seek", undo="unseek"),
        step("beside", "seek", retry=RETRY),
        step("follow", "seek", for_each="parameters.items.0", undo="unfollow"),
        step("turn", "seek", when="results.seek.found"),
        step("arrive", "beside", "follow", "turn"),
    ),
    workflow("single", step("only")),
    workflow("maybe", step("never", when="parameters.wanted"), step("asked", approval=MINUTE)),
]
ROADS = [["left", "right"]], ["nowhere"]
EVERY_TWO_MINUTES = "*/2 * * * *"
APP = app_of(*FLOWS, limits={"narrow": LIMIT}, rates={"narrow": f"{RATE}/minute"})


def undo_of(name: str, step_name: str) -> str | None:
    """The action that undoes a step of a workflow, if it has one."""
    found: Step = next(each for each in APP.workflow[name].steps if each.name == step_name)
    return found.undo
