"""Colours that can be read: every pair that the pages use, in both themes (WCAG 2.2, 1.4.3)."""

import re
from pathlib import Path

import pytest

import central.web
import edge.web

STYLES = Path(edge.web.__file__).parent / "static"
LEAST = 4.5
PAIRS = (
    *(("ink", back) for back in ("page", "card", "notice-back")),
    *(("quiet", back) for back in ("page", "card", "notice-back")),
    *(("link", back) for back in ("page", "card")),
    *(
        (tone, back)
        for tone in ("granted", "denied", "alarm", "notice")
        for back in ("card", f"{tone}-back")
    ),
    *(("on-strong", strong) for strong in ("link", "alarm")),
    *(("ink", f"{tone}-back") for tone in ("granted", "denied", "alarm", "notice")),
    ("focus", "page"),
)


def themes() -> list[dict[str, str]]:
    content = (STYLES / "theme.css").read_text("utf-8")
    return [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r"\{([^{}]*--page[^{}]*)\}", content)
    ]


def luminance(colour: str) -> float:
    """Relative, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself_is_right_at_its_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_there_are_a_light_and_a_dark_theme_and_the_dark_one_is_the_same_twice() -> None:
    light, dark, asked = themes()
    assert light.keys() == dark.keys()
    assert dark == asked, "what a browser asks for and what somebody chooses differ"


@pytest.mark.parametrize("pair", PAIRS, ids=" on ".join)
def test_every_pair_of_colours_can_be_read(pair: tuple[str, str]) -> None:
    for theme in themes():
        said = contrast(theme[pair[0]], theme[pair[1]])
        assert said >= LEAST, f"{pair[0]} {theme[pair[0]]} on {theme[pair[1]]}: {said:.2f}"


def test_no_colour_stands_outside_the_theme() -> None:
    wall = Path(central.web.__file__).parent / "static"
    for path in (*STYLES.glob("*.css"), *wall.glob("*.css")):
        if path.name != "theme.css":
            screen = re.sub(r"@media print \{.*", "", path.read_text("utf-8"))
            assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[ ;])", screen), path.name
