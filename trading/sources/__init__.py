"""Where prices come from: one small interface, one file a source."""
