"""Alerts are told once, kept back within their cooldown, and their last word is told."""

from datetime import datetime, timedelta

from orchestration.circuit import CLOSED, Circuit, CircuitState
from orchestration.ports import Session, Store
from orchestration.store import alerts, circuits, retention, timers
from orchestration.store.alerts import AlertKind, AlertRow, NewAlert
from tests.store.rows import MINUTE, NOW

COOLDOWN = 5 * MINUTE
AT_ONCE = timedelta(0)


def add(
    session: Session,
    now: datetime = NOW,
    message: str = "gone",
    subject: str = "smith",
    cooldown: timedelta = COOLDOWN,
) -> None:
    alerts.add(session, NewAlert(AlertKind.AGENT_SILENT, subject, message), now, cooldown)


def told(session: Session, now: datetime) -> list[AlertRow]:
    """Take what is due, and record a try of it."""
    found = alerts.take(session, now, 50)
    for alert in found:
        alerts.record_try(session, alert.id, [], None, None)
    return found


def test_an_alert_is_due_at_once_and_told_once(store: Store) -> None:
    def operation(session: Session) -> None:
        assert not alerts.is_any_due(session, NOW)
        add(session)
        assert alerts.is_any_due(session, NOW)
        (alert,) = told(session, NOW)
        assert (alert.kind, alert.subject, alert.message) == ("agent_silent", "smith", "gone")
        assert (alert.raised_at, alert.times, alert.tries, alert.due_at) == (NOW, 1, 0, NOW)
        assert (alert.told_to, alert.problem, alert.run_id) == (frozenset(), None, None)
        assert not alerts.is_any_due(session, NOW + 100 * MINUTE)

    store.write(operation)


def test_what_nobody_has_told_yet_stands_for_all_that_follow(store: Store) -> None:
    def operation(session: Session) -> None:
        for n in range(1_000):
            add(session, NOW + n * MINUTE, f"gone {n}")
        (alert,) = told(session, NOW + 1_000 * MINUTE)
        assert (alert.times, alert.message) == (1_000, "gone 999")
        assert alert.raised_at == NOW + 999 * MINUTE

    store.write(operation)


def test_repetitions_are_told_as_one_at_the_end_of_the_cooldown(store: Store) -> None:
    def operation(session: Session) -> None:
        add(session)
        assert len(told(session, NOW)) == 1
        for n in (1, 2, 3):
            add(session, NOW + n * MINUTE, f"gone {n}")
        assert told(session, NOW + COOLDOWN - MINUTE) == []
        (alert,) = told(session, NOW + COOLDOWN)
        assert (alert.times, alert.message) == (3, "gone 3")
        add(session, NOW + COOLDOWN + MINUTE, "again")
        assert told(session, NOW + 2 * COOLDOWN - MINUTE) == []
        assert [one.message for one in told(session, NOW + 2 * COOLDOWN)] == ["again"]
        add(session, NOW + 4 * COOLDOWN, "much later")
        assert len(told(session, NOW + 4 * COOLDOWN)) == 1

    store.write(operation)


def test_each_kind_and_subject_has_a_cooldown_of_its_own(store: Store) -> None:
    def operation(session: Session) -> None:
        add(session)
        told(session, NOW)
        add(session, subject="baker")
        back = NewAlert(AlertKind.AGENT_RECOVERED, "smith", "back", "r1")
        alerts.add(session, back, NOW, COOLDOWN)
        assert [(one.kind, one.run_id) for one in told(session, NOW)] == [
            ("agent_silent", None),
            ("agent_recovered", "r1"),
        ]

    store.write(operation)


def test_without_a_cooldown_each_is_told(store: Store) -> None:
    def operation(session: Session) -> None:
        for _ in range(3):
            add(session, cooldown=AT_ONCE)
            assert len(told(session, NOW)) == 1

    store.write(operation)


def test_who_has_it_and_what_failed_is_kept_until_it_is_tried_again(store: Store) -> None:
    def operation(session: Session) -> None:
        add(session)
        (alert,) = alerts.take(session, NOW, 50)
        alerts.record_try(session, alert.id, ["b", "a"], "status 500", NOW + MINUTE)
        assert alerts.take(session, NOW, 50) == []
        (again,) = alerts.take(session, NOW + MINUTE, 50)
        assert (again.told_to, again.tries) == (frozenset({"a", "b"}), 1)
        assert again.problem == "status 500"

    store.write(operation)


def test_what_ends_while_it_is_told_is_not_tried_again(store: Store) -> None:
    def operation(session: Session) -> None:
        add(session)
        (alert,) = alerts.take(session, NOW, 50)
        alerts.end(session, AlertKind.AGENT_SILENT, "smith", NOW + MINUTE)
        alerts.record_try(session, alert.id, ["a"], "status 500", NOW + 2 * MINUTE)
        alerts.put_off(session, alert.id, ["a"], "no turn", NOW + 2 * MINUTE)
        (over,) = alerts.newest(session, 9)
        assert (over.due_at, over.over_at) == (None, NOW + MINUTE)
        assert not alerts.is_any_due(session, NOW + 9 * MINUTE)

    store.write(operation)


def test_what_is_over_is_not_told_though_an_older_release_meant_to_try_again(store: Store) -> None:
    """During an upgrade its alerter may have the alert in hand when it ends."""

    def operation(session: Session) -> None:
        add(session)
        alerts.end(session, AlertKind.AGENT_SILENT, "smith", NOW)
        session.run("UPDATE alerts SET due_at = ?", NOW.timestamp())
        assert not alerts.is_any_due(session, NOW)
        assert alerts.take(session, NOW, 50) == []
        assert alerts.waiting(session) == 0
        assert alerts.run_to_tell_of(session, AlertKind.AGENT_SILENT, "smith") is None

    store.write(operation)


def test_batches_and_listings_are_bounded_and_in_order(store: Store) -> None:
    def operation(session: Session) -> None:
        for n in range(5):
            add(session, NOW - n * MINUTE, str(n), subject=str(n))
        assert [one.message for one in alerts.take(session, NOW, 2)] == ["4", "3"]
        assert [one.message for one in alerts.newest(session, 2)] == ["0", "1"]

    store.write(operation)


def test_old_alerts_and_those_beyond_the_newest_are_forgotten(store: Store) -> None:
    def operation(session: Session) -> None:
        for n in range(6):
            add(session, NOW + n * MINUTE, subject=str(n))
        old = retention.keep(session, NOW + MINUTE, 100)
        assert retention.forget_aged(session, "alerts", old, 1) == 1
        assert retention.forget_aged(session, "alerts", old, 50) == 1
        many = retention.keep(session, NOW - MINUTE, 3)
        assert retention.forget_aged(session, "alerts", many, 50) == 1
        assert [one.subject for one in alerts.newest(session, 50)] == ["5", "4", "3"]

    store.write(operation)


def test_a_clock_that_is_set_moves_what_waits_for_it(store: Store) -> None:
    def operation(session: Session) -> None:
        add(session)
        circuits.save(session, "smith", Circuit(CircuitState.OPEN, 3, MINUTE, NOW))
        timers.shift(session, 3600)
        later = NOW + 60 * MINUTE
        assert not alerts.is_any_due(session, later - MINUTE)
        assert circuits.due(session, later, 9) == []
        assert len(told(session, later)) == 1
        add(session, later + MINUTE)
        assert told(session, later + COOLDOWN - MINUTE) == []
        assert circuits.load(session, "smith") == Circuit(CircuitState.OPEN, 3, MINUTE, later)
        assert circuits.due(session, later + MINUTE, 9) == ["smith"]

    store.write(operation)


def test_a_circuit_is_closed_until_it_is_saved_otherwise(store: Store) -> None:
    def operation(session: Session) -> None:
        assert circuits.load(session, "smith") == CLOSED
        for circuit in (
            Circuit(CircuitState.CLOSED, 2),
            Circuit(CircuitState.OPEN, 3, MINUTE, NOW),
            Circuit(CircuitState.HALF_OPEN, 3, MINUTE, NOW + MINUTE),
            CLOSED,
        ):
            circuits.save(session, "smith", circuit)
            assert circuits.load(session, "smith") == circuit
            due = ["smith"] if circuit.due else []
            assert circuits.due(session, NOW + 2 * MINUTE, 9) == due

    store.write(operation)
