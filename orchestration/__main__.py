"""`python -m orchestration` is `orchestrate`."""

from orchestration.cli import main

main()
