"""Real market data: the source of the fleet's prices, and how it switches to another."""
