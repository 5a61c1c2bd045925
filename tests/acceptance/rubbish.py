"""Twenty kinds of malformed bodies, each with the reason why it is refused."""

import json
import random
from collections.abc import Callable
from typing import Any

Make = Callable[[random.Random, int], bytes]
LARGEST = 2**20


def fields(number: int, **changed: Any) -> dict[str, Any]:
    """The fields of a good envelope, some of them changed."""
    return {
        "id": f"bad-{number}",
        "message_type": "data",
        "sender": f"fuzzer_{number % 97}",
        "recipient": "orchestration_agent",
        "payload": {"data_type": "rubbish", "data": number},
        **changed,
    }


def body(number: int, **changed: Any) -> bytes:
    return json.dumps(fields(number, **changed)).encode()


def truncated(chance: random.Random, number: int) -> bytes:
    whole = body(number)
    return whole[: chance.randrange(len(whole) - 1)]


def noise(chance: random.Random, _number: int) -> bytes:
    return b"\xff" + chance.randbytes(chance.randrange(2_000))


def nested(chance: random.Random, number: int) -> bytes:
    value: Any = number
    for _ in range(chance.randrange(70, 150)):
        value = [value] if chance.random() < 0.5 else {"n": value}
    return body(number, payload={"n": value})


def without_one(chance: random.Random, number: int) -> bytes:
    found = fields(number)
    del found[chance.choice(["id", "message_type", "sender", "payload"])]
    return json.dumps(found).encode()


def native(_chance: random.Random, number: int) -> bytes:
    words: dict[str, Any] = {
        "queue_name": "x",
        "actor_name": "x",
        "args": [number],
        "kwargs": {},
        "options": None,
    }
    return json.dumps({**words, "message_id": str(number), "message_timestamp": 1}).encode()


def odd(chance: random.Random) -> Any:
    return chance.choice([7, 0.5, True, [], {}, ["x"], {"x": 1}])


KINDS: dict[str, tuple[str, Make]] = {
    "truncated": ("bad_json", truncated),
    "noise": ("bad_encoding", noise),
    "utf-16": ("bad_encoding", lambda _, n: body(n).decode().encode("utf-16")),
    "latin-1": ("bad_encoding", lambda _, n: body(n).replace(b"rubbish", b"rubb\xefsh")),
    "not a number": ("bad_json", lambda _, n: body(n, payload={"n": float("nan")})),
    "infinite": ("bad_json", lambda _, n: body(n, payload={"n": 0}).replace(b": 0}", b": 1e999}")),
    "list": ("not_an_object", lambda c, n: json.dumps([n] * c.randrange(9)).encode()),
    "scalar": ("not_an_object", lambda _, n: str(n).encode()),
    "deep": ("too_deep", nested),
    "very deep": ("too_deep", lambda c, _: b"[" * c.randrange(10_000, 100_000)),
    "huge": ("too_large", lambda c, n: body(n, payload={"n": "x" * (LARGEST + c.randrange(99))})),
    "unknown type": ("unknown_type", lambda c, n: body(n, message_type=f"wish-{c.random()}")),
    "odd type": ("unknown_type", lambda c, n: body(n, message_type=odd(c))),
    "incomplete": ("wrong_field", without_one),
    "odd payload": ("wrong_field", lambda c, n: body(n, payload=c.choice(["x", 7, [n], None]))),
    "odd id": ("wrong_field", lambda c, n: body(n, id=c.choice([n, "", "x" * 201, "a\0b", None]))),
    "odd sender": ("wrong_field", lambda c, n: body(n, sender=c.choice([n, "", "a.b", "é", None]))),
    "odd priority": ("wrong_field", lambda c, n: body(n, priority=c.choice([0, 9, True, "high"]))),
    "odd time": ("wrong_field", lambda c, n: body(n, timestamp=c.choice([n, "noon", "", []]))),
    "native": ("wrong_field", native),
}


def rubbish(seed: int, number: int) -> tuple[bytes, str]:
    """One body, the same each time, and the reason why it is refused."""
    reason, make = list(KINDS.values())[number % len(KINDS)]
    return make(random.Random(f"{seed}-{number}"), number), reason
