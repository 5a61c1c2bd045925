"""The store: a file for each table, for each question that spans several, and for each database."""
