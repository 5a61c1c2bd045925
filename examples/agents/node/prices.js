// What the agent can say of the packaged prices.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const FILE = new URL("../../../trading/data/stocks.csv.gz", import.meta.url);
const IN_SAMPLE_PERIODS = 4;
const WARM_UP_BARS = 80;
const COLUMNS = ["Ticker", "Date", "Low", "High", "Volume"];

/** Check the prices, and find the days to trade: the result that later steps build on. */
export function prepareValidationData(parameters, file = process.env.PRICES ?? FILE) {
  const packed = readFileSync(file);
  const bars = table(gunzipSync(packed).toString("utf8"));
  const wanted = bars.filter((bar) => parameters.symbols.includes(bar.Ticker));
  requireAll(parameters.symbols, new Set(wanted.map((bar) => bar.Ticker)));
  wanted.forEach(check);
  const all = [...new Set(wanted.map((bar) => bar.Date))].sort();
  const start = beginOf(parameters.validation_period, all.at(-1));
  const traded = all.filter((day) => day > start).length;
  const before = all.length - traded;
  const days = all.slice(Math.max(before - IN_SAMPLE_PERIODS * traded - WARM_UP_BARS, 0));
  const validation = [days.length - traded, days.length - 1];
  const { inSample, outOfSample, divided } = divide(...validation);
  const span = ([first, last]) => ({ first: days[first], last: days[last] });
  return {
    data: {
      source: "embedded",
      sha256: createHash("sha256").update(packed).digest("hex"),
      symbols: parameters.symbols,
      first_bar: days[0],
      last_bar: days.at(-1),
      bars: wanted.filter((bar) => bar.Date >= days[0]).length,
      adjustment: "open, high, low and close scaled by Adj Close / Close; volume as traded",
      findings: [],
    },
    windows: {
      validation: span(validation),
      in_sample: span(inSample),
      out_of_sample: span(outOfSample),
    },
    divided,
  };
}

/** The rows of the file, each with the columns that are looked at. */
function table(text) {
  const [header, ...lines] = text.trim().split(/\r?\n/).map((line) => line.split(","));
  const places = COLUMNS.map((name) => [name, header.indexOf(name)]);
  return lines.map((cells) => Object.fromEntries(places.map(([name, at]) => [name, cells[at]])));
}

/** Refuse symbols without prices: nothing can be said of them. */
function requireAll(symbols, found) {
  const missing = symbols.filter((symbol) => !found.has(symbol)).sort();
  if (missing.length) {
    const cure = "ask for other symbols, or set PRICES to a file that has these";
    throw new Error(`no prices of ${missing.join(", ")}: ${cure}`);
  }
}

/** Refuse a bar that would make every later figure wrong. */
function check(bar) {
  const [low, high, volume] = [bar.Low, bar.High, bar.Volume].map(Number);
  if (!(low > 0 && low <= high && volume >= 0)) {
    throw new Error(`${bar.Ticker} ${bar.Date}: the bar is not usable`);
  }
}

/** The day after which a period such as 6M, 1Y, 4W or 90D begins that ends with a day. */
function beginOf(period, last) {
  const [count, unit] = [Number(period.slice(0, -1)), period.at(-1)];
  const [year, month, day] = last.split("-").map(Number);
  if (unit === "D" || unit === "W") {
    return iso(Date.UTC(year, month - 1, day - count * (unit === "W" ? 7 : 1)));
  }
  const target = month - 1 - count * (unit === "Y" ? 12 : 1);
  const lastOfTarget = new Date(Date.UTC(year, target + 1, 0)).getUTCDate();
  return iso(Date.UTC(year, target, Math.min(day, lastOfTarget)));
}

function iso(time) {
  return new Date(time).toISOString().slice(0, 10);
}

/** Days to learn on and later ones to judge by; why, where the period had to be divided. */
function divide(first, last) {
  const length = last - first + 1;
  const earliest = Math.max(first - IN_SAMPLE_PERIODS * length, WARM_UP_BARS);
  if (first - earliest >= length) {
    return { inSample: [earliest, first - 1], outOfSample: [first, last], divided: null };
  }
  const cut = first + Math.floor((2 * length) / 3);
  const divided = "the period's first two thirds were learned on";
  return { inSample: [first, cut - 1], outOfSample: [cut, last], divided };
}
