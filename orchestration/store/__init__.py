"""The store: one file a table, one file a database."""
