"""Schedules are added, paused, triggered and removed."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.client import Client
from tests.cli.conftest import Cli

Values = Callable[..., Any]
ADD = ("schedules", "add", "nightly", "job", "--cron", "30 6 * * mon-fri")


def test_a_schedule_lives_through_all_its_verbs(cli: Cli, values: Values, client: Client) -> None:
    (added,) = values(*ADD, "--timezone", "America/New_York", "-p", "count=3")
    assert added["parameters"]["count"] == 3
    assert added["next_at"] is not None

    (paused,) = values("schedules", "pause", "nightly")
    assert (paused["status"], paused["next_at"]) == ("paused", None)
    (resumed,) = values("schedules", "resume", "nightly")
    assert (resumed["status"], resumed["next_at"]) == ("active", added["next_at"])

    run_id = values("schedules", "trigger", "nightly")["workflow_id"]
    assert client.workflow(run_id).status()["parameters"]["count"] == 3
    assert cli("schedules", "trigger", "nightly").stdout.startswith("job_")

    assert "nightly" in cli("schedules", "list").stdout
    assert "removed" in cli("schedules", "remove", "nightly").stdout
    assert values("schedules", "list") == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["schedules", "add", "x", "job", "--cron", "every day"],
            "'every day' is no cron expression",
        ),
        (["schedules", "add", "x", "job", "--cron", "0 0 30 2 *"], "'0 0 30 2 *' never comes due"),
        (["schedules", "add", "x", "none", "--cron", "0 6 * * *"], "unknown command 'none'"),
        (["schedules", "add", "x", "job", "--cron", "0 6 * * *", "-p", "count=0"], "count: "),
        ([*ADD, "--timezone", "Mars/Base"], "Mars/Base"),
        (["schedules", "remove", "x"], "no schedule 'x'"),
        (["schedules", "pause", "x"], "no schedule 'x'"),
        (["schedules", "trigger", "x"], "no schedule 'x'"),
    ],
)
def test_what_cannot_be_is_refused(cli: Cli, client: Client, words: list[str], says: str) -> None:
    del client
    assert says in cli(*words, code=2).stderr


def test_all_that_is_wrong_is_told_at_once(cli: Cli, client: Client) -> None:
    del client
    words = ("schedules", "add", "x" * 101, "job", "--cron", "never", "--timezone", "Mars/Base")
    told = cli(*words, "-p", "count=0", code=2).stderr
    for each in ("1 to 100 characters", "'never' is no cron", "'Mars/Base' is no time", "count: "):
        assert each in told
    told = cli(*ADD[:3], "none", "--cron", "never", code=2).stderr
    assert "unknown command 'none'" in told


def test_a_name_is_taken_once(cli: Cli) -> None:
    cli(*ADD)
    cure = "take another name, or `orchestrate schedules remove nightly` first"
    assert cure in cli(*ADD, code=2).stderr
