"""Small curves as one SVG; the horizontal axis is logarithmic."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT, MARGIN, COLUMNS = 300, 200, 48, 3


def curves(found: Mapping[str, Any]) -> str:
    """Every curve in a frame of its own."""
    rows = -(-len(found) // COLUMNS)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * COLUMNS}"'
        f' height="{HEIGHT * rows}" font-family="sans-serif" font-size="11">'
    )
    frames = [
        frame(number, name, each["unit"], each["points"])
        for number, (name, each) in enumerate(found.items())
    ]
    return "\n".join([head, *frames, "</svg>", ""])


def frame(number: int, name: str, unit: str, points: Sequence[Sequence[float]]) -> str:
    """One curve, from zero."""
    left, top = WIDTH * (number % COLUMNS), HEIGHT * (number // COLUMNS)
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    most = max(y for _, y in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - first) / ((last - first) or 1.0)
        across = MARGIN + share * (WIDTH - 2 * MARGIN)
        return left + across, top + HEIGHT - MARGIN - y / most * (HEIGHT - 2 * MARGIN)

    places = [place(x, y) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    labels = [
        f'<text x="{x:.1f}" y="{y - 6:.1f}" text-anchor="middle">{value:.2g}</text>'
        f'<text x="{x:.1f}" y="{top + HEIGHT - MARGIN + 16}" text-anchor="middle">{size:g}</text>'
        for (x, y), (size, value) in zip(places, points, strict=True)
    ]
    title = (
        f'<text x="{left + WIDTH / 2}" y="{top + 16}" text-anchor="middle">{name}: {unit}</text>'
    )
    return "\n".join(
        [
            title,
            f'<polyline points="{line}" fill="none" stroke="#2b6cb0" stroke-width="2"/>',
            *labels,
        ]
    )
