"""The monitor of one worker, moment by moment: which agents are silent, and which are not."""

from datetime import timedelta

from orchestration.engine import Engine
from orchestration.runtime.monitor import Monitor
from orchestration.store import agents, alerts
from tests.integration.workshop import AGENT, Workshop

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def status_of(engine: Engine) -> str:
    found: str = engine.store.read(agents.everyone)[0].status
    return found


def kinds(workshop: Workshop) -> list[str]:
    return [alert.kind for alert in reversed(workshop.store.read(lambda s: alerts.newest(s, 9)))]


def test_an_agent_without_heartbeats_is_silent_until_it_beats_again(
    workshop: Workshop,
) -> None:
    monitor = Monitor(workshop.engine, 30 * SECOND)
    workshop.clock.advance(30 * SECOND)
    monitor.look()
    assert status_of(workshop.engine) == "running"
    workshop.clock.advance(SECOND)
    monitor.look()
    monitor.look()
    assert status_of(workshop.engine) == "silent"
    assert kinds(workshop) == ["agent_silent"]
    workshop.keeper.tick()
    assert status_of(workshop.engine) == "running"
    monitor.look()
    monitor.look()
    assert kinds(workshop) == ["agent_silent", "agent_recovered"]
    (agent,) = workshop.store.read(agents.everyone)
    assert agent.silent_since is None


def test_an_agent_whose_last_worker_died_is_silent_in_time(workshop: Workshop) -> None:
    monitor = Monitor(workshop.engine, 30 * SECOND)
    workshop.locks.release(workshop.me)
    other = workshop.beside()
    other.engine.drain(other.me)
    other.engine.depart(other.me)
    other.sweeper.bury()
    assert status_of(workshop.engine) == "stopped"
    workshop.clock.advance(30 * SECOND)
    monitor.look()
    assert status_of(workshop.engine) == "stopped"
    workshop.clock.advance(SECOND)
    monitor.look()
    assert status_of(workshop.engine) == "silent"
    (alert,) = workshop.store.read(lambda s: alerts.newest(s, 9))
    assert "no worker serves it since its last one died" in alert.message
    workshop.beside()
    monitor.look()
    assert kinds(workshop) == ["agent_silent", "agent_recovered"]


def test_an_agent_that_was_stopped_in_good_order_is_not_missed(workshop: Workshop) -> None:
    monitor = Monitor(workshop.engine, 30 * SECOND)
    workshop.engine.drain(workshop.me)
    workshop.engine.depart(workshop.me)
    workshop.clock.advance(HOUR)
    monitor.look()
    assert (status_of(workshop.engine), kinds(workshop)) == ("stopped", [])


def test_an_agent_with_a_status_of_its_own_falls_silent_too(workshop: Workshop) -> None:
    monitor = Monitor(workshop.engine, 30 * SECOND)
    now = workshop.clock.now()
    workshop.store.write(lambda s: agents.beat(s, "a_guest", "busy", None, now))
    workshop.store.write(lambda s: agents.register(s, "a_stranger", [], []))
    workshop.clock.advance(MINUTE)
    workshop.keeper.tick()
    monitor.look()
    found = {agent.name: agent.status for agent in workshop.store.read(agents.everyone)}
    assert found == {"a_guest": "silent", "a_stranger": "unknown", AGENT: "running"}
