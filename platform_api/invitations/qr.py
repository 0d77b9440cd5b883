"""The QR code of a letter: as SVG for a print shop, as PNG for a word processor."""

from __future__ import annotations

import io
from typing import Final

import segno

#: ISO/IEC 18004 wants four light modules around the code; error correction M mends some 15 %.
_QUIET_ZONE: Final = 4
_LEVEL: Final = "m"
#: Pixels of a module: 45 modules of them are 38 mm at 300 dpi, well above what a phone needs.
_PNG_SCALE: Final = 10
_PNG_DPI: Final = 300


def qr_code(url: str) -> tuple[str, bytes]:
    """(SVG, PNG), black on white; blocking for some milliseconds."""
    code = segno.make_qr(url, error=_LEVEL, boost_error=False)
    svg, png = io.BytesIO(), io.BytesIO()
    code.save(svg, kind="svg", border=_QUIET_ZONE, xmldecl=False, svgns=True, light="#fff", omitsize=True)
    code.save(png, kind="png", border=_QUIET_ZONE, scale=_PNG_SCALE, dpi=_PNG_DPI, light="#fff")
    return svg.getvalue().decode(), png.getvalue()
