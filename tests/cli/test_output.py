"""How results and listings are printed for people."""

import pytest

from orchestration.cli.output import emit


def test_names_and_values_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    emit("table", {"[red]": ":cat:", "rows": [{"[/]": "[bold]1", ":smile:": 2}]})
    words = capsys.readouterr().out.split()
    assert words == ["[red]", ":cat:", "rows", "[/]", ":smile:", "[bold]1", "2"]


def test_the_columns_of_a_listing_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    emit("table", [{"n[bold]": "v"}], ["n[bold]"])
    assert capsys.readouterr().out.split() == ["n[bold]", "v"]
