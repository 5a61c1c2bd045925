"""Discovery: what finds candidates, and the control of those who run it."""
