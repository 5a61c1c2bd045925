"""The runtime: Dramatiq's processes and threads around the engine."""
