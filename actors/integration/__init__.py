"""Real market data: which source the fleet lives on, and how it changes over to another."""
