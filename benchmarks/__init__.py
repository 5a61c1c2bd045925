"""How fast the product is, beside the same work on bare Dramatiq: `python -m benchmarks`."""
