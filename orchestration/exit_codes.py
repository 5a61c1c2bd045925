"""The exit codes of every process: of the command line, of a worker, and of the scheduler."""

COMPLETED = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
DETACHED = 130
