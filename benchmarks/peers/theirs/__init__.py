"""Others, each with its own means."""
