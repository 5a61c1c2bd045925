"""What people and programs are shown: rows of the store as JSON values."""
