"""Figures in Prometheus' own words."""

import re

from orchestration import metrics
from orchestration.metrics import CATALOGUE, Kind, Sample, Tally
from orchestration.views.exposition import text
from orchestration.views.metrics import Figures


def told(*samples: Sample, tally: Tally | None = None) -> str:
    return text(Figures((tally or Tally()).cells, samples))


def test_a_gauge() -> None:
    assert told(Sample(metrics.EMERGENCY_STOP, value=True)) == (
        "# HELP orchestration_emergency_stop 1: an emergency stop holds.\n"
        "# TYPE orchestration_emergency_stop gauge\n"
        "orchestration_emergency_stop 1\n"
    )


def test_a_counter_by_its_labels() -> None:
    tally = Tally()
    tally.count(metrics.RUNS_ENDED, "restock", "failed")
    tally.count(metrics.RUNS_ENDED, "restock", "failed")
    assert 'orchestration_runs_ended_total{command="restock",status="failed"} 2\n' in told(
        tally=tally
    )


def test_a_histogram_counts_in_each_bucket_all_below_it() -> None:
    tally = Tally()
    for took in (0.1, 0.2, 61, 1e9):
        tally.observe(metrics.RUN_DURATION, took, "restock")
    found = re.findall(r'le="([^"]+)"} (\d+)', told(tally=tally))
    assert found[:2] == [("0.1", "1"), ("0.25", "2")]
    assert dict(found) | {"60": "2", "300": "3", "86400": "3", "+Inf": "4"} == dict(found)
    assert 'orchestration_run_duration_seconds_count{command="restock"} 4\n' in told(tally=tally)
    assert 'seconds_sum{command="restock"} 1000000061.3\n' in told(tally=tally)


def test_what_an_older_release_counted_by_other_bounds_is_not_lost() -> None:
    tally = Tally()
    tally.count(metrics.RUN_DURATION, "restock", part="42")
    found = dict(re.findall(r'le="([^"]+)"} (\d+)', told(tally=tally)))
    assert (found["30"], found["60"], found["+Inf"]) == ("0", "1", "1")


def test_no_name_can_break_out_of_its_quotes() -> None:
    name = 'a"} 1\nup 1 \\'
    line = told(Sample(metrics.AGENT_PAUSED, 0, (name,))).splitlines()[2]
    assert line == r'orchestration_agent_paused{agent="a\"} 1\nup 1 \\"} 0'


def test_a_clock_that_was_set_back_takes_nothing_off() -> None:
    tally = Tally()
    tally.observe(metrics.STEP_WAIT, -5, "warehouse")
    assert 'orchestration_step_wait_seconds_sum{agent="warehouse"} 0\n' in told(tally=tally)


def test_names_are_as_the_conventions_want_them() -> None:
    for metric in CATALOGUE:
        assert re.fullmatch(r"orchestration_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.help.endswith(".")
        assert set(metric.labels) <= {
            *("command", "status", "step", "agent", "outcome", "reason", "kind", "queue"),
            *("state", "version"),
        }
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        if "timestamp" in metric.name or metric.kind is Kind.HISTOGRAM:
            assert metric.name.endswith("_seconds")
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
