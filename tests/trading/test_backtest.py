from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.price_series import make_bars
from trading.account import Account
from trading.backtest import backtest
from trading.bars import Bars
from trading.errors import ParameterError
from trading.ledger import Ledger
from trading.panel import Panel
from trading.sources.embedded import EmbeddedSource
from trading.strategies.legacy_v0 import legacy_v0
from trading.strategies.strategy import Gate, Reading, Strategy
from trading.study import Study
from trading.window import Window

FREE = Account(10_000, 0.02, fee_bps=0, slippage_bps=0)
RULES = {"entry_threshold": 50.0, "min_go": 1.0, "stop_multiple": 2.0, "holding_bars": 3.0}


def study_of(go: Mapping[str, list[int]], *series: Bars, score: float = 1.0) -> Study:
    """A study that signals on the given bars of each symbol, with a stop range of 1."""

    def read(bars: Bars) -> Reading:
        flags = np.zeros(len(bars))
        flags[go.get(bars.symbol, [])] = 1.0
        ranges = np.ones(len(bars))
        return Reading({"go": flags}, {"all": np.full(len(bars), score)}, ranges)

    gate = Gate("go", np.greater_equal, "min_go")
    strategy = Strategy("made_up", {"all": 1.0}, ("all",), (gate,), RULES, {}, read)
    return Study.of(strategy, Panel.stack(series))


def bars_of(rows: list[tuple[float, float, float, float]], symbol: str = "TEST") -> Bars:
    """Rows of open, high, low, close."""
    opened, high, low, close = (np.array(column) for column in zip(*rows, strict=True))
    shape = make_bars(close.tolist(), symbol)
    return replace(shape, open=opened, high=high, low=low, close=close)


def run(study: Study, account: Account = FREE, **changed: float) -> Ledger:
    last = len(study.panel.calendar) - 1
    return backtest(study, {**RULES, **changed}, Window(1, last), account)


QUIET = (10.0, 10.5, 9.5, 10.0)


def test_a_signal_at_the_close_is_filled_at_the_next_open() -> None:
    bars = bars_of([QUIET, (11.0, 11.5, 10.5, 11.0), *[QUIET] * 4])
    (trade,) = run(study_of({"TEST": [0]}, bars)).trades
    assert (trade.entered, trade.entry_price) == (str(bars.dates[1]), 11.0)


def test_the_holding_time_ends_at_an_open() -> None:
    bars = bars_of([*[QUIET] * 4, (10.2, 10.5, 9.5, 10.0), QUIET])
    (trade,) = run(study_of({"TEST": [0]}, bars)).trades
    assert (trade.left, trade.exit_price) == (str(bars.dates[4]), 10.2)
    assert trade.profit == pytest.approx(0.2 * trade.quantity)


def test_the_stop_fills_at_its_price() -> None:
    bars = bars_of([QUIET, QUIET, (9.0, 9.2, 7.9, 8.5), QUIET, QUIET])
    (trade,) = run(study_of({"TEST": [0]}, bars)).trades
    assert (trade.left, trade.exit_price) == (str(bars.dates[2]), 8.0)


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    bars = bars_of([QUIET, QUIET, (6.0, 6.5, 5.5, 6.0), QUIET, QUIET])
    (trade,) = run(study_of({"TEST": [0]}, bars)).trades
    assert (trade.left, trade.exit_price) == (str(bars.dates[2]), 6.0)


def test_the_stop_holds_on_the_day_of_entry() -> None:
    bars = bars_of([QUIET, (10.0, 10.5, 7.0, 9.0), QUIET, QUIET])
    (trade,) = run(study_of({"TEST": [0]}, bars)).trades
    assert (trade.entered, trade.left) == (str(bars.dates[1]), str(bars.dates[1]))
    assert trade.exit_price == 8.0


def test_the_last_bar_sells_at_its_close() -> None:
    bars = bars_of([QUIET, QUIET, (10.0, 10.5, 9.5, 10.3)])
    (trade,) = run(study_of({"TEST": [0]}, bars)).trades
    assert (trade.left, trade.exit_price) == (str(bars.dates[2]), 10.3)


def test_a_symbol_that_ends_early_is_sold_at_its_own_last_close() -> None:
    short = bars_of([QUIET, QUIET, (10.0, 10.5, 9.5, 9.9)], "GONE")
    ledger = run(study_of({"GONE": [0]}, short, bars_of([QUIET] * 8)), holding_bars=6)
    (trade,) = ledger.trades
    assert (trade.left, trade.exit_price) == (str(short.dates[2]), 9.9)
    assert ledger.curve[-1].equity == pytest.approx(10_000 + trade.profit)


def test_the_last_bar_gives_no_entry() -> None:
    assert run(study_of({"TEST": [4]}, bars_of([QUIET] * 5))).trades == ()


def test_only_days_of_the_window_are_traded_and_its_eve_may_signal() -> None:
    study = study_of({"TEST": [1, 2, 8]}, bars_of([QUIET] * 12))
    ledger = backtest(study, RULES, Window(3, 8), FREE)
    assert [trade.entered for trade in ledger.trades] == [study.panel.dates[3]]
    assert [point.date for point in ledger.curve] == [study.panel.dates[day] for day in range(2, 9)]
    assert ledger.curve[0].equity == 10_000


def test_the_quantity_risks_a_part_of_equity() -> None:
    (trade,) = run(study_of({"TEST": [0]}, bars_of([QUIET] * 6))).trades
    assert trade.quantity == 10_000 * 0.02 / 2.0


def test_the_quantity_is_capped_by_cash() -> None:
    account = Account(10_000, 0.5, fee_bps=10, slippage_bps=0)
    (trade,) = run(study_of({"TEST": [0]}, bars_of([QUIET] * 6)), account).trades
    assert trade.quantity == 999  # 1000 shares and their fee would cost 10,010


def test_too_little_equity_for_one_share_gives_no_trade() -> None:
    ledger = run(study_of({"TEST": [0]}, bars_of([QUIET] * 6)), Account(50, 0.02))
    assert ledger.trades == ()
    assert {point.equity for point in ledger.curve} == {50}


def test_fees_and_slippage_are_paid_at_both_ends() -> None:
    account = Account(10_000, 0.02, fee_bps=10, slippage_bps=100)
    (trade,) = run(study_of({"TEST": [0]}, bars_of([QUIET] * 6)), account).trades
    assert (trade.entry_price, trade.exit_price) == (pytest.approx(10.1), pytest.approx(9.9))
    assert trade.fees == pytest.approx(trade.quantity * (10.1 + 9.9) * 0.001)
    assert trade.profit == pytest.approx(trade.quantity * (9.9 - 10.1) - trade.fees)


def test_a_symbol_is_held_once_and_bought_again_the_day_after_it_was_sold() -> None:
    bars = bars_of([QUIET] * 12)
    trades = run(study_of({"TEST": list(range(11))}, bars)).trades
    assert [(trade.entered, trade.left) for trade in trades] == [
        (str(bars.dates[1]), str(bars.dates[4])),
        (str(bars.dates[5]), str(bars.dates[8])),
        (str(bars.dates[9]), str(bars.dates[11])),
    ]


def test_what_a_sale_brings_can_be_spent_from_the_next_day_on() -> None:
    first, second = bars_of([QUIET] * 10, "A"), bars_of([QUIET] * 10, "B")
    account = Account(10_000, 0.5, fee_bps=0, slippage_bps=0)
    trades = run(study_of({"A": [0], "B": [3, 4]}, first, second), account).trades
    assert [trade.symbol for trade in trades] == ["A", "B"]
    assert trades[0].left == str(first.dates[4])
    assert trades[1].entered == str(first.dates[5])


def test_of_one_days_signals_the_higher_score_goes_first() -> None:
    def read(bars: Bars) -> Reading:
        score = {"A": 0.6, "B": 0.9, "C": 0.9}[bars.symbol]
        ones = np.ones(len(bars))
        return Reading({"go": ones}, {"all": ones * score}, ones)

    gate = Gate("go", np.greater_equal, "min_go")
    strategy = Strategy("made_up", {"all": 1.0}, ("all",), (gate,), RULES, {}, read)
    series = [bars_of([QUIET] * 5, symbol) for symbol in "ABC"]
    account = Account(10_000, 0.15, fee_bps=0, slippage_bps=0)
    trades = run(Study.of(strategy, Panel.stack(series)), account).trades
    assert [(trade.symbol, trade.quantity) for trade in trades] == [("B", 750), ("C", 250)]


def test_a_range_of_zero_allows_no_stop_and_so_no_entry() -> None:
    study = study_of({"TEST": [0]}, bars_of([QUIET] * 6))
    assert run(replace(study, stop_range=np.zeros(6))).trades == ()


def test_a_missing_bar_is_marked_at_the_last_close_and_filled_at_the_next_open() -> None:
    whole = bars_of([QUIET] * 8, "A")
    holed = bars_of([QUIET] * 4 + [(12.0, 12.5, 11.5, 12.0)] * 4, "B")
    holed = holed.rows(~np.isin(np.arange(8), [1, 3]), "B")
    ledger = run(study_of({"B": [0]}, whole, holed), holding_bars=9)
    (trade,) = ledger.trades
    assert trade.entered == str(whole.dates[2])
    values = [point.equity for point in ledger.curve]
    assert values == [10_000] * 4 + [10_000 + 2 * trade.quantity] * 4


@pytest.mark.parametrize(
    ("capital", "risk", "fee", "slippage", "name"),
    [
        (0, 0.02, 0, 0, "capital"),
        (-1, 0.02, 0, 0, "capital"),
        (float("nan"), 0.02, 0, 0, "capital"),
        (float("inf"), 0.02, 0, 0, "capital"),
        (1, 0, 0, 0, "risk_per_trade"),
        (1, 1, 0, 0, "risk_per_trade"),
        (1, float("nan"), 0, 0, "risk_per_trade"),
        (1, 0.5, -1, 0, "fee_bps"),
        (1, 0.5, 0, 10_000, "slippage_bps"),
    ],
)
def test_an_impossible_account_is_refused(
    capital: float, risk: float, fee: float, slippage: float, name: str
) -> None:
    with pytest.raises(ParameterError) as error:
        Account(capital, risk, fee, slippage)
    assert error.value.name == name


def plain_trades(study: Study, window: Window, account: Account) -> list[tuple[object, ...]]:
    """The same rules once more, day by day and bar by bar, for one symbol."""
    (bars,) = study.panel.series
    parameters = study.strategy.published
    signals, trades = study.signals(parameters), []
    cash, day = account.capital, window.first
    while day <= window.last:
        distance = parameters["stop_multiple"] * study.stop_range[day - 1]
        bought = bars.open[day] * (1 + account.slippage)
        if not (signals[day - 1] and distance > 0):
            day += 1
            continue
        risk = cash * account.risk_per_trade / distance
        quantity = int(min(risk, cash / (bought * (1 + account.fee))))
        stop, left, price = bars.open[day] - distance, window.last, bars.close[window.last]
        for at in range(day, window.last + 1):
            gap = at > day and bars.open[at] <= stop
            if gap or at == day + int(parameters["holding_bars"]):
                left, price = at, bars.open[at]
                break
            if bars.low[at] <= stop:
                left, price = at, stop
                break
        if quantity < 1:
            day += 1
            continue
        sold = price * (1 - account.slippage)
        cash += quantity * (sold - bought) - quantity * (sold + bought) * account.fee
        trades.append((str(bars.dates[day]), str(bars.dates[left]), quantity))
        day = left + 1
    return trades


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_a_plain_loop_over_the_days_trades_the_same(embedded: EmbeddedSource, symbol: str) -> None:
    study = Study.of(legacy_v0(), Panel.stack(embedded.load([symbol]).bars))
    account = Account(100_000, 0.02)
    window = Window(80, len(study.panel.calendar) - 1)
    trades = backtest(study, study.strategy.published, window, account).trades
    assert len(trades) > 20
    mine = [(trade.entered, trade.left, trade.quantity) for trade in trades]
    assert mine == plain_trades(study, window, account)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-0.2, 0.2), min_size=20, max_size=60),
    st.lists(st.integers(0, 59), max_size=30),
    st.floats(0.001, 0.9),
)
def test_money_is_neither_made_nor_lost_by_bookkeeping(
    moves: list[float], go: list[int], risk: float
) -> None:
    bars = make_bars((10 * np.cumprod(1 + np.array(moves))).tolist())
    study = study_of({"TEST": [at for at in go if at < len(bars)]}, bars)
    ledger = run(study, Account(10_000, risk))
    gained = sum(trade.profit for trade in ledger.trades)
    assert ledger.curve[-1].equity == pytest.approx(10_000 + gained)
    for trade in ledger.trades:
        assert trade.entered <= trade.left
        assert trade.quantity >= 1
