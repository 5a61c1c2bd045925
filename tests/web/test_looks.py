"""The colours of the pages can be read: WCAG AA, computed from the tokens of the style sheet."""

import re
from itertools import product

import pytest

from orchestration.web.pages.files import CONTENTS

CSS = CONTENTS["console.css"].decode()
TEXT, SHAPE = 4.5, 3.0
GROUNDS = ("paper", "panel", "sunken", "hover")
INKS = ("ink", "soft", "faint", "accent", "ok", "go", "wait", "bad", "undo", "rest")
WASHED = ("ok", "go", "wait", "bad", "undo", "rest")
LOUD = (("on-accent", "accent"), ("on-stop", "stop"), ("accent", "go-wash"), ("ink", "wait-wash"),
        ("ink", "bad-wash"), ("soft", "wait-wash"), ("soft", "bad-wash"))  # fmt: skip


PAIRS = re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
SCHEMES = {
    "light": {name: light for name, light, _ in PAIRS},
    "dark": {name: dark for name, _, dark in PAIRS},
}


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio after WCAG 2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_can_be_read_on_every_ground(scheme: str) -> None:
    found = SCHEMES[scheme]
    pairs = [*product(INKS, GROUNDS), *((each, f"{each}-wash") for each in WASHED), *LOUD]
    poor = {
        pair: round(ratio, 2)
        for pair in pairs
        if (ratio := contrast(found[pair[0]], found[pair[1]])) < TEXT
    }
    assert not poor


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_of_fields_and_curves_can_be_seen(scheme: str) -> None:
    found = SCHEMES[scheme]
    shapes = ("edge", "curve-1", "curve-2", "curve-3", "curve-4")
    poor = [each for each in shapes if contrast(found[each], found["panel"]) < SHAPE]
    assert not poor


def test_every_colour_is_a_token_in_both_schemes() -> None:
    written = re.findall(r"#[0-9a-f]{3,8}\b", CSS)
    assert len(written) == 2 * len(PAIRS)


def test_nothing_is_loaded_from_elsewhere() -> None:
    for name, body in CONTENTS.items():
        text = body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE), name
        assert "@import" not in text
