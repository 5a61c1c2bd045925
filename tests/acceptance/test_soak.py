"""The soak's judge sees what grows, and is content with what is level."""

from tests.soak import judged

MINUTES = [float(at) for at in range(101)]


def test_what_warms_up_and_stays_is_flat_and_what_goes_on_growing_is_not() -> None:
    seen: dict[str, list[tuple[float, float]]] = {
        "memory of a worker, MB": [(at, 80 + min(at, 20)) for at in MINUTES],
        "memory of another, MB": [(at, 80 + at) for at in MINUTES],
        "files of a worker": [(at, 40 + at % 3) for at in MINUTES],
        "files of another": [(at, 40 + at / 4) for at in MINUTES],
        "store's log, MB": [(at, 4 + at % 7) for at in MINUTES],
        "connections to RabbitMQ": [(at, 40 + 30 * (at > 70)) for at in MINUTES],
    }
    flat = {name for name, found in judged(seen).items() if found["flat"]}
    assert flat == {"memory of a worker, MB", "files of a worker", "store's log, MB"}
