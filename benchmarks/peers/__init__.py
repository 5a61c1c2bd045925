"""Our product beside others that do such work, in one run: `make bench-peers`."""
