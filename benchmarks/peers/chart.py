"""The figures of all contenders, as lines and as a picture."""

from collections.abc import Mapping
from typing import Any

WIDTH, ROW, LEFT, BAR = 860, 30, 220, 420
OURS = "ours"


def lines(found: Mapping[str, Any]) -> list[str]:
    """Each contender in one line, with its durability, and how many times as fast ours is."""
    work, everybody = found["work"], found["contenders"]
    about = (
        f"five steps, payload {work['payload']} bytes, {work['pause_s']:g} s a step;"
        f" {work['many']} workflows, {work['in_flight']} in flight;"
        f" median of {work['rounds']} alternating rounds [lowest to highest]; all results checked"
    )
    page = [
        about,
        "",
        f"{'':28}{'workflows/s':>22}{'alone p50 ms':>14}  durability, settings",
    ]
    for name, each in everybody.items():
        rate, alone = each["workflows_per_s"], each["alone_p50_ms"]
        rates = f"{rate['median']:.0f} [{rate['lowest']:.0f} to {rate['highest']:.0f}]"
        chosen = ", ".join(f"{key} {value}" for key, value in each["chosen"].items())
        how = "; ".join(filter(None, (each["durability"], chosen)))
        page.append(f"{name:28}{rates:>22}{alone['median']:>14.1f}  {how}")
    return [*page, "", *ratios(everybody)]


def ratios(everybody: Mapping[str, Any]) -> list[str]:
    """How many times as fast as each peer ours is."""
    mine = {name: each for name, each in everybody.items() if name.startswith(OURS)}
    return [
        f"{name} is {each['workflows_per_s']['median'] / other['workflows_per_s']['median']:.2f}"
        f" times as fast as {peer}"
        for name, each in mine.items()
        for peer, other in everybody.items()
        if peer not in mine
    ]


def bars(found: Mapping[str, Any]) -> str:
    """Workflows a second as an SVG, one bar each with its range."""
    everybody = found["contenders"]
    top = max(each["workflows_per_s"]["highest"] for each in everybody.values())
    rows = [
        bar(number, name, each["workflows_per_s"], BAR / top)
        for number, (name, each) in enumerate(everybody.items())
    ]
    height = ROW * (len(rows) + 1)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="13">'
    )
    return "\n".join([head, *rows, "</svg>", ""])


def bar(number: int, name: str, rate: Mapping[str, float], scale: float) -> str:
    """One bar."""
    y = ROW * number + ROW // 2
    colour = "#2b6cb0" if name.startswith(OURS) else "#a0aec0"
    median, low, high = (rate[key] * scale for key in ("median", "lowest", "highest"))
    return (
        f'<text x="{LEFT - 8}" y="{y + 5}" text-anchor="end">{name}</text>'
        f'<rect x="{LEFT}" y="{y - 9}" width="{median:.1f}" height="18" fill="{colour}"/>'
        f'<line x1="{LEFT + low:.1f}" x2="{LEFT + high:.1f}" y1="{y}" y2="{y}" stroke="#1a202c"/>'
        f'<text x="{LEFT + max(median, high) + 8:.1f}" y="{y + 5}">{rate["median"]:.0f}/s</text>'
    )
