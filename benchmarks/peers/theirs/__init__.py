"""The chain as each peer's own means express it."""
