"""The actions of people, programs and outside agents."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from orchestration.engine import fork as forks
from orchestration.engine.by import By
from orchestration.engine.submit import prepare
from orchestration.errors import StoppedError
from orchestration.messages import MessageType
from tests.simulation.exchange import Json
from tests.simulation.flows import APP, FLOWS, ROADS, STRANGER
from tests.simulation.ground import REQUESTERS, Ground, Said, attempt_of

RUNNING = (
    "SELECT 1 FROM steps WHERE run_id = ? AND step = ? AND branch = ? AND attempt = ?"
    " AND status = 'running'"
)
NAMES = [flow.name for flow in FLOWS]


class People(Ground):
    """Requesters, outside agents, approvers and operators."""

    def a_command_comes(self) -> None:
        """Start a run, by a client or over the bus; some commands come twice."""
        number = self.random.randrange(20)
        flow = NAMES[min((number * 7 + 3) % 10, len(NAMES) - 1)]
        parameters: Json = {"items": list(range(number % 4)), "wanted": number % 3 > 0}
        if flow == "astray":
            parameters["items"] = ROADS[number // 10]
        if self.chance(0.6):
            self.ask(self.random.choice(REQUESTERS), f"k{number}", flow, parameters)
            return
        run_id = self.is_tried(lambda: self.submit(f"k{number}", flow, parameters))
        if run_id is not None:
            self.witness.known("client", f"k{number}", run_id)

    def submit(self, key: str, flow: str, parameters: Json) -> str | None:
        stopped = self.stopped()
        command = prepare(APP, flow, parameters, sender="client", run_hex=self.hex())
        try:
            return self.client.engine.submit(replace(command, key=key))
        except StoppedError:
            assert stopped, "only a stop forbids"
            return None

    def ask(self, sender: str, key: str, flow: str, parameters: Json) -> None:
        payload = {"command_type": flow, "parameters": parameters}
        self.tell(sender, MessageType.COMMAND, payload, key)
        self.witness.asked.add((sender, key))

    def a_stranger_answers(self) -> None:
        """Let the outside agent answer, send an error, report progress, or stay silent."""
        box = self.exchange.boxes[STRANGER]
        if not box:
            return
        command = box.pop(self.random.randrange(len(box)))["payload"]
        if self.chance(0.1):
            box.append({"payload": command})
        self.reply(command)

    def reply(self, command: Json) -> None:
        about = command.get("command_id")  # a refused command comes back without an id
        if about is None or command["command"] == "emergency_stop" or not self.chance(0.9):
            return
        if self.chance(0.05):
            payload = {"error_type": "broken", "error_message": "no", "critical": True}
            if self.chance(0.5):
                payload["workflow_id"] = command["workflow_id"]
            self.tell(STRANGER, MessageType.ERROR, payload)
            return
        if self.chance(0.2):
            progress = {"workflow_id": command["workflow_id"], "step": command.get("step")}
            self.tell(STRANGER, MessageType.STATUS_UPDATE, progress | {"progress": 0.5})
        works = self.chance(0.85)
        payload = {"status": "completed" if works else "failed", "result": 1, "command_id": about}
        self.tell(STRANGER, MessageType.RESPONSE, payload, about=about)
        if self.is_running(about):
            said = Said(self.clock.monotonic(), self.clock.now().timestamp())
            self.unread.setdefault(about, said)

    def is_running(self, command: str) -> bool:
        """Whether the attempt that a command began has not ended."""
        return self.store.read(lambda s: s.one(RUNNING, *attempt_of(command))) is not None

    def a_requester_complains(self) -> None:
        self.everybody_hears()
        runs_told = [run for run, told in self.witness.told.items() if told]
        resting = self.runs("waiting", "pending", "paused")
        waiting = [run for run in resting if run in runs_told]
        if runs_told and self.chance(0.8 if waiting else 0.05):
            run_id = self.random.choice(waiting or runs_told)
            sender = self.witness.told[run_id][0]["recipient"]
            payload = {"error_type": "e", "error_message": "m", "critical": True}
            self.tell(sender, MessageType.ERROR, payload | {"workflow_id": run_id})

    def somebody_stops_everything(self) -> None:
        if self.chance(0.2):
            self.is_tried(lambda: self.client.engine.stop_everything(By("chance")))

    def somebody_releases_it(self) -> None:
        if self.stopped():
            self.allowed(lambda: self.client.engine.release(By("chance")))

    def an_agent_rests(self) -> None:
        engine = self.client.engine
        change = self.random.choice([engine.pause_agents, *[engine.resume_agents] * 2])
        self.allowed(lambda: change(["narrow"], By("chance")))

    def somebody_intervenes(self) -> None:
        """Let a person change a run as its status allows, or now and then as it does not."""
        engine = self.client.engine
        verbs: list[tuple[Callable[[str], object], Sequence[str]]] = [
            *[(engine.cancel, ("pending", "running", "waiting", "paused"))] * 2,
            *[(engine.pause, ("running", "waiting", "pending"))] * 3,
            *[(self.hesitate, ("running",))] * 4,
            *[(engine.resume, ("paused",))] * 5,
            *[(engine.retry, ("failed", "cancelled"))] * 3,
            *[(engine.retry, ("failed",))] * 4,
            (self.fork, ("completed", "failed", "cancelled")),
        ]
        verb, statuses = self.random.choice(verbs)
        found = [] if self.chance(0.1) else self.runs(*statuses)
        run_id = self.random.choice(found or [*self.runs(), "nobody"])
        self.allowed(lambda: verb(run_id))

    def hesitate(self, run_id: str) -> None:
        """Pause a run, preferably a running one, and resume it at once, without its slot."""
        at_work = sorted({stage.key[0] for each in self.living for stage in each.claimed})
        run_id = self.random.choice(at_work) if at_work and self.chance(0.8) else run_id
        self.client.engine.pause(run_id)
        self.client.engine.resume(run_id)

    def fork(self, run_id: str) -> None:
        """Fork an ended run, with some of its results."""
        hex_ = self.hex()
        found = self.client.engine.store.read(
            lambda s: forks.propose(s, APP, run_id, forks.Edits(), sender="client", run_hex=hex_)
        )
        self.client.engine.fork(found)

    def somebody_answers(self) -> None:
        engine = self.client.engine
        waiting = self.store.read(
            lambda s: s.all("SELECT DISTINCT run_id, step FROM steps WHERE status = 'waiting'")
        )
        for run_id, step in sorted(waiting):
            answer = self.approve if self.chance(0.8) else engine.reject
            if self.faults.healed or self.chance(0.3):
                self.allowed(partial(answer, run_id, step))

    def approve(self, run_id: str, step: str) -> None:
        engine, held_up = self.client.engine, self.is_held_up(run_id)
        engine.approve(run_id, step, engine.shown(run_id, step))
        self.insist(not held_up, "no approval after a stop")
