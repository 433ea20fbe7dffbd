"""A drawing from outside brings shapes and words to a page, and nothing that runs or loads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.web.drawing import DEPTH_MAX, drawing_of

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' viewBox="0 0 9 9">'
)


def cleaned(inner: str, **portals: str) -> str:
    drawing = drawing_of(f"{HEAD}{inner}</svg>".encode(), portals)
    assert drawing is not None
    return str(drawing.svg)


def test_shapes_and_words_stay() -> None:
    said = cleaned(
        '<g fill="#eee"><path d="M0 0L1 1"/><text x="1" y="2">Hall &amp; gate</text></g>'
    )
    assert '<g fill="#eee"><path d="M0 0L1 1"></path>' in said
    assert "Hall &amp; gate</text>" in said
    assert 'viewBox="0 0 9 9"' in said


def test_a_portal_is_known_by_the_id_of_its_element_and_other_ids_are_dropped() -> None:
    drawing = drawing_of(
        f'{HEAD}<circle id="door7" r="1"/><circle id="posture" r="1"/></svg>'.encode(),
        {"door7": "main-gate", "door8": "annex"},
    )
    assert drawing is not None
    assert '<circle r="1" data-portal="main-gate">' in drawing.svg
    assert "posture" not in drawing.svg
    assert drawing.portals == {"main-gate"}


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        '<script xlink:href="http://x/y.js"/>',
        '<g onload="alert(1)"/>',
        '<a href="javascript:alert(1)"><text>x</text></a>',
        '<image href="http://x/y.png"/>',
        '<use href="http://x/y.svg#z"/>',
        "<foreignObject><b xmlns='http://www.w3.org/1999/xhtml'>alert</b></foreignObject>",
        "<style>rect{fill:url(http://x)}</style>",
        '<rect style="fill:url(http://x)"/>',
        '<rect fill="url(http://x#y)"/>',
        '<rect fill="URL( #y)"/>',
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onclick" to="alert(1)"/>',
        '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    ],
)
def test_what_runs_or_loads_is_left_out(inner: str) -> None:
    said = cleaned(inner + '<rect width="1"/>').lower()
    for bad in ("script", "alert", "url", "href", "on", "style", "foreign", "image", "use"):
        assert bad not in said.replace("http://www.w3.org", ""), bad
    assert "<rect" in said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no drawing",
        b"<svg/>",
        b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        HEAD.encode(),
        (HEAD + "<g>" * (DEPTH_MAX + 2) + "</g>" * (DEPTH_MAX + 2) + "</svg>").encode(),
        b"\xff\xfe<\x00s\x00",
    ],
)
def test_what_is_no_drawing_is_none(content: bytes) -> None:
    assert drawing_of(content, {}) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_and_values_cannot_leave_their_places(text: str, value: str) -> None:
    from xml.etree import ElementTree
    from xml.sax.saxutils import escape, quoteattr

    source = f"{HEAD}<text fill={quoteattr(value)}>{escape(text)}</text></svg>"
    drawing = drawing_of(source.encode("utf-8", "surrogatepass"), {})
    if drawing is None:  # signs that no XML has
        return
    again = ElementTree.fromstring(str(drawing.svg))
    assert [one.tag for one in again] == ["text"]
