"""The whole fleet on one page: what runs now, how runs ended lately, what needs a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store import alerts, approvals, listings, outcomes, runs, samples
from orchestration.store.alerts import AlertRow
from orchestration.store.listings import Filter
from orchestration.store.runs import RunRow
from orchestration.views import depths, lanes
from orchestration.views.depths import Depth
from orchestration.views.lanes import Lanes

HOUR = timedelta(hours=1)
HOURS = 24
MOST_AN_HOUR = 10_000
MOST_RUNNING = 25
MOST_RECENT = 12
MOST_ALERTS = 8
MOST_APPROVALS = 100


@dataclass(frozen=True, slots=True)
class HourOfRuns:
    """How runs ended within an hour; `capped`: more runs ended than are counted."""

    begin: datetime
    completed: int
    failed: int
    cancelled: int
    capped: bool

    @property
    def total(self) -> int:
        """How many runs ended."""
        return self.completed + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page shows.

    Attributes:
        live: How many runs are in each status before the end.
        hours: How runs ended in each of the last 24 hours, the oldest first.
        active: Runs that are running, waiting, paused or undoing, newest first.
        recent: Runs of any status, newest first.
        approvals: How many steps wait for a person, counted up to a limit.
    """

    live: dict[str, int]
    hours: tuple[HourOfRuns, ...]
    active: tuple[RunRow, ...]
    recent: tuple[RunRow, ...]
    lanes: Lanes
    pending: Depth
    alerts: tuple[AlertRow, ...]
    approvals: int

    @property
    def completed(self) -> int:
        """Runs that were completed within the last day."""
        return sum(hour.completed for hour in self.hours)

    @property
    def failed(self) -> int:
        """Runs that failed within the last day."""
        return sum(hour.failed for hour in self.hours)

    @property
    def capped(self) -> bool:
        """Whether more runs ended than are counted."""
        return any(hour.capped for hour in self.hours)

    @property
    def success(self) -> float | None:
        """Completed runs as a part of completed and failed ones; None: there are neither."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


ACTIVE = (RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED, RunStatus.UNDOING)


def overview(session: Session, now: datetime) -> Overview:
    """The fleet as it is now."""
    history = depths.depths(session, now)
    return Overview(
        live=runs.live_counts(session),
        hours=tuple(hour(session, now - HOUR * (HOURS - at)) for at in range(HOURS)),
        active=tuple(listings.page(session, Filter(statuses=ACTIVE), MOST_RUNNING)),
        recent=tuple(listings.page(session, Filter(), MOST_RECENT)),
        lanes=lanes.lanes(session, now, history),
        pending=history.get(samples.RUNS, depths.NOTHING),
        alerts=tuple(alerts.newest(session, MOST_ALERTS)),
        approvals=len(approvals.everything(session, MOST_APPROVALS)),
    )


def hour(session: Session, begin: datetime) -> HourOfRuns:
    """How runs ended in the hour that begins at a moment."""
    counts = outcomes.count(session, begin, begin + HOUR, MOST_AN_HOUR)
    return HourOfRuns(
        begin,
        counts.get(RunStatus.COMPLETED, 0),
        counts.get(RunStatus.FAILED, 0),
        counts.get(RunStatus.CANCELLED, 0),
        capped=sum(counts.values()) >= MOST_AN_HOUR,
    )
