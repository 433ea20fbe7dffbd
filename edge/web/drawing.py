"""A drawing of the site, as somebody made it with a drawing program, cleaned for a page.

What is not known to be harmless is left out: scripts, styles, links, anything that loads something.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from markupsafe import Markup

SVG: Final = "{http://www.w3.org/2000/svg}"

ELEMENTS: Final = frozenset(
    {
        *("svg", "g", "title", "desc", "text", "tspan"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
    }
)
ATTRIBUTES: Final = frozenset(
    {
        *("id", "viewBox", "preserveAspectRatio", "transform", "width", "height"),
        *("d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy", "points"),
        *("fill", "fill-opacity", "fill-rule", "opacity"),
        *("stroke", "stroke-width", "stroke-opacity", "stroke-dasharray"),
        *("stroke-linecap", "stroke-linejoin", "font-size", "font-weight", "text-anchor"),
    }
)

DEPTH_MAX: Final = 60


class Drawing(NamedTuple):
    """`svg`: the element as it goes into a page. `portals`: those that have a place in it."""

    svg: Markup
    portals: frozenset[str]


def drawing_of(content: bytes, portals: Mapping[str, str]) -> Drawing | None:
    """`portals`: by the id of their elements. None where it is no drawing, or too deep."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return None
    try:
        root = ElementTree.fromstring(content)  # no entities, as seen above
    except ElementTree.ParseError:
        return None
    if root.tag != f"{SVG}svg":
        return None
    found: set[str] = set()
    parts: list[str] = []
    if not _write(root, portals, found, parts, 0):
        return None
    return Drawing(Markup("".join(parts)), frozenset(found))  # written by us


def _write(
    element: ElementTree.Element,
    portals: Mapping[str, str],
    found: set[str],
    parts: list[str],
    depth: int,
) -> bool:
    name = element.tag.removeprefix(SVG)
    if name not in ELEMENTS:
        return True
    if depth > DEPTH_MAX:
        return False
    kept = {key: value for key, value in element.attrib.items() if _harmless(key, value)}
    portal = portals.get(kept.pop("id", ""))
    if portal is not None and portal not in found:
        found.add(portal)
        kept["data-portal"] = portal
    written = "".join(f" {key}={quoteattr(value)}" for key, value in kept.items())
    parts.append(f"<{name}{written}>{escape(element.text or '')}")
    for child in element:
        if not _write(child, portals, found, parts, depth + 1):
            return False
        parts.append(escape(child.tail or ""))
    parts.append(f"</{name}>")
    return True


def _harmless(key: str, value: str) -> bool:
    """References, to gradients as to addresses, all need a parenthesis after `url`."""
    return key in ATTRIBUTES and "url" not in value.lower()
