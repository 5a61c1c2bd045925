"""What may be a slip in settings that can be used: each doubt is one line, told at the start."""

import os
from collections.abc import Collection, Mapping
from difflib import SequenceMatcher

from orchestration.settings.loading import secrets
from orchestration.settings.model import Settings

LIKE = 0.88  # a whole name
LIKE_WORD = 0.6  # each of its words: RABBITMQ_HOME is RabbitMQ's own, and no slip of RABBITMQ_HOST


def misspelt(
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - as in `loading`
) -> list[str]:
    """A line for each variable that is no setting, but very like one that is not set.

    Unknown `ORCHESTRATION_*` are refused by `load`; others may be meant for another program.
    """
    names = {name.upper() for name in Settings.model_fields}
    names |= {f"{name}_FILE" for name in secrets()}
    given = {name for name, value in environ.items() if value}
    found = {name: nearest(name, names - given) for name in sorted(given - names)}
    return [
        f"{name} is not a setting: did you mean {meant}?" for name, meant in found.items() if meant
    ]


def nearest(name: str, names: Collection[str]) -> str | None:
    """The setting that a variable is most like, of as many words; None: it is like none."""
    words = name.upper().split("_")
    fitting = [
        (likeness(name.upper(), each), each)
        for each in names
        if len(words) == len(each.split("_"))
        and all(likeness(*pair) > LIKE_WORD for pair in zip(words, each.split("_"), strict=True))
    ]
    best, meant = max(fitting, default=(0.0, None))
    return meant if best > LIKE else None


def likeness(one: str, other: str) -> float:
    """How like two words are, from 0 to 1."""
    return SequenceMatcher(None, one, other).ratio()


def undeclared(settings: Settings, agents: Collection[str]) -> list[str]:
    """A line for each outside agent that the app does not declare.

    It is not refused: settings may be there before the release that declares it, and after it.

    Args:
        settings: The settings.
        agents: Every agent of the app.
    """
    known = ", ".join(sorted(agents))
    return [
        f"OUTSIDE_AGENTS: unknown agent {name!r}; known: {known}"
        for name in settings.outside_agents
        if name not in agents
    ]
