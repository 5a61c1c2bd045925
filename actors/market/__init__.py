"""Prices from other companies' services: asked for sparingly, kept on disk, never mixed."""
