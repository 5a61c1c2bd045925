"""Market knowledge alone: prices, checks, strategies, backtests and the search for parameters.

Nothing here knows of agents, messages or stores. Prices come in as `Bars`, are checked, stacked
into a `Panel`, read by a `Strategy`, traded by `backtest` and judged by `measure`.
"""
