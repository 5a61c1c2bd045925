"""Discovery: the scan for candidates, and the control of the workers that run it."""
