"""How fast we are, beside the same work on bare Dramatiq: `python -m benchmarks`."""
