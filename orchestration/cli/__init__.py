"""The command line `orchestrate`: light at the start, each verb loads what it needs."""

from orchestration.cli.root import root


def main() -> None:
    """Run the command line, and exit with its code."""
    root(prog_name="orchestrate")
