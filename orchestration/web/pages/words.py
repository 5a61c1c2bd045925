"""Values as people read them: moments, spans, counts, commands in the middle of a sentence."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from orchestration.plans import UNDO

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
SHORT_S = 10
MILLION, TEN_THOUSAND = 1_000_000, 10_000
CODE = re.compile(r"`([^`]+)`")
LONGEST_JSON = 20_000
LONGEST_LINE = 1_000


def moment(at: datetime | None) -> str:
    """A moment, to the second."""
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def parsed(text: str) -> datetime:
    """The moment in an ISO text."""
    return datetime.fromisoformat(text)


def iso(at: datetime) -> str:
    """A moment for programs."""
    return at.isoformat(timespec="milliseconds")


def ago(at: datetime | None, now: datetime) -> Markup:
    """How long ago a moment is; a script keeps it up to date."""
    if at is None:
        return Markup("never")
    text = f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"
    live = Markup("") if at > now else Markup(" data-ago")
    form = Markup('<time datetime="{0}" title="{1} UTC"{2}>{3}</time>')
    return form.format(iso(at), moment(at), live, text)


def span(length: timedelta | None) -> str:
    """A duration, in one or two units."""
    if length is None:
        return "—"
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < SHORT_S:
        return f"{seconds:.1f} s"
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    days, hours, minutes = whole // DAY_S, whole // HOUR_S % 24, whole // MINUTE_S % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {whole % 60:02} s"


def count(number: float | None) -> str:
    """A number, short where it is large."""
    if number is None:
        return "—"
    if number >= MILLION:
        return f"{number / MILLION:.1f} M"
    return f"{number:,.0f}" if number >= TEN_THOUSAND or number == int(number) else f"{number:,.2f}"


def percent(part: float | None) -> str:
    """A fraction in percent; 100 % only where nothing is missing."""
    if part is None:
        return "—"
    shown = round(part * 100, 1)
    if part < 1:
        shown = min(shown, 99.9) + 0.0
    return f"{shown:g} %"


def size(number: int) -> str:
    """A number of bytes."""
    kib = number / 1024
    if kib < 1:
        return f"{number} B"
    return f"{kib:,.1f} KiB" if kib < 1024 else f"{kib / 1024:,.1f} MiB"  # noqa: PLR2004 - KiB


def coded(text: str) -> Markup:
    """A sentence as HTML, with the text between backticks as code."""
    parts = CODE.split(text)
    return Markup("").join(
        Markup("<code>{0}</code>").format(part) if at % 2 else escape(part)
        for at, part in enumerate(parts)
    )


def spaced(name: str) -> str:
    """The name of a kind or a field as words."""
    return name.replace("_", " ")


def named(step: str) -> str:
    """The name of a step, or of the undo of one, as words."""
    bare = step.removeprefix(UNDO)
    return spaced(bare) if bare == step else f"undo of {spaced(bare)}"


def pretty(value: Any) -> str:
    """A value as indented JSON, cut where it is long."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=isinstance(value, Mapping))
    return text if len(text) <= LONGEST_JSON else f"{text[:LONGEST_JSON]}\n…"


def compact(value: Any) -> str:
    """A value as JSON in one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def plain(text: str) -> str:
    """A branch's item, given as JSON: a text without its quotes, anything else as JSON."""
    value = json.loads(text)
    return value if isinstance(value, str) else text


def plural(number: int, noun: str) -> str:
    """How many of something."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
