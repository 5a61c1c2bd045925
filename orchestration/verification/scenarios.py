"""The setup guide's scenarios, but for the first: each checks one of its promises.

Each returns what it saw, in one line, and raises an error if a promise is broken.
"""

import asyncio
import json
import time
from typing import Any

from orchestration.clock import new_id
from orchestration.errors import CheckFailedError
from orchestration.messages import Envelope, MessageType
from orchestration.store import agents, dead_letters, runs
from orchestration.text import counted
from orchestration.verification.stage import (
    NEWCOMER,
    REQUESTER,
    STALL,
    STEPS,
    WORK,
    Stage,
    check,
    until,
)

CAPABILITY = "verifying"
MESSAGES = 1_000
FEWEST_A_SECOND = 100.0
QUIET_S = 0.3


async def heartbeats(stage: Stage) -> str:
    """A new agent is known once it beats, with the details in its heartbeat."""
    beat = {"status": "running", "capabilities": [CAPABILITY], "metrics": {"verified": 1}}
    await stage.say(NEWCOMER, MessageType.HEARTBEAT, [beat])
    found = await until(
        lambda: [each for each in stage.behind.read(agents.everyone) if each.name == NEWCOMER],
        f"{NEWCOMER} beats, and is known",
    )
    able = list(found[0].capabilities)
    check(able == [CAPABILITY], f"its capabilities are {able}, not {CAPABILITY}")
    await stage.say(NEWCOMER, MessageType.HEARTBEAT, [{"status": "degraded"}])
    await until(
        lambda: any(each.status == "degraded" for each in stage.behind.read(agents.everyone)),
        "the next heartbeat tells its new status",
    )
    return "an unknown agent was registered by its heartbeat, and the next one was seen"


async def command(stage: Stage) -> str:
    """A command is acknowledged, followed by progress updates, and answered once."""
    message_id = await order(stage, WORK)
    final = await ended(stage, message_id)
    check(final["status"] == "completed", f"the workflow is {final['status']}: {final}")
    responses = [each.payload for each in stage.ear.about(message_id, MessageType.RESPONSE)]
    check("command_received" in responses[0], "the first response is the acknowledgement")
    told = [each.payload for each in stage.ear.about(message_id, MessageType.STATUS_UPDATE)]
    progress = [each["progress_update"]["progress"] for each in told]
    check(progress == sorted(progress), f"progress fell: {progress}")
    check(progress and progress[-1] == 1.0, f"progress ends at 1.0, not {progress}")
    done = told[-1]["progress_update"]["details"]["steps_completed"]
    check(done == list(STEPS), f"the steps completed are {done}")
    await asyncio.sleep(QUIET_S)
    finals = [each for each in responses_to(stage, message_id) if is_final(each)]
    check(len(finals) == 1, f"{len(finals)} final responses")
    return f"acknowledged, {counted(len(told), 'progress update')} up to 1.0, one final response"


async def recovery(stage: Stage) -> str:
    """A malformed message is kept and answered, and a critical error fails its workflow."""
    broken_id = f"broken-{new_id()}"
    broken = {"id": broken_id, "message_type": "wish", "sender": REQUESTER}
    await stage.throw(json.dumps(broken).encode())
    await until(
        lambda: [
            each
            for each in stage.behind.read(lambda s: dead_letters.newest(s, 10))
            if each.message_id == broken_id
        ],
        "a malformed message becomes a dead letter",
    )
    await until(
        lambda: stage.ear.about(broken_id, MessageType.ERROR), "its sender is told of the error"
    )
    message_id = await order(stage, STALL)
    acknowledged = await until(
        lambda: responses_to(stage, message_id), "the command is acknowledged"
    )
    run_id = str(acknowledged[0].payload["workflow_id"])
    await until(
        lambda: stage.behind.read(lambda s: runs.status(s, run_id)) == "running",
        "the workflow is running",
    )
    complaint = {
        "error_type": "verification",
        "error_message": "on purpose",
        "critical": True,
        "workflow_id": run_id,
    }
    await stage.say(REQUESTER, MessageType.ERROR, [complaint])
    final = await ended(stage, message_id)
    check(final["status"] == "failed", f"after a critical error the workflow is {final['status']}")
    seen = "a malformed message was kept and answered, a critical error failed its workflow"
    if not await stage.cut():
        return f"{seen}; without a broker there was no connection to cut"
    final = await ended(stage, await order(stage, WORK))
    check(final["status"] == "completed", f"after a cut connection a workflow is {final['status']}")
    return f"{seen}, and another one went on after every connection was cut"


async def throughput(stage: Stage) -> str:
    """At least 100 messages a second come into the store."""
    data = [{"data_type": "verification", "data": {"n": n}} for n in range(MESSAGES)]
    before = kept(stage)
    began = time.monotonic()
    await stage.say(REQUESTER, MessageType.DATA, data)
    await until(lambda: kept(stage) >= before + MESSAGES, f"{MESSAGES} messages are kept")
    rate = MESSAGES / (time.monotonic() - began)
    if rate < FEWEST_A_SECOND:
        raise CheckFailedError(
            f"{rate:.0f} messages/s, expected {FEWEST_A_SECOND:.0f} or more: look at the load of"
            " this machine and of the broker, and at the disk of both"
        )
    return f"{rate:.0f} messages/s from the sender into the store (at least 100 are expected)"


async def order(stage: Stage, name: str) -> str:
    """Send a command, and return its id."""
    payload: dict[str, Any] = {"command_type": name, "parameters": {}}
    return (await stage.say(REQUESTER, MessageType.COMMAND, [payload]))[0]


async def ended(stage: Stage, message_id: str) -> dict[str, Any]:
    """The final answer to a command."""
    found = await until(
        lambda: [each for each in responses_to(stage, message_id) if is_final(each)],
        "the final response comes",
    )
    return found[0].payload


def responses_to(stage: Stage, message_id: str) -> list[Envelope]:
    """The responses to a command so far."""
    return stage.ear.about(message_id, MessageType.RESPONSE)


def is_final(envelope: Envelope) -> bool:
    """Whether a response is the last one of a command."""
    return "error_messages" in envelope.payload


def kept(stage: Stage) -> int:
    """How many data messages are in the store."""
    row = stage.behind.read(lambda s: s.one("SELECT COUNT(*) FROM data_messages"))
    return int(row[0]) if row else 0
