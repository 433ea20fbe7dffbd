"""What is printed for a visitor: one page of A6 with the code, drawn as SVG. Nothing is fetched."""

import io
from datetime import tzinfo
from xml.sax.saxutils import escape

import segno

from edge.control.messages_visitors import VisitShown
from edge.present import clean, local

WIDTH_MM, HEIGHT_MM = 105, 148
MARGIN_MM = 8
CODE_MM = 70
"""A code has 57 dots a side and four of margin: more than a millimetre for each."""

WIDE = 0.6
"""How wide a letter is for its height, of those that are; narrow ones leave more room."""


def label(shown: VisitShown, code: str, zone: tzinfo) -> bytes:
    """The page: name, organisation, host, the visit's times, and the code; empty: no code. UTF-8.
    It says nothing in words, and so in no language.
    """
    begins, ends = (local(at_s * 1_000_000, zone)[:16] for at_s in (shown.from_s, shown.until_s))
    ends = ends[11:] if ends[:10] == begins[:10] else ends
    lines = [(9.0, shown.name), (5.0, shown.organisation), (5.0, f"→ {shown.host_name}")]
    lines.append((5.0, f"{begins} – {ends}"))
    drawn, top = [], float(MARGIN_MM)
    for size, said in lines:
        if said.strip():
            top += size * 1.35
            drawn.append(_text(size, top, said))
    if code:
        drawn.append(_code(code))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm" '
        f'viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}"><rect width="100%" height="100%" fill="#fff"/>'
    )
    return "".join(['<?xml version="1.0" encoding="UTF-8"?>\n', head, *drawn, "</svg>\n"]).encode()


def _text(size: float, top: float, said: str) -> str:
    """One line in the middle; what is too long is made smaller."""
    said = clean(said)
    size = min(size, (WIDTH_MM - 2 * MARGIN_MM) / (WIDE * len(said)))
    style = f'font-family="sans-serif" font-size="{size:.2f}" text-anchor="middle"'
    # A name in letters that run from right to left keeps its neighbours where they are.
    guard = 'style="unicode-bidi:isolate"'
    return f'<text x="{WIDTH_MM / 2}" y="{top:.2f}" {style} {guard}>{escape(said)}</text>'


def _code(code: str) -> str:
    """The code, as large as it fits, at the page's foot."""
    picture = io.BytesIO()
    qr = segno.make_qr(code, error="m", boost_error=False)
    qr.save(picture, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4)
    left, top = (WIDTH_MM - CODE_MM) / 2, HEIGHT_MM - CODE_MM - MARGIN_MM
    inner = picture.getvalue().decode()
    placed = f'<svg x="{left}" y="{top}" width="{CODE_MM}" height="{CODE_MM}" '
    return inner.replace("<svg ", placed, 1)
