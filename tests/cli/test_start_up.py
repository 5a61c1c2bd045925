"""The command line is light until a verb needs more, and every error is one line with a code."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from orchestration import settings
from orchestration.cli import exits
from orchestration.cli.root import root
from orchestration.cli.verbs import VERBS, Group
from orchestration.cli.web import beside
from orchestration.errors import (
    BrokerError,
    ConfigurationError,
    NotFoundError,
    OverloadedError,
    RejectedError,
    StoreTooNewError,
    WorkflowFailedError,
)
from orchestration.web import serving
from tests.cli.conftest import Cli
from tests.cli.processes import ROOT

HEAVY = ("pydantic", "dramatiq", "pika", "apscheduler", "rich", "numpy", "psutil")


@pytest.mark.parametrize("words", [["--help"], ["workflows", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from orchestration.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == "[]"


def test_every_verb_exists_and_says_what_it_does() -> None:
    context = click.Context(root, info_name="orchestrate")
    for name, verb in VERBS.items():
        command = root.get_command(context, name)
        assert command is not None
        if isinstance(verb, Group):
            assert isinstance(command, click.Group)
            found = [command.get_command(context, each) for each in verb.verbs]
            assert all(each is not None and each.help for each in found)
        else:
            assert command.help


def test_help_of_a_verb_can_be_read(cli: Cli) -> None:
    assert "exits 130" in cli("run", "--help").stdout
    assert "workflows" in cli("--help").stdout


def test_no_words_show_the_help(cli: Cli) -> None:
    del cli
    result = CliRunner().invoke(root, [], prog_name="orchestrate")
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_an_unknown_verb_names_the_known_ones(cli: Cli) -> None:
    assert "unknown command 'dance'" in cli("dance", code=2).stderr
    assert "orchestrate workflows knows: list, show" in cli("workflows", "dance", code=2).stderr


def test_a_wrong_option_says_where_help_is(cli: Cli) -> None:
    assert "(see `orchestrate run --help`)" in cli("run", "job", "--loud", code=2).stderr


def test_the_traceback_comes_only_with_debug(cli: Cli) -> None:
    cli("workflows", "show", "x", code=3)
    result = CliRunner().invoke(root, ["--debug", "workflows", "show", "x"])
    assert "Traceback" in result.stderr
    assert result.exit_code == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RejectedError("x"), 2),
        (ConfigurationError("x"), 2),
        (NotFoundError("x"), 2),
        (StoreTooNewError("x"), 3),
        (BrokerError("x"), 3),
        (OverloadedError("x", 1, 30), 3),
        (WorkflowFailedError("x", "failed", ()), 1),
        (click.UsageError("x"), 2),
        (click.exceptions.Abort(), 130),
        (KeyboardInterrupt(), 130),
        (ValueError("x"), 1),
    ],
)
def test_each_kind_of_error_has_its_code(error: BaseException, code: int) -> None:
    assert exits.code_of(error) == code


def test_an_error_is_told_in_one_line() -> None:
    assert exits.line_of(RejectedError("a\n b")) == "a b"
    assert exits.line_of(click.ClickException("a\nb")) == "a b"
    assert exits.line_of(click.UsageError("wrong.")) == "wrong (see `orchestrate --help`)"
    assert exits.line_of(KeyboardInterrupt()) is None
    assert exits.line_of(BrokenPipeError(32, "gone")) is None
    unexpected = exits.line_of(ValueError("odd"))
    assert unexpected is not None
    assert unexpected.startswith("ValueError: odd")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ORCHESTRATION_APP", "nowhere.at.all", "name a module that can be imported"),
        ("ORCHESTRATION_APP", "json", "has no `app"),
        ("ORCHESTRATION_COLOUR", "red", "unknown setting ORCHESTRATION_COLOUR"),
        ("DATABASE_URL", "mysql://x", "use sqlite:///path or postgresql://"),
        ("RABBITMQ_URL", "http://x", "RABBITMQ_URL"),
        ("MAX_CONCURRENT_WORKFLOWS", "many", "MAX_CONCURRENT_WORKFLOWS"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    assert says in cli("run", "job", code=2).stderr


@pytest.mark.parametrize("words", [["run", "x"], ["send", "x"], ["serve"], ["web"], ["commands"]])
def test_a_mistake_in_the_app_s_module_is_one_line_that_names_its_own(
    words: list[str], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mistaken_shop.py").write_text("from orchestration import App\n\napp = Ap()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ORCHESTRATION_APP", "mistaken_shop")
    told = "mistaken_shop.py, line 3: NameError: name 'Ap' is not defined: correct that line"
    assert told in cli(*words, code=2).stderr


def test_a_serve_whose_port_is_taken_says_that_it_works_on_without_a_console(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(serving, "PORT", taken.getsockname()[1])
        nobody: Any = None
        with beside(nobody, nobody, settings.load()) as line:
            assert line.startswith("no console: cannot listen at 127.0.0.1:")
            assert "(the port is taken): set PORT, --port or ORCHESTRATION_HOST" in line
            assert "this one works on without a console, as another worker" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "job", "items=a"], "a parameter needs -p before it: write -p items=a (see"),
        (["send", "job", "items=a b", "n=1"], "write -p 'items=a b' -p n=1"),
        (["schedules", "add", "n", "job", "items=a", "--cron", "0 6 * * *"], "write -p items=a"),
        (
            ["run", "job", "-p", "items=a", "b"],
            "unexpected: b: a parameter is written -p key=value",
        ),
    ],
)
def test_a_pair_without_its_option_is_told_how_it_is_written(
    cli: Cli, words: list[str], told: str
) -> None:
    assert told in cli(*words, code=2).stderr
