"""Figures in Prometheus' text format 0.0.4, written by hand since the format is so small."""

from collections.abc import Iterator, Mapping, Sequence

from orchestration.metrics import CATALOGUE, INFINITE, SUM, Kind, Metric
from orchestration.views.metrics import Figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Series = Mapping[tuple[str, ...], Mapping[str, float]]


def text(figures: Figures) -> str:
    """Every metric that has a value, in the order of the catalogue."""
    known: dict[str, dict[tuple[str, ...], dict[str, float]]] = {}
    for (name, labels, part), value in figures.counted.items():
        known.setdefault(name, {}).setdefault(labels, {})[part] = value
    for sample in figures.samples:
        known.setdefault(sample.metric.name, {})[tuple(sample.labels)] = {"": sample.value}
    return "".join(
        f"{line}\n"
        for metric in CATALOGUE
        if metric.name in known
        for line in lines(metric, known[metric.name])
    )


def lines(metric: Metric, series: Series) -> Iterator[str]:
    """The lines of one metric, its help and type first."""
    yield f"# HELP {metric.name} {escaped(metric.help)}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels in sorted(series):
        pairs = list(zip(metric.labels, labels, strict=True))
        if metric.kind is Kind.HISTOGRAM:
            yield from histogram(metric, pairs, series[labels])
        else:
            yield line(metric.name, pairs, series[labels][""])


def histogram(
    metric: Metric, pairs: Sequence[tuple[str, str]], parts: Mapping[str, float]
) -> Iterator[str]:
    """The cumulative buckets of a histogram; counts by another release's bounds are fitted in."""
    counts = dict.fromkeys((*(f"{bound:g}" for bound in metric.buckets), INFINITE), 0.0)
    for part, count in parts.items():
        if part != SUM:
            counts[part if part in counts else metric.bucket(float(part))] += count
    total = 0.0
    for bound, count in counts.items():
        total += count
        yield line(f"{metric.name}_bucket", [*pairs, ("le", bound)], total)
    yield line(f"{metric.name}_sum", pairs, parts.get(SUM, 0.0))
    yield line(f"{metric.name}_count", pairs, total)


def line(name: str, pairs: Sequence[tuple[str, str]], value: float) -> str:
    """One sample."""
    inner = ",".join(f'{label}="{quoted(text)}"' for label, text in pairs)
    return f"{name}{{{inner}}} {number(value)}" if inner else f"{name} {number(value)}"


def number(value: float) -> str:
    """A number, whole ones without a fraction."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def escaped(words: str) -> str:
    """A help text on one line."""
    return words.replace("\\", r"\\").replace("\n", r"\n")


def quoted(words: str) -> str:
    """A label's value as it stands between quotes."""
    return escaped(words).replace('"', r"\"")
